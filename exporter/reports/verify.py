#!/usr/bin/env python3
"""Checks an evidence bundle. Needs Python 3.10 or newer and nothing else, least of all the exporter that made it.

    python3 verify.py [DIRECTORY] [--head NUMBER:HASH]

It checks that every file is as it was, that the ledger's records follow each other without a gap, that every figure and every
verdict of an incident follows from what was seen (its samples), and that the report says what the ledger says. It names every
difference and exits with 1; notes about what could not be checked alone leave it at 0. A cut tail shows only against a head
that was noted elsewhere: the one printed in the report is compared, and one that you give.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from exporter.reports.replay import Loss, Replay, Row, Span, on_rpo, verdict

EPSILON = 1e-6
"""Seconds by which two sums of the same numbers may differ."""
MISSHAPEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, MemoryError, OSError)
"""What reading a file gives that is not as a bundle's file is: it was made, or altered, by somebody else."""
LINE = re.compile(r'(\{.*),"hash":"([0-9a-f]{64})"\}')


def all_of(what: str, check: Iterable[str]) -> list[str]:
    """Everything that a check finds. That it cannot come to its end is a difference, too."""
    found: list[str] = []
    try:
        for one in check:
            found.append(one)  # noqa: PERF402  (what was found before it breaks off must be kept)
    except MISSHAPEN as error:
        found.append(
            f"{what}: it is not in the form of a bundle ({type(error).__name__}), so the rest of it was not checked"
        )
    return found


# --- the files


def checksums(folder: Path) -> Iterator[str]:
    """What is wrong with the files, by SHA256SUMS."""
    sums = folder / "SHA256SUMS"
    if not sums.is_file():
        yield "SHA256SUMS is missing"
        return
    lines = [line.partition("  ") for line in sums.read_text(encoding="utf-8").splitlines() if line]
    listed = {name: digest for digest, _, name in lines}
    for name, digest in sorted(listed.items()):
        path = folder / name
        if (path.is_absolute() and not path.is_relative_to(folder)) or ".." in path.parts[len(folder.parts) :]:
            yield f"{name} is listed, which is not in the bundle"
        elif not path.is_file():
            yield f"{name} is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield f"{name} was altered: its checksum is another one"
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there - set(listed) - {"SHA256SUMS"}):
        yield f"{name} was added: SHA256SUMS does not list it"


# --- the chain


def chain(lines: Iterable[str], head: tuple[int, str] | None = None) -> Iterator[str]:
    """What is wrong with exported records. `head`: (number, hash) of the newest one, noted elsewhere."""
    number: int | None = None
    last = ""
    for line in lines:
        found = LINE.fullmatch(line)
        record = parsed(line) if found else None
        if found is None or not isinstance(record, dict) or type(record.get("n")) is not int:
            yield f"what follows record {number} is no record"
            continue
        n = record["n"]
        if hashlib.sha256((found[1] + "}").encode("utf-8")).hexdigest() != found[2]:
            yield f"record {n} was altered: its content does not match its hash"
        if number is not None and n > number + 1:
            yield f"records {number + 1} to {n - 1} are missing"
        elif number is not None and n <= number:
            yield f"record {n} stands behind record {number}: it was repeated or moved"
        elif number is not None and record.get("prev") != last:
            yield f"record {n} does not follow record {number}: one of them was replaced"
        number, last = n, found[2]
    if head is not None and (number, last) != head:
        yield f"the newest record is {number}:{last}, not {head[0]}:{head[1]}: the tail was cut, or something was appended"


# --- what follows from what was seen


def differs(told: Row | None, found: Span) -> bool:
    """Whether an interval of the ledger is not the one that was found."""
    return told is None or abs(told["lower"] - found[0]) > EPSILON or abs(told["upper"] - found[1]) > EPSILON


def told_as(found: Span | None, shift: float) -> str:
    return "nothing" if found is None else f"[{found[0] + shift:.6f}, {found[1] + shift:.6f}]"


def incident(data: Row, record: Row, chunks: Sequence[Sequence[Row]]) -> tuple[list[str], list[str]]:
    """(differences, notes) of one incident. `chunks`: its samples in their order, of the boot of its record."""
    name, start, end = data["id"], data["start"], data["end"]
    differences = list(misjudged(data))
    lower = max(0.0, end["lower"] - start["upper"])
    if differs(data["rto"], (lower, max(lower, end["upper"] - start["lower"]))):
        differences.append(f"{name}: the RTO does not follow from its start and end")
    why = unreplayable(data, chunks)
    if why:
        return differences, [f"{name}: its bounds were not recomputed, {why}"]
    replay = Replay(chunks[0][0])
    for chunk in chunks:
        replay.stateful |= set(chunk[0]["stateful"])  # a reload may have brought one since the outage was declared
        for row in chunk[1:]:
            replay.row(row)
    # The moment at which it closed is known on both clocks.
    shift = data["phases"]["stable"] - record["mono"]
    for what, told, found in (("start", start, replay.start), ("end", end, replay.end)):
        if found is None or differs(told, (found[0] + shift, found[1] + shift)):
            differences.append(f"{name}: its {what} is not what the samples say: {told_as(found, shift)}")
    if replay.loss is not None and data["markers"] is not None:
        differences += uncounted(data, replay.loss)
    elif data["rpo"] is not None:
        return differences, [
            f"{name}: its RPO was estimated from its {data['rpo_source']}, and not recomputed from markers"
        ]
    return differences, []


def misjudged(data: Row) -> Iterator[str]:
    """Verdicts that do not follow from the bounds and the objectives of then. Where lost markers miss an objective for which no
    upper bound of the RPO is known, only they tell: see `uncounted`."""
    for which, key in (("rto", "rto"), ("rpo", "rpo_site_loss")):
        bounds, objective, told = data[which], data["objectives"].get(key), data["verdicts"][which]
        found = (bounds["lower"], bounds["upper"]) if bounds else None
        judged = verdict(found, objective)
        if which == "rpo" and data["markers"] is not None:
            lost, surviving = data["markers"]["lost"], data["markers"]["surviving"]
            judged = on_rpo(found, 0.0, lost, surviving > 0 and data["rpo_source"] == "canary", objective)
            if found is None and lost and objective is not None and told == "missed":
                continue
        if told != judged:
            yield f"{data['id']}: the verdict on the {which.upper()} is told as {told}, but it is {judged}"


def uncounted(data: Row, loss: Loss) -> Iterator[str]:
    """What does not follow from the markers."""
    bounds, at_least, counts = loss
    told = tuple(data["markers"][name] for name in ("lost", "surviving", "indeterminate"))
    same = data["rpo"] is None if bounds is None else not differs(data["rpo"], bounds)
    if not same or told != counts:
        yield f"{data['id']}: its RPO is not what the markers say: {bounds}, counts {counts}"
    judged = on_rpo(bounds, at_least, counts[0], counts[1] > 0, data["objectives"].get("rpo_site_loss"))
    if bounds is None and data["verdicts"]["rpo"] != judged:
        yield f"{data['id']}: the verdict on the RPO is told as {data['verdicts']['rpo']}, but by the markers it is {judged}"


def unreplayable(data: Row, chunks: Sequence[Sequence[Row]]) -> str:
    """Why the bounds cannot be recomputed, in words; "" if they can."""
    if not chunks:
        return "there are no samples of it"
    if data["inferred"] or data["blind_seconds"]:
        return "since nobody looked for a part of it"
    if chunks[0][0]["mode"] != "active-standby":
        return "since several sites served at once"
    return "" if any("needs" in row for chunk in chunks for row in chunk[1:]) else "since its samples begin too late"


# --- the whole bundle


def bundle(folder: Path, head: tuple[int, str] | None = None) -> tuple[list[str], list[str], int]:
    """(differences, notes, how many incidents were recomputed from samples)."""
    differences, notes = all_of("SHA256SUMS", checksums(folder)), list[str]()
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        lines = (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
        printed = (report["ledger"]["head"]["number"], report["ledger"]["head"]["hash"])
    except MISSHAPEN as error:
        return [*differences, f"the bundle cannot be read: {type(error).__name__}: {error}"], notes, 0
    differences += all_of("ledger.jsonl", chain(lines, printed))
    if head is not None and head != printed:
        differences.append(f"the report was made from the head {printed[0]}:{printed[1]}, not from {head[0]}:{head[1]}")
    records = [record for line in lines if isinstance(record := parsed(line), dict)]
    told: dict[str, Row] = {}
    recomputed = 0
    for record in records:
        if record.get("kind") == "incident":
            found, unsure = judged(folder, record, records, told)
            recomputed += not any("not recomputed, " in note for note in unsure) and not found
            differences, notes = differences + found, notes + unsure
    differences += all_of("report.json", compared(report, told))
    differences += configs(folder)
    return differences, notes, recomputed


def parsed(line: str) -> object:
    """The JSON of a line; None where it is none, which the chain has told."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def judged(folder: Path, record: Row, records: Iterable[Row], told: dict[str, Row]) -> tuple[list[str], list[str]]:
    """(differences, notes) of the incident that a record tells of; it is put into `told`."""
    try:
        data = record["data"]
        told[data["id"]] = data
        chunks, missing = samples(folder, data["id"], record, records)
        found, unsure = incident(data, record, chunks)
    except MISSHAPEN as error:
        return [f"record {record.get('n')}: it is no incident, or was not seen as one ({type(error).__name__})"], []
    return missing + found, unsure


def samples(folder: Path, name: str, record: Row, records: Iterable[Row]) -> tuple[list[list[Row]], list[str]]:
    """The samples of an incident, and what is wrong with them; only those of the boot in which it closed fit together."""
    chunks: list[list[Row]] = []
    wrong: list[str] = []
    for one in records:
        if one.get("kind") != "samples" or one["data"]["incident"] != name:
            continue
        path = folder / "samples" / f"{one['data']['sha256']}.jsonl"
        if not path.is_file():
            continue
        text = path.read_bytes()
        if hashlib.sha256(text).hexdigest() != one["data"]["sha256"]:
            wrong.append(f"{name}: the samples that record {one['n']} vouches for were altered")
        elif one["boot"] == record["boot"]:
            chunks.append([json.loads(line) for line in text.decode("utf-8").splitlines()])
    return chunks, wrong


def compared(report: Row, told: dict[str, Row]) -> Iterator[str]:
    """Where the report says otherwise than the ledger, or draws a conclusion that does not follow."""
    events = report.get("events", []) if report["kind"] != "incident" else [report["incident"]]
    for event in events:
        data = told.get(event["id"])
        if data is None:
            if not event["open"]:
                yield f"{event['id']}: the report tells of it, but its record is not in the ledger's part"
            continue
        for name in ("start", "end", "rto", "rpo", "markers", "objectives", "verdicts", "kind", "inferred"):
            if event[name] != data[name]:
                yield f"{event['id']}: the report's {name} is not the ledger's"
    for system in report.get("systems", []):
        for one in [system["availability"], *system["budgets"]]:
            down, seen, budget = one["downtime_seconds"], one["observed_seconds"], one["budget_seconds"]
            ratio = 1 - down["upper"] / seen if seen > 0 else None
            judged = verdict((down["lower"], down["upper"]) if seen > 0 else None, budget)
            if (
                one["verdict"] != judged
                or (ratio is None) != (one["ratio"] is None)
                or (ratio is not None and abs(ratio - one["ratio"]) > 1e-9)
            ):
                yield f"{system['name']}: the availability of {one.get('name', 'the period')} does not follow from its parts"


def configs(folder: Path) -> Iterator[str]:
    """Configurations whose content does not match their hash."""
    for path in sorted((folder / "config").glob("*.json")):
        try:
            text = json.dumps(json.loads(path.read_text(encoding="utf-8")), sort_keys=True, ensure_ascii=False)
            digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
        except MISSHAPEN as error:
            digest = type(error).__name__
        if digest != path.stem:
            yield f"the configuration {path.name} was altered: its content does not match its hash"


def printable(text: str) -> str:
    """Nothing that somebody wrote into a bundle can move the auditor's cursor or clear the screen."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks an evidence bundle of the RTO/RPO exporter.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--head", metavar="NUMBER:HASH", help="a head that was noted elsewhere")
    options = parser.parse_args()
    number, _, digest = (options.head or "").partition(":")
    differences, notes, recomputed = bundle(options.folder, (int(number), digest) if digest else None)
    for told in [*(f"note: {one}" for one in notes), *(f"DIFFERENCE: {one}" for one in differences)]:
        print(printable(told))
    if not differences:
        print(f"the bundle is whole; {recomputed} incidents were recomputed from what was seen")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
