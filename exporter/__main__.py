"""`python -m exporter` is the command `rto-rpo-exporter`."""

import gc

# What the imports make stays until the end: to search it again and again for garbage took a sixth of the start.
gc.disable()

from exporter.cli import main  # noqa: E402 - that is the point

gc.enable()

if __name__ == "__main__":
    main()
