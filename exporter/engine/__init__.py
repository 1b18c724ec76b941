"""When to look: ticks, doubt, deadlines. Every look goes through the fold, its records into the ledger, then it is published."""
