"""The tables of a report as Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from exporter.reports.html import told
from exporter.reports.teller import Teller

Json = Mapping[str, Any]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Head, line and rows."""

    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(safe(cell) for cell in row)} |" for row in rows),
    ]


def safe(text: str) -> str:
    """Nothing that came from elsewhere becomes a table's border, a tag or a link."""
    told = " ".join(str(text).split())
    return "".join(f"\\{char}" if char in "\\|`*_[]<>#" else char for char in told)


def systems(systems: Iterable[Json], t: Teller) -> list[str]:
    """Availability and budget of each."""

    names = (
        "system",
        "availability",
        "availability_reclassified",
        "objective",
        "downtime",
        "budget_left",
        "unobserved",
        "worst_rto",
        "worst_rpo",
        "verdict",
    )

    def row(system: Json) -> list[str]:
        a = system["availability"]
        rto = t.word("value.running") if system["outage_running"] else t.interval(system["worst_rto"])
        return [
            system["name"], t.percent(a["ratio"]), t.percent(a["ratio_reclassified"]), told(t, "availability", a["objective"]),
            _down(a, t), _or_none(a["budget_left_seconds"], t), t.duration(a["unobserved_seconds"]),
            rto, t.interval(system["worst_rpo"]), _judged(a, t),
        ]  # fmt: skip

    return table([t.word(f"label.{name}") for name in names], map(row, systems))


def events(events: Iterable[Json], t: Teller) -> list[str]:
    """Every incident and move."""

    names = ("event", "kind", "start", "rto", "verdict", "rpo", "verdict", "markers_short", "classification", "cost")

    def row(event: Json) -> list[str]:
        verdicts = event["verdicts"]
        rto = t.word("value.running") if event["rto"] is None else t.interval(event["rto"])
        return [
            event["id"], t.named("kind", event["kind"]), t.instant(event["start"]["estimate"]), rto,
            t.signed("verdict", verdicts["rto"]), t.interval(event["rpo"]), t.signed("verdict", verdicts["rpo"]), counts(event["markers"], t),
            t.named("class", event["classification"]["effective"]), t.money(event["cost"]),
        ]  # fmt: skip

    return table([t.word(f"label.{name}") for name in names], map(row, events))


def counts(markers: Json | None, t: Teller) -> str:
    """Lost, surviving and never acknowledged markers."""
    if markers is None:
        return t.unknown
    return " / ".join(str(markers[name]) for name in ("lost", "surviving", "indeterminate"))


def split_brains(found: Iterable[Json], t: Teller) -> list[str]:
    """Where two sites took writes, and for how long."""

    def row(one: Json) -> list[str]:
        end, lasted = t.instant(one["end"]), t.duration(one["seconds"])
        if one["open"]:
            end = lasted = t.word("value.running")
        sites = ", ".join(one["sites"]) or t.unknown
        return [one["system"], one["component"], sites, t.instant(one["start"]), end, lasted]

    names = ("system", "component", "sites", "start", "end", "lasted")
    return table([t.word(f"label.{name}") for name in names], map(row, found))


def drills(drills: Iterable[Json], t: Teller) -> list[str]:
    """Drills and maintenance."""

    names = ("drill", "scenario", "operator", "start", "end", "rto", "outcome", "signatures")
    texts: Sequence[Callable[[Json], str]] = (
        lambda d: d["id"],
        lambda d: t.named("scenario", d["scenario"] or t.unknown),
        lambda d: d["operator"] or t.unknown,
        lambda d: t.instant(d["started"]),
        lambda d: (
            (t.instant(d["ended"]) if d["ended"] else t.word("value.running"))
            + (f" ({t.word('value.left_open')})" if d["left_open"] else "")
        ),
        lambda d: t.interval(d["rto"]),
        lambda d: d["outcome"] or t.unknown,
        lambda d: ", ".join(str(one["by"]) for one in d["signatures"]) or t.word("value.none"),
    )
    return table([t.word(f"label.{name}") for name in names], ([tell(d) for tell in texts] for d in drills))


def checklist(lines: Iterable[Json], t: Teller) -> list[str]:
    """What is proven of one system."""

    def row(line: Json) -> list[str]:
        details = ", ".join(t.named("objective", one) for one in line["details"])
        return [
            t.word(f"check.{line['check']}"),
            t.signed("standing", line["standing"]),
            t.word(f"reason.{line['reason']}", details=details),
        ]

    return table([t.word(f"label.{name}") for name in ("check", "standing", "why")], map(row, lines))


def contacts(found: Iterable[Json], t: Teller) -> list[str]:
    """Who decides, and who stands in."""

    names = ("contact", "who", "deputies", "confirmed", "standing")

    def row(one: Json) -> list[str]:
        deputies = ", ".join(one["deputies"]) or t.word("value.none")
        return [one["name"], one["who"], deputies, t.day(one["confirmed"]), t.signed("standing", one["standing"])]

    return table([t.word(f"label.{name}") for name in names], map(row, found))


def budgets(windows: Iterable[Json], t: Teller) -> list[str]:
    """One system's account by calendar period."""

    names = ("window", "availability", "budget", "spent", "budget_left", "unobserved", "verdict")

    def row(one: Json) -> list[str]:
        return [
            t.word("value.rolling") if one["kind"] == "rolling_365d" else one["name"], t.percent(one["ratio"]),
            _or_none(one["budget_seconds"], t), _down(one, t), _or_none(one["budget_left_seconds"], t),
            t.duration(one["unobserved_seconds"]), _judged(one, t),
        ]  # fmt: skip

    return table([t.word(f"label.{name}") for name in names], map(row, windows))


def readiness(found: Sequence[Json], t: Teller) -> list[str]:
    """The newest changes, as many as on the page."""

    def site(name: str, one: Json) -> str:
        good = t.word("value.ready") if one["ready"] else t.word("value.not_ready", checks=", ".join(one["failing"]))
        return f"{name}: {good}"

    rows = (
        [t.instant(one["at"]), "; ".join(site(name, known) for name, known in one["sites"].items()) or t.unknown]
        for one in found[-20:]
    )
    return table([t.word("label.at"), t.word("label.standing")], rows)


def backups(found: Iterable[Json], t: Teller) -> list[str]:
    """What is known of each."""

    names = ("backup", "backup_state", "verified", "encrypted", "immutable")

    def row(one: Json) -> list[str]:
        verified = t.flag(one["verified"]) if one["seen"] else t.unknown
        if one["restore_reported"]:
            verified = t.instant(one["restore_reported"])
        state = one["complaint"] or t.word("value.good") if one["seen"] else t.unknown
        return [one["name"], state, verified, t.flag(one["encrypted"]), t.flag(one["immutable"])]

    return table([t.word(f"label.{name}") for name in names], map(row, found))


def annex(found: Iterable[Json], t: Teller) -> list[str]:
    """Where to find what rule books ask for."""

    rows = ([one["source"], one["clause"], t.word(one["asks"]), ", ".join(one["fields"])] for one in found)
    return table([t.word(f"label.{name}") for name in ("source", "clause", "asks", "fields")], rows)


def facts(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """A list of what is no table."""
    return [f"- {name}: {safe(value)}" for name, value in pairs]


def _down(account: Json, t: Teller) -> str:
    return t.interval(account["downtime_seconds"]) if account["observed_seconds"] else t.unknown


def _or_none(seconds: float | None, t: Teller) -> str:
    return t.word("value.none") if seconds is None else t.duration(seconds)


def _judged(account: Json, t: Teller) -> str:
    """A window that is not over is met so far only."""
    so_far = not account["over"] and account["verdict"] == "met"
    return t.signed("verdict", account["verdict"]) + (f" ({t.word('value.so_far')})" if so_far else "")
