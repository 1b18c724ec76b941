"""Grafana boards, generated for a given configuration or for any. They need the extra `dashboards` (grafanalib)."""
