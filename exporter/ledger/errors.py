"""The one error that the ledger raises to those who open or read it."""


class LedgerError(OSError):
    """The ledger cannot be used; the sentence says what is wrong with which file, and what would be right."""
