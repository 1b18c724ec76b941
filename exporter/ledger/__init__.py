"""The evidence: an append-only, hash-chained table of what happened, and beside it what a restart needs to go on."""
