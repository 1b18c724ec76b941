"""Who decides and acts, as it was configured at an instant."""

from calendar import timegm
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, NamedTuple

from exporter.core.checklist import Standing
from exporter.core.contacts import CONFIRMED_FOR, is_stale
from exporter.core.model import Contact
from exporter.reports.events import Book
from exporter.settings import parse_duration


class Roll(NamedTuple):
    """The contacts, and after how many seconds one has to be confirmed again. `at`: Unix seconds."""

    at: float
    contacts: Sequence[Contact]
    confirmed_for: float

    def told(self) -> list[dict[str, Any]]:
        """`confirmed` in Unix seconds, None: never."""
        return [{**asdict(one), "deputies": list(one.deputies)} for one in self.contacts]

    def judged(self) -> list[dict[str, Any]]:
        """The same with the standing of each."""
        return [
            {**told, "standing": self._standing(contact)}
            for told, contact in zip(self.told(), self.contacts, strict=True)
        ]

    def _standing(self, contact: Contact) -> str:
        if not contact.deputies or contact.confirmed is None:
            return str(Standing.MISSING)
        return str(Standing.STALE if is_stale(contact, self.at, self.confirmed_for) else Standing.PROVEN)


def roll_at(book: Book, at: float) -> Roll:
    """By the configuration of then; one that did not say how long a confirmation holds was read with the default."""
    config = book.config(at)
    own: Mapping[str, Any] = config.get("exporter") or {}
    holds = own.get("contacts_confirmed_for")
    contacts = [
        Contact(one["name"], one["who"], tuple(one.get("deputies") or ()), _unix(one.get("confirmed")))
        for one in config.get("contacts") or ()
    ]
    return Roll(at, contacts, CONFIRMED_FOR if holds is None else parse_duration(holds))


def _unix(day: object) -> float | None:
    return float(timegm(date.fromisoformat(str(day)).timetuple())) if day else None
