"""Whether those who decide in a disaster can still be reached: what was made sure of long ago is not sure any more."""

from datetime import UTC, datetime
from typing import Any

from exporter.core.model import Contact, Moment

CONFIRMED_FOR = 180 * 86400.0
"""Seconds for which a confirmation holds: half a year, in which people change their post and their number."""


def is_stale(contact: Contact, now: Moment) -> bool:
    """Nobody ever made sure that all of it is right, or nobody has for `CONFIRMED_FOR`."""
    return contact.confirmed is None or now.wall - contact.confirmed > CONFIRMED_FOR


def contact_json(contact: Contact, now: Moment) -> dict[str, Any]:
    """`confirmed` is a day, as it was configured; null if nobody ever confirmed it."""
    day = None if contact.confirmed is None else datetime.fromtimestamp(contact.confirmed, UTC).date().isoformat()
    return {
        "name": contact.name,
        "who": contact.who,
        "deputies": list(contact.deputies),
        "confirmed": day,
        "stale": is_stale(contact, now),
    }
