"""Addresses that pages link to: plain enough to stand in a link as they are, and to be seen by everybody."""

import re
from typing import Annotated

from pydantic import PlainValidator

_ADDRESS = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]{0,500})?")


def _address(value: object) -> str:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        # What was written is not repeated: a password may stand in it.
        raise ValueError(
            "this is not an address for people; write it like https://grafana.example.com or https://example.com/grafana,"
            " without user, query and #"
        )
    return value.rstrip("/")


Address = Annotated[str, PlainValidator(_address)]
"""A URL of a page, without a slash at the end."""
