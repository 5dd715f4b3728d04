"""Reads postgresql.conf, or the settings quoted in a document, line by line, and says what is wrong with a line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from advisor.settings.configuration import Present
from advisor.settings.facts import MAJORS, Fact, canonical_name, majors_with, settings_of
from advisor.settings.values import ValueRefused, normalise, show

_LINE = re.compile(
    r"""^\s*(?P<name>[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?)
        (?:\s*=\s*|\s+)
        (?P<value>'(?:[^']|''|\\')*'|[^\s#'][^\s#]*)
        \s*(?:\#.*)?$""",
    re.VERBOSE,
)
_FENCE = re.compile(r"^\s*(```|~~~)")
# In prose and lists: "- work_mem: 64MB", "| work_mem | 64MB |", "**work_mem** = 64MB;"
_QUOTED = re.compile(
    r"""^[\s>*\-+|`"\d.)]*
        (?P<name>[a-z][a-z_]*_[a-z_]+|fsync|jit|autovacuum)[`*"]*
        \s*(?:=|:|\|)\s*[`*"']*
        (?P<value>-?[\d.]+\s?[A-Za-z]*|on|off|[a-z_]+)[`*"']*
        \s*(?:[|;,].*|\#.*|\(.*|--.*)?$""",
    re.VERBOSE,
)
_ALTER_SYSTEM = re.compile(r"^\s*alter\s+system\s+set\s+(?P<rest>[^;]*);?.*$", re.IGNORECASE)
_INCLUDES = ("include", "include_if_exists", "include_dir")
# Not in pg_settings, but PostgreSQL refuses nothing about them: they are of versions before 13, or of extensions.
_GONE = {
    "checkpoint_segments": "max_wal_size since 9.5",
    "wal_keep_segments": "wal_keep_size since 13",
    "sort_mem": "work_mem since 8.0",
    "vacuum_mem": "maintenance_work_mem since 8.0",
    "max_fsm_pages": "nothing since 8.4",
    "default_with_oids": "nothing since 12",
    "replacement_sort_tuples": "nothing since 11",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A line that PostgreSQL would refuse, or that does not do what it seems to; `message` is one sentence."""

    kind: str  # unknown_setting duplicate include wrong_value syntax
    name: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfFile:
    """The settings of a file by name, in the last value that counts, and its problems by line."""

    present: dict[str, Present]
    problems: tuple[Problem, ...]
    lines: int  # lines that set something


def read_conf(text: str, major: int, name: str = "the file") -> ConfFile:
    """Return what `text` sets on PostgreSQL `major`. Raises UsageError for a version that is not supported."""
    facts = settings_of(major)
    present: dict[str, Present] = {}
    earlier: dict[str, int] = {}
    problems: list[Problem] = []
    count = 0
    for number, raw_name, raw_value in _pairs(text, problems):
        count += 1
        setting = canonical_name(raw_name)
        if setting.lower() in _INCLUDES:
            problems.append(
                Problem(
                    kind="include",
                    name=setting,
                    line=number,
                    message=f"line {number}: {setting} {raw_value} is not followed; review that file too.",
                )
            )
            continue
        fact = facts.get(setting)
        if fact is None:
            if "." not in setting:  # a dot: an extension's own setting, which nobody here can judge
                problems.append(_unknown(setting, number, major, facts))
            continue
        problem = _check(fact, raw_value, number)
        if setting in earlier:
            was = present[setting].shown if setting in present else "a value that is refused"
            problems.append(
                Problem(
                    kind="duplicate",
                    name=setting,
                    line=number,
                    message=f"line {number}: {setting} was set in line {earlier[setting]} already ({was}); the last "
                    "one counts.",
                )
            )
        earlier[setting] = number
        if problem is not None:
            problems.append(problem)
            continue
        present[setting] = Present(
            fact=fact, text=normalise(fact, raw_value), source="file", where=f"{name} line {number}"
        )
        suspicion = _suspicious(fact, raw_value, number)
        if suspicion is not None:
            problems.append(suspicion)
    return ConfFile(present=present, problems=tuple(sorted(problems, key=lambda p: p.line)), lines=count)


def _pairs(text: str, problems: list[Problem]) -> Iterator[tuple[int, str, str]]:
    """Yield line number, name and value; lines that cannot be read become problems."""
    lines = text.lstrip("\ufeff").splitlines()
    fences = [i for i, line in enumerate(lines) if _FENCE.match(line)]
    if fences or not _looks_like_conf(lines):
        yield from _quoted_pairs(lines, fences)
        return
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        system = _ALTER_SYSTEM.match(line)
        match = _LINE.match(re.sub(r"(?i)^(\S+)\s+to\s+", r"\1 = ", system["rest"]) if system else line)
        if match is None:
            problems.append(
                Problem(
                    kind="syntax",
                    name=_first_word(bare),
                    line=number,
                    message=f"line {number}: '{bare[:60]}' is not of the form name = value{_quotes(bare)}; PostgreSQL "
                    "would not start.",
                )
            )
            continue
        yield number, match["name"], _unquote(match["value"])


def _quotes(line: str) -> str:
    """Return advice where only the quotes are missing: checkpoint_timeout = 15 min."""
    match = re.match(r"^\w+\s*=\s*(\d+\s+(?:B|kB|MB|GB|TB|us|ms|s|min|h|d))\s*(?:#.*)?$", line)
    return f" (a value with a space needs quotes: '{match[1]}')" if match is not None else ""


def _first_word(line: str) -> str:
    match = re.match(r"\w+", line)
    return match[0] if match else "?"


def _unquote(value: str) -> str:
    if value.startswith("'"):
        return value[1:-1].replace("''", "'").replace("\\'", "'")
    return value


def _looks_like_conf(lines: list[str]) -> bool:
    """Return whether most lines are comments or settings: a document has prose."""
    told = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    good = [line for line in told if ("=" in line and _LINE.match(line)) or _ALTER_SYSTEM.match(line)]
    bare = [m for line in told if (m := _LINE.match(line)) and canonical_name(m["name"]) in _every_name()]
    return not told or max(len(good), len(bare)) * 2 >= len(told)


def _every_name() -> frozenset[str]:
    return frozenset(name for major in MAJORS for name in settings_of(major)) | set(_INCLUDES)


def _quoted_pairs(lines: list[str], fences: list[int]) -> Iterator[tuple[int, str, str]]:
    """Yield the settings of a document: from its code blocks where these hold any, from lists and tables otherwise."""
    known = _every_name()
    inside = {i for a, b in zip(fences[::2], fences[1::2], strict=False) for i in range(a + 1, b)}
    found = []
    for index in sorted(inside):
        line = lines[index]
        system = _ALTER_SYSTEM.match(line)
        match = _LINE.match(re.sub(r"(?i)^(\S+)\s+to\s+", r"\1 = ", system["rest"]) if system else line)
        if match is None or ("=" not in line and canonical_name(match["name"]) not in known):
            continue
        found.append((index + 1, match["name"], _unquote(match["value"])))
    if any(canonical_name(name) in known for _, name, _ in found):
        # Other blocks hold other files (pgbouncer.ini, .env): an unknown name matters only among known ones.
        blocks = _blocks_with(found, fences, known)
        yield from (item for item in found if _block_of(item[0], fences) in blocks)
        return
    for index, line in enumerate(lines):
        match = _QUOTED.match(line)
        if match is not None and canonical_name(match["name"]) in known:
            yield index + 1, match["name"], match["value"].strip()


def _block_of(number: int, fences: list[int]) -> int:
    return sum(fence < number - 1 for fence in fences)


def _blocks_with(found: list[tuple[int, str, str]], fences: list[int], known: frozenset[str]) -> set[int]:
    """Return the code blocks of which at least half of the names are settings of PostgreSQL."""
    per_block: dict[int, list[bool]] = {}
    for number, name, _ in found:
        per_block.setdefault(_block_of(number, fences), []).append(canonical_name(name) in known)
    return {block for block, hits in per_block.items() if sum(hits) * 2 >= len(hits)}


def _unknown(name: str, line: int, major: int, facts: dict[str, Fact]) -> Problem:
    elsewhere = majors_with(name)
    if name in _GONE:
        why = f"replaced by {_GONE[name]}"
    elif elsewhere:
        first, last = elsewhere[0], elsewhere[-1]
        why = f"it exists from version {first} on" if first > major else f"it was removed after version {last}"
    else:
        near = difflib.get_close_matches(name, facts, n=1, cutoff=0.8)
        why = f"did you mean {near[0]}?" if near else "PostgreSQL would not start with it"
    return Problem(
        kind="unknown_setting",
        name=name,
        line=line,
        message=f"line {line}: PostgreSQL {major} has no setting {name}: {why}".rstrip(".?")
        + ("?" if "?" in why else "."),
    )


def _check(fact: Fact, value: str, line: int) -> Problem | None:
    if fact.context == "internal":
        message = f"line {line}: {fact.name} cannot be set; it shows how the server was built."
        return Problem(kind="wrong_value", name=fact.name, line=line, message=message)
    try:
        normalise(fact, value)
    except ValueRefused as error:
        return Problem(kind="wrong_value", name=fact.name, line=line, message=f"line {line}: {error}")
    return None


def _suspicious(fact: Fact, value: str, line: int) -> Problem | None:
    """Return a doubt about a size without a unit: work_mem = 64 is 64 kB."""
    if fact.unit not in ("kB", "8kB", "MB") or not value.strip().isdigit() or value.strip() == "0":
        return None
    if int(value) > 4096:
        return None
    shown = show(fact, normalise(fact, value))
    return Problem(
        kind="wrong_value",
        name=fact.name,
        line=line,
        message=f"line {line}: {fact.name} = {value} has no unit and means {shown}.",
    )
