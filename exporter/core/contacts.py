"""Whether those who decide in a disaster can still be reached: what was made sure of long ago is not sure any more."""

from datetime import UTC, datetime
from typing import Any

from exporter.core.model import Contact

CONFIRMED_FOR = 180 * 86400.0
"""Seconds for which a confirmation holds unless `exporter.contacts_confirmed_for` says otherwise: half a year, in which people
change their post and their number."""


def is_stale(contact: Contact, at: float, confirmed_for: float) -> bool:
    """Nobody ever made sure that all of it is right, or at `at` (Unix seconds) nobody has for `confirmed_for` seconds."""
    return contact.confirmed is None or at - contact.confirmed > confirmed_for


def contact_json(contact: Contact, at: float, confirmed_for: float) -> dict[str, Any]:
    """`confirmed` is a day, as it was configured; null if nobody ever confirmed it."""
    day = None if contact.confirmed is None else datetime.fromtimestamp(contact.confirmed, UTC).date().isoformat()
    return {
        "name": contact.name,
        "who": contact.who,
        "deputies": list(contact.deputies),
        "confirmed": day,
        "stale": is_stale(contact, at, confirmed_for),
    }
