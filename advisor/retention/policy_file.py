"""Reads a policy file and says, with line numbers, everything that is wrong with it. Needs no server."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from advisor.errors import UsageError
from advisor.retention.conditions import condition_problem
from advisor.retention.policy import (
    BASES,
    CLASSES,
    ENFORCEMENTS,
    EPOCHS,
    EXCLUDE_REASONS,
    Exclusion,
    Policy,
    TablePattern,
    TablePolicy,
    Tier,
    parse_table,
)
from advisor.retention.policy_lines import Path as KeyPath
from advisor.retention.policy_lines import line_numbers, line_of
from advisor.retention.vocabulary import words
from advisor.retention.windows import Window, parse_window
from advisor.units import parse_size

T = TypeVar("T")

_TOP_KEYS = words("version defaults undeclared_tables default_windows tables exclude")
_DEFAULT_KEYS = words("tolerance timezone class max_size")
_TABLE_KEYS = words(
    "table class time_column basis keep max_age tolerance enforcement epoch timezone keep_where keep_where_max"
    " partition tiers archive forbid_delete pause legal_basis owner note max_size"
)
_TIER_KEYS = words("table bucket keep key time_column min_group")
_EXCLUDE_KEYS = words("table reason note work_item")
_PERMANENT = frozenset(("permanent", "forever"))
# A policy file that stands alone may start with these; in pgadvise.toml they are below [retention].
_MARKS = frozenset(("tables", "exclude", "default_windows", "undeclared_tables"))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a policy file."""

    line: int | None
    message: str


def load_policy(path: Path | str) -> Policy:
    """Return the policy in a TOML file: a file of its own, or the section [retention] of pgadvise.toml.

    Raises UsageError naming every problem with its line.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The policy file {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"The policy file {file} is not UTF-8 text.", "Save it as UTF-8.") from error
    policy, problems = check_policy(text, str(file))
    if problems:
        lines = [f"{file}:{p.line}: {p.message}" if p.line is not None else f"{file}: {p.message}" for p in problems]
        raise UsageError("\n".join(lines))
    return policy


def check_policy(text: str, source: str = "the policy") -> tuple[Policy, tuple[Problem, ...]]:
    """Return the policy and every problem found; the policy holds what could be understood."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Policy(source=source), (_syntax_problem(text, error),)
    section, prefix = _section(document)
    reader = _Reader(line_numbers(text), source)
    policy = reader.policy(section, prefix)
    return policy, tuple(sorted(reader.problems, key=lambda p: p.line or 0))


def _syntax_problem(text: str, error: tomllib.TOMLDecodeError) -> Problem:
    message = str(error)
    if "(at line " in message:
        reason, _, place = message.partition(" (at line ")
        return Problem(int(place.split(",")[0]), f"this is not TOML: {reason[:1].lower()}{reason[1:]}.")
    return Problem(text.count("\n") + 1, f"this is not TOML: {message[:1].lower()}{message[1:]}.")


def _section(document: dict[str, Any]) -> tuple[Any, KeyPath]:
    if "retention" in document:
        return document["retention"], ("retention",)
    tool = document.get("tool", {})
    if isinstance(tool, dict) and isinstance(tool.get("pgadvise"), dict) and "retention" in tool["pgadvise"]:
        return tool["pgadvise"]["retention"], ("tool", "pgadvise", "retention")
    if document and not _MARKS & set(document) and "version" not in document and "defaults" not in document:
        return {}, ()  # a pgadvise.toml without a retention section
    return document, ()


class _Reader:
    """Walks the document, collecting problems instead of stopping at the first."""

    def __init__(self, lines: dict[KeyPath, int], source: str) -> None:
        self.lines = lines
        self.source = source
        self.problems: list[Problem] = []

    def problem(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(line_of(self.lines, path), message))

    def unknown(self, table: Mapping[str, Any], known: frozenset[str], path: KeyPath) -> None:
        for key in table:
            if key not in known:
                close = next(
                    (k for k in sorted(known) if k.replace("_", "") == key.lower().replace("-", "").replace("_", "")),
                    None,
                )
                hint = f' Did you mean "{close}"?' if close else f" Known keys: {', '.join(sorted(known))}."
                self.problem((*path, key), f'unknown key "{key}".{hint}')

    def value(self, table: Mapping[str, Any], key: str, path: KeyPath, convert: Callable[[Any], T]) -> T | None:
        """Return the converted value, None when absent or wrong (then a problem is recorded)."""
        if key not in table:
            return None
        try:
            return convert(table[key])
        except UsageError as error:
            self.problem((*path, key), f"{key}: {error}")
            return None

    def policy(self, document: Any, path: KeyPath) -> Policy:
        if not isinstance(document, dict):
            self.problem(path, "retention must be a table: [retention].")
            return Policy(source=self.source)
        self.unknown(document, _TOP_KEYS, path)
        version = document.get("version", 1)
        if version != 1:
            self.problem((*path, "version"), f"version {version!r} is not known; this pgadvise reads version 1.")
        defaults = document.get("defaults", {})
        if not isinstance(defaults, dict):
            self.problem((*path, "defaults"), "defaults must be a table: [defaults].")
            defaults = {}
        self.unknown(defaults, _DEFAULT_KEYS, (*path, "defaults"))
        at_defaults = (*path, "defaults")
        tolerance = self.value(defaults, "tolerance", at_defaults, parse_window)
        base = {
            "timezone": self.value(defaults, "timezone", at_defaults, _text) or "UTC",
            "class": self.value(defaults, "class", at_defaults, _one_of(CLASSES)) or "none",
        }
        max_size = self.value(defaults, "max_size", at_defaults, _size)
        tables = [
            found
            for entry, entry_path in self.entries(document.get("tables", []), (*path, "tables"))
            if (found := self.table(entry, entry_path, base, max_size)) is not None
        ]
        exclude = [
            excluded
            for entry, entry_path in self.entries(document.get("exclude", []), (*path, "exclude"))
            if (excluded := self.exclusion(entry, entry_path)) is not None
        ]
        self.duplicates(tables, exclude)
        windows = self.value(document, "default_windows", path, _flag)
        return Policy(
            tables=tuple(tables),
            exclude=tuple(exclude),
            tolerance=tolerance,
            undeclared_tables=self.value(document, "undeclared_tables", path, _one_of(("warn", "ignore"))) or "warn",
            default_windows=True if windows is None else windows,
            source=self.source,
        )

    def entries(self, value: Any, path: KeyPath) -> list[tuple[dict[str, Any], KeyPath]]:
        """Return the entries of `[[tables]]`, or of `[tables."public.x"]` where the key is the table."""
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return [(entry, (*path, position)) for position, entry in enumerate(value)]
        if isinstance(value, dict) and all(isinstance(entry, dict) for entry in value.values()):
            return [({"table": name, **entry}, (*path, name)) for name, entry in value.items()]
        self.problem(path, f"{path[-1]} must be a list of tables: [[{'.'.join(map(str, path))}]].")
        return []

    def pattern(self, entry: Mapping[str, Any], path: KeyPath) -> TablePattern | None:
        name = entry.get("table")
        if name is None:
            self.problem(path, 'table is missing: name the table, like table = "public.sessions".')
            return None
        found = parse_table(name) if isinstance(name, str) else None
        if found is None:
            self.problem(
                (*path, "table"),
                f'{name!r} is not a table name: write "schema.table" (quote odd names: \'"My"."Table"\').',
            )
        return found

    def exclusion(self, entry: Mapping[str, Any], path: KeyPath) -> Exclusion | None:
        self.unknown(entry, _EXCLUDE_KEYS, path)
        pattern = self.pattern(entry, path)
        reason = self.value(entry, "reason", path, _one_of(EXCLUDE_REASONS))
        if "reason" not in entry:
            self.problem(path, f"reason is missing: say why the table has no window ({', '.join(EXCLUDE_REASONS)}).")
        if pattern is None or reason is None:
            return None
        return Exclusion(table=pattern, reason=reason, line=line_of(self.lines, path))

    def table(
        self, entry: Mapping[str, Any], path: KeyPath, base: Mapping[str, str], max_size: int | None
    ) -> TablePolicy | None:
        before = len(self.problems)
        self.unknown(entry, _TABLE_KEYS, path)
        pattern = self.pattern(entry, path)
        permanent = isinstance(entry.get("keep"), str) and entry["keep"].strip().lower() in _PERMANENT
        keep = None if permanent else self.value(entry, "keep", path, parse_window)
        if "keep" not in entry:
            self.problem(path, 'keep is missing: say how long rows stay, like keep = "90 days", or keep = "permanent".')
        partition = self.subtable(entry, "partition", path, frozenset(("interval", "premake", "default_partition")))
        archive = self.subtable(entry, "archive", path, frozenset(("after", "to")))
        pause = self.subtable(entry, "pause", path, frozenset(("until", "reason")))
        interval = None
        if partition.get("interval", "auto") != "auto":
            interval = self.value(partition, "interval", (*path, "partition"), parse_window)
        found = TablePolicy(
            table=pattern or TablePattern("", None, ""),
            keep=keep,
            line=line_of(self.lines, path),
            data_class=self.value(entry, "class", path, _data_class) or base["class"],
            time_column=self.value(entry, "time_column", path, _text),
            basis=self.value(entry, "basis", path, _one_of(BASES)),
            max_age=self.value(entry, "max_age", path, parse_window),
            tolerance=self.value(entry, "tolerance", path, parse_window),
            enforcement=self.value(entry, "enforcement", path, _one_of(ENFORCEMENTS)),
            epoch=self.value(entry, "epoch", path, _one_of(EPOCHS)),
            timezone=self.value(entry, "timezone", path, _text) or base["timezone"],
            keep_where=self.value(entry, "keep_where", path, _condition),
            keep_where_max=self.value(entry, "keep_where_max", path, parse_window),
            interval=interval,
            premake=self.value(partition, "premake", (*path, "partition"), _premake) or 4,
            tiers=self.tiers(entry, path, keep),
            archive_to=self.value(archive, "to", (*path, "archive"), _text),
            archive_after=self.value(archive, "after", (*path, "archive"), parse_window),
            forbid_delete=self.value(entry, "forbid_delete", path, _flag) or False,
            paused_until=self.value(pause, "until", (*path, "pause"), _date),
            pause_reason=self.value(pause, "reason", (*path, "pause"), _text),
            legal_basis=self.value(entry, "legal_basis", path, _text),
            max_size=self.value(entry, "max_size", path, _size) or max_size,
        )
        self.consistency(found, path, permanent)
        return found if len(self.problems) == before else None

    def consistency(self, found: TablePolicy, path: KeyPath, permanent: bool) -> None:
        keep = found.keep
        if keep is not None and keep.total_days == 0 and found.basis != "expiry":
            self.problem((*path, "keep"), 'keep is zero; that is only meant with basis = "expiry".')
        if keep is not None and found.max_age is not None and found.max_age.total_days < keep.total_days:
            self.problem((*path, "max_age"), f"max_age ({found.max_age}) is shorter than keep ({keep}).")
        if found.keep_where_max is not None and found.keep_where is None:
            self.problem((*path, "keep_where_max"), "keep_where_max has no meaning without keep_where.")
        if keep is not None and found.interval is not None and found.interval.total_days > max(keep.total_days, 1):
            self.problem(
                (*path, "partition", "interval"),
                f"interval ({found.interval}) is longer than keep ({keep}): no partition could go in time.",
            )
        if permanent and found.enforcement not in (None, "none"):
            self.problem(
                (*path, "enforcement"), "a permanent table cannot have rows removed; drop enforcement or give a window."
            )

    def subtable(self, entry: Mapping[str, Any], key: str, path: KeyPath, known: frozenset[str]) -> dict[str, Any]:
        value = entry.get(key, {})
        if not isinstance(value, dict):
            self.problem((*path, key), f"{key} must be a table: {key} = {{ … }}.")
            return {}
        self.unknown(value, known, (*path, key))
        return value

    def tiers(self, entry: Mapping[str, Any], path: KeyPath, keep: Window | None) -> tuple[Tier, ...]:
        found: list[Tier] = []
        previous = keep
        for tier, at in self.entries(entry.get("tiers", []), (*path, "tiers")):
            self.unknown(tier, _TIER_KEYS, at)
            table = self.pattern(tier, at)
            bucket = self.value(tier, "bucket", at, parse_window)
            kept = self.value(tier, "keep", at, parse_window)
            for key in ("bucket", "keep"):
                if key not in tier:
                    self.problem(at, f'{key} is missing in a tier, like {key} = "1 day".')
            if table is None or bucket is None or kept is None:
                continue
            if previous is not None and kept.total_days <= previous.total_days:
                self.problem((*at, "keep"), f"a tier must be kept longer than its source ({previous}).")
            previous = kept
            found.append(
                Tier(
                    table=table,
                    bucket=bucket,
                    keep=kept,
                    key=self.value(tier, "key", at, _texts) or (),
                    time_column=self.value(tier, "time_column", at, _text),
                    min_group=self.value(tier, "min_group", at, _premake) or 1,
                )
            )
        return tuple(found)

    def duplicates(self, tables: list[TablePolicy], exclude: list[Exclusion]) -> None:
        seen: dict[tuple[str | None, str], int | None] = {}
        items: list[TablePolicy | Exclusion] = [*tables, *exclude]
        for item in items:
            # A name without a schema means public's table first, so "sessions" and "public.sessions" collide.
            key = (item.table.schema or "public", item.table.name)
            if key in seen:
                where = f" (line {seen[key]})" if seen[key] is not None else ""
                self.problems.append(
                    Problem(item.line, f"{item.table.text} already has a policy{where}; one table can have only one.")
                )
            else:
                seen[key] = item.line


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{value!r} is not a text.")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UsageError(f"{value!r} is not a list of texts.")
    return tuple(_text(item) for item in value)


def _size(value: Any) -> int:
    if not isinstance(value, str) or not value.strip() or value.strip().isdigit():
        raise UsageError(f'{value!r} is not a size with a unit, like "50 GB".')
    size = parse_size(value)
    if size <= 0:
        raise UsageError(f"{value!r} is not a size.")
    return size


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{value!r} is not true or false.")
    return value


def _premake(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise UsageError(f"{value!r} is not a whole number from 1 to 100.")
    return value


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise UsageError(f"{value!r} is not a date.", "Write it like 2027-01-31.")


def _condition(value: Any) -> str:
    text = _text(value)
    reason = condition_problem(text)
    if reason is not None:
        raise UsageError(f"{text!r} cannot be used as a condition: {reason}.")
    return text


def _data_class(value: Any) -> str:
    """Accept "personal/location" as personal: what follows the slash is the owner's own division."""
    return _one_of(CLASSES)(value.split("/", 1)[0] if isinstance(value, str) else value)


def _one_of(allowed: tuple[str, ...]) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if value not in allowed:
            raise UsageError(f"{value!r} is not one of: {', '.join(allowed)}.")
        return str(value)

    return convert
