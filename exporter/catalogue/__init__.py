"""Names live once: every metric with its labels, help and unit."""
