"""Reports over made-up ledgers, whose figures were worked out by hand."""
