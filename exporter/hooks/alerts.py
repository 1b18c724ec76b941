"""What Alertmanager sends to a webhook (its data format, version 4), as far as people get to see it."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

SEVERITIES = ("critical", "warning", "info")
OTHER = "other"
_SUBJECTS = ("system", "contact", "vantage", "instance", "job")


class Alert(BaseModel):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: str = Field("", alias="startsAt")
    fingerprint: str = ""

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        """One of SEVERITIES, or OTHER."""
        severity = self.labels.get("severity")
        return severity if severity in SEVERITIES else OTHER

    @property
    def subject(self) -> str:
        """What it is about: the system, or what else names it; may be empty."""
        return next((self.labels[name] for name in _SUBJECTS if self.labels.get(name)), "")

    @property
    def identity(self) -> str:
        """The same for every notification about this alert."""
        return self.fingerprint or repr(sorted(self.labels.items()))

    @property
    def is_urgent(self) -> bool:
        return self.status == "firing" and self.severity == "critical"


class Notification(BaseModel):
    """One request of Alertmanager: the alerts of a group."""

    group: str = Field("", alias="groupKey")
    truncated: int = Field(0, alias="truncatedAlerts", ge=0)
    """Alerts that Alertmanager left out, because the receiver's `max_alerts` said so."""
    alerts: list[Alert]

    @property
    def key(self) -> object:
        """Equal for a notification and Alertmanager's later tries of it, as long as its alerts stay as they are."""
        alerts = frozenset((alert.identity, alert.status, alert.starts_at) for alert in self.alerts)
        return self.group, self.truncated, alerts

    @property
    def is_urgent(self) -> bool:
        return any(alert.is_urgent for alert in self.alerts)


def parse(body: bytes) -> Notification:
    """Raises ValueError with a sentence that repeats nothing of the body."""
    try:
        return Notification.model_validate_json(body)
    except ValidationError as error:
        at = ".".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"])) or "its beginning"
        raise ValueError(f"this is no notification of Alertmanager (webhook, version 4): see {at}") from None


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """What fires before what is over, the severe before the mild, then by name and subject."""
    ranks = {severity: rank for rank, severity in enumerate((*SEVERITIES, OTHER))}
    return sorted(alerts, key=lambda a: (a.status == "resolved", ranks[a.severity], a.name, a.subject))
