"""`drill start|stop|status|sign|mark`: parse, call the API of a running exporter, print."""

import argparse
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from exporter.core.drill import DrillType
from exporter.core.marks import Classification, MarkKind
from exporter.drills import words
from exporter.drills.client import Access, ApiError, Client
from exporter.settings import parse_duration

_ID = re.compile(rf"({'|'.join(DrillType)})-.+-[0-9]{{8}}T[0-9]{{6}}\.[0-9]{{3}}Z")
SHOWN = 5
"""Stopped drills that `status SYSTEM` shows."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its actions."""
    drill = commands.add_parser("drill", help="start, stop and sign drills, through the API of a running exporter")
    actions = drill.add_subparsers(required=True, metavar="ACTION")
    _add_start(actions)
    _add_stop(actions)
    _add_status(actions)
    _add_sign(actions)
    _add_mark(actions)
    for action in actions.choices.values():
        action.add_argument("--url", default="http://127.0.0.1:9720", help="the exporter (default: %(default)s)")
        action.add_argument("--token-file", type=Path, metavar="FILE", help="the file that api.token_file names")
        action.add_argument(
            "--login-file", type=Path, metavar="FILE", help="user:password, where reading needs a login"
        )
        action.add_argument("--ca-file", type=Path, metavar="FILE", help="who may have signed its certificate")


def _add_start(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    start = actions.add_parser(
        "start", help="from now on it is a drill; it mutes the pages of its system until it expires"
    )
    start.add_argument("system")
    start.add_argument("--operator", required=True, metavar="WHO", help="who answers for it")
    start.add_argument("--reason", required=True, metavar="WHY")
    start.add_argument("--expires", required=True, type=_duration, metavar="1h", help="when it ends at the latest")
    start.add_argument("--scenario", default="site_loss", help="what is rehearsed (default: %(default)s)")
    start.add_argument("--expected", metavar="OUTCOME", help="what should happen")
    start.add_argument("--maintenance", action="store_true", help="declared maintenance instead: nothing is muted")
    start.set_defaults(run=_start)


def _add_stop(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    stop = actions.add_parser("stop", help="it is over")
    stop.add_argument("drill", metavar="SYSTEM|ID")
    stop.add_argument("--by", metavar="WHO", help="who stops it (default: its operator)")
    stop.add_argument("--outcome", metavar="TEXT", help="what came of it")
    stop.set_defaults(run=_stop)


def _add_status(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = actions.add_parser("status", help="which drills are open, and which are due")
    status.add_argument("system", nargs="?", help="this one with its last drills")
    status.set_defaults(run=_status)


def _add_sign(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sign = actions.add_parser("sign", help="sign a stopped drill off")
    sign.add_argument("drill", metavar="SYSTEM|ID", help="of a system: its last one")
    sign.add_argument("--by", required=True, metavar="WHO")
    sign.add_argument("--role", metavar="ROLE", help="as what")
    sign.add_argument("--note", metavar="TEXT")
    sign.set_defaults(run=_sign)


def _add_mark(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    mark = actions.add_parser(
        "mark", help="say something of an incident: it is added to its timeline, and never edited"
    )
    mark.add_argument("incident", metavar="SYSTEM|ID", help="of a system: its running incident, or its last")
    mark.add_argument("kind", choices=[*MarkKind])
    mark.add_argument("--by", required=True, metavar="WHO")
    mark.add_argument("--at", type=_instant, metavar="2026-11-28T16:11:46Z", help="when it was (default: now)")
    mark.add_argument("--text", help="decided, validated, note, action, sign_off: in words")
    mark.add_argument("--under", metavar="PRE-AUTHORISATION", help="decided: what allowed it")
    mark.add_argument("--owner", metavar="WHO", help="action: who does it")
    mark.add_argument("--due", metavar="2026-10-01", help="action: until when")
    mark.add_argument("--done", metavar="ACTION", help="action: this one is done")
    mark.add_argument("--role", help="sign_off: as what")
    mark.add_argument("--as", dest="as_", choices=[*Classification], help="reclassified: what it was")
    mark.add_argument("--reason", help="reclassified: why")
    mark.set_defaults(run=_mark)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _instant(text: str) -> float:
    """Unix seconds, or a time with its zone."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is no time with a zone; write it like 2026-11-28T16:11:46Z")
    return at.timestamp()


def _client(options: argparse.Namespace) -> Client:
    return Client(Access(options.url, options.token_file, options.login_file, options.ca_file))


def _start(options: argparse.Namespace) -> None:
    begun = _client(options).post(
        "drills",
        system=options.system,
        type=str(DrillType.MAINTENANCE if options.maintenance else DrillType.DRILL),
        operator=options.operator,
        reason=options.reason,
        expires_in=options.expires,
        scenario=options.scenario,
        expected=options.expected,
    )
    print(words.begun(begun))


def _stop(options: argparse.Namespace) -> None:
    client = _client(options)
    wanted = _named(client, options.drill, open_=True)
    stopped = client.delete("drills", wanted, by=options.by, outcome=options.outcome)
    print(words.details(stopped, _measured(client, stopped)))


def _sign(options: argparse.Namespace) -> None:
    client = _client(options)
    wanted = _named(client, options.drill, open_=False)
    signed = client.post("drills", wanted, "sign", by=options.by, role=options.role, note=options.note)
    print(words.details(signed, _measured(client, signed)))


def _status(options: argparse.Namespace) -> None:
    client = _client(options)
    if options.system is None:
        systems = client.get("systems")["items"]
        print(words.overview(systems) if systems else "no system is watched")
        return
    print(words.overview([client.get("systems", options.system)]))
    for found in client.get("drills", system=options.system, limit=SHOWN)["items"]:
        print(f"\n{words.details(found, _measured(client, found))}")


def _mark(options: argparse.Namespace) -> None:
    client, incident = _client(options), options.incident
    watched = _system(client, incident)
    if watched is not None:
        newest = watched["incident"] or watched["last"]
        if newest is None:
            raise ApiError(f"{incident} has had no incident yet; name one by its id")
        incident = newest["id"]
    given = {
        key: getattr(options, key) for key in ("by", "at", "text", "under", "owner", "due", "done", "role", "reason")
    }
    told = client.post("incidents", incident, "marks", kind=options.kind, **given, **{"as": options.as_})
    print(words.marked(told))


def _measured(client: Client, drill: words.Json) -> list[words.Json]:
    """The newest incidents of a drill. Whoever may stop one need not be let in to read: then their ids must do."""
    try:
        return [client.get("incidents", one) for one in drill["incidents"][-SHOWN:]]
    except ApiError:
        return []


def _named(client: Client, given: str, *, open_: bool) -> str:
    """The id of the drill that is meant: of a system its open one, or its last that was stopped."""
    if _ID.fullmatch(given) or _system(client, given) is None:
        return given
    found = [one for one in client.get("drills", system=given, limit=1)["items"] if one["open"] is open_]
    if not found:
        missing = "has no open drill" if open_ else "has no drill that was stopped"
        raise ApiError(f"{given} {missing}; see rto-rpo-exporter drill status {given}")
    return str(found[0]["id"])


def _system(client: Client, name: str) -> Any:
    """The system of this name; None if there is none."""
    try:
        return client.get("systems", name)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
