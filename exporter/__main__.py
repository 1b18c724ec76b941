"""`python -m exporter` is the command `rto-rpo-exporter`."""

from exporter.cli import main

if __name__ == "__main__":
    main()
