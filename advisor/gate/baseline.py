"""What a gate's finding is, apart from where it stands today: the same finding after lines moved, or a new one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import msgspec

from advisor.errors import UsageError
from advisor.model.migration import GateFile, GateFinding

_VERSION = 1


class _Entry(msgspec.Struct, frozen=True):
    path: str
    rule: str
    object: str
    identity: str
    line: int = 0


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    schema_version: int
    baseline: list[_Entry]


@dataclass(frozen=True, slots=True)
class OnlyNew:
    """The files with the findings that the baseline does not have. `known` were left out, `gone` occur no more."""

    files: tuple[GateFile, ...]
    known: int
    gone: int


def identity(path: str, finding: GateFinding) -> str:
    """Return what names a finding: file, rule, object and statement, without its line, blanks and numbers."""
    statement = " ".join(finding.statement.split())
    parts = (PurePath(path).as_posix().removeprefix("./"), finding.rule, finding.object, statement)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def identities(file: GateFile, findings: Sequence[GateFinding]) -> list[str]:
    """Return the identity of each finding; equal ones are numbered, so that each is unique in its file."""
    seen: Counter[str] = Counter()
    found = []
    for finding in findings:
        name = identity(file.path, finding)
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return found


def write_baseline(files: Iterable[GateFile]) -> str:
    """Return the findings of today as the text of a baseline file: sorted, one a line, for a readable diff."""
    entries = [
        _Entry(PurePath(file.path).as_posix(), finding.rule, finding.object, name, finding.line)
        for file in files
        for finding, name in zip(file.findings, identities(file, file.findings), strict=True)
    ]
    entries.sort(key=lambda entry: (entry.path, entry.line, entry.rule, entry.identity))
    lines = ",\n".join(f"  {msgspec.json.encode(entry).decode()}" for entry in entries)
    body = f"\n{lines}\n " if entries else ""
    return f'{{"schema_version": {_VERSION},\n "baseline": [{body}]}}\n'


def read_baseline(text: str, source: str) -> frozenset[str]:
    """Return the identities of a baseline file, or of the gate's own JSON. Raises UsageError for another file."""
    hint = "Write one: pgadvise gate … --write-baseline FILE."
    try:
        data = msgspec.json.decode(text.encode("utf-8"))
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UsageError(f"The baseline {source} is not JSON: {error}.", hint) from error
    try:
        if isinstance(data, dict) and "files" in data:
            return _of_report(data)
        written = msgspec.convert(data, _Written)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"The baseline {source} was not written by pgadvise gate.", hint) from error
    if written.schema_version != _VERSION:
        raise UsageError(f"The baseline {source} has version {written.schema_version}; this is {_VERSION}.", hint)
    return frozenset(entry.identity for entry in written.baseline)


def _of_report(data: dict[str, object]) -> frozenset[str]:
    """Return the identities of `pgadvise gate --format json`."""
    found: set[str] = set()
    for file in msgspec.convert(data["files"], list[dict[str, object]]):
        findings = tuple(
            GateFinding(
                rule=str(item["rule"]), severity="info", line=0, statement=str(item["statement"]), message="",
                object=str(item["object"]),
            )
            for item in msgspec.convert(file["findings"], list[dict[str, object]])
        )  # fmt: skip
        found.update(identities(GateFile(path=str(file["path"])), findings))
    return frozenset(found)


def only_new(files: Sequence[GateFile], baseline: frozenset[str]) -> OnlyNew:
    """Return the files without the findings that the baseline has."""
    seen: set[str] = set()
    left = []
    for file in files:
        names = identities(file, file.findings)
        seen.update(name for name in names if name in baseline)
        fresh = tuple(f for f, name in zip(file.findings, names, strict=True) if name not in baseline)
        left.append(replace(file, findings=fresh))
    return OnlyNew(tuple(left), len(seen), len(baseline - seen))
