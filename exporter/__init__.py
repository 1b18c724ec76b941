"""Measures, every second, how much data (RPO) and how much time (RTO) a disaster would cost."""

__version__ = "0.1.0"
