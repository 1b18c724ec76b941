"""Two small sites with real replication between processes: something to watch, to break, and to check the exporter with."""
