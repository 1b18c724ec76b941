"""The running exporter of the exporter's own tests."""

from tests.exporter.conftest import exporter

__all__ = ["exporter"]
