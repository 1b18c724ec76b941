"""What turns Alertmanager's notifications into messages that people see. Knows nothing of probes, and never delays one."""
