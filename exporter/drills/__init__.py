"""The commands of those who run drills: they speak with a running exporter, and hold nothing themselves."""
