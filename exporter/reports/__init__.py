"""Reports and evidence: what the ledger holds, for people who were not there. Nothing here asks the probed systems."""
