"""Which field of a report answers to what a rule book asks to be recorded. It helps to find things; it claims no compliance."""

from typing import Final

ANNEX: Final[list[dict[str, object]]] = [
    {
        "source": "ISO 22301:2019",
        "clause": "8.2.2, 8.4.4, 8.5, 8.6, 9.1, 10.2",
        "asks": "annex.iso22301",
        "fields": ["objectives", "events.phases", "drills", "events.verdicts", "events.open_actions"],
    },
    {
        "source": "NIST SP 800-34 Rev. 1",
        "clause": "3.2, 3.4.1, 3.5, 4.2–4.4, App. A",
        "asks": "annex.nist",
        "fields": ["objectives.rto", "objectives.rpo_site_loss", "drill_trend", "contacts", "events.phases", "backups"],
    },
    {
        "source": "DORA, Delegated Regulation (EU) 2024/1774",
        "clause": "Art. 25, 26",
        "asks": "annex.dora",
        "fields": ["drills", "readiness", "backups", "events.rto", "events.rpo", "checklist", "events.marks"],
    },
    {
        "source": "HKMA TM-G-2, OR-2",
        "clause": "TM-G-2 (V.2) 2.2, 3.2, 4.2, 4.4, 4.6, 6.1; OR-2",
        "asks": "annex.hkma",
        "fields": ["drills", "drills.signatures", "objectives", "availability", "contacts", "events.marks"],
    },
    {
        "source": "MAS Technology Risk Management Guidelines (2021)",
        "clause": "8.1–8.4",
        "asks": "annex.mas",
        "fields": ["availability.downtime_seconds", "objectives", "drills", "backups", "events.cause"],
    },
    {
        "source": "HIPAA 45 CFR 164.308(a)(7)",
        "clause": "(ii)(A), (B), (D), (E)",
        "asks": "annex.hipaa",
        "fields": ["backups", "drills", "drill_trend", "tier", "events.open_actions"],
    },
]
