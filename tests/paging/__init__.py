"""Pages end to end: systems that really fail, the exporter, Prometheus with the shipped rules, Alertmanager with the shipped routes."""
