"""A snapshot and the catalogue, turned into what Prometheus reads."""
