"""`$.a.b[0]`, for the kinds of probe: it is shared with the sources of backups."""

from exporter.json_path import JsonPath, Keys, keys, pick

__all__ = ["JsonPath", "Keys", "keys", "pick"]
