"""Reads the cases of a rule folder: `name.bad.sql` and `name.good.sql`, `name.bad.json` and `name.good.json`.

An SQL case may carry `-- expect: public.orders` (one line per object found), `-- majors: 15-18` and
`-- params: {"min_size": "1MB"}`.

A JSON case is a partial snapshot: {"expect": ["public.orders"], "params": {…}, "facts": [rows of query.sql],
"snapshot": {…}}. What it leaves out is filled with neutral values, so that it names only what matters to the rule.
Times may be written as "-90 min" or "-3 d": before the moment of collection.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from advisor.model.server import Server, Setting
from advisor.model.snapshot import Snapshot
from advisor.rulebook import Rule

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_EXPECT = re.compile(r"^-- expect: (.+)$", re.MULTILINE)
_PARAMS = re.compile(r"^-- params: (\{.+\})$", re.MULTILINE)
_MAJORS = re.compile(r"^-- majors: (\d+)-(\d+)$", re.MULTILINE)
_AGO = re.compile(r"^-(\d+(?:\.\d+)?) (s|min|h|d)$")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Case:
    """One case file of one rule."""

    rule: Rule
    path: Path

    @property
    def bad(self) -> bool:
        return self.path.name.split(".")[-2] == "bad"

    @property
    def is_sql(self) -> bool:
        return self.path.suffix == ".sql"

    @property
    def name(self) -> str:
        return f"{self.rule.id}:{self.path.name}"

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def expected(self) -> list[str]:
        """The objects that must be found; for a good case none."""
        found = _EXPECT.findall(self.text) if self.is_sql else json.loads(self.text).get("expect", [])
        return sorted(found)

    @property
    def statements(self) -> list[str]:
        """The statements of an SQL case: separated by lines that end in a semicolon, as psql would send them."""
        body = "\n".join(line for line in self.text.splitlines() if not line.startswith("--"))
        return [part.strip() for part in re.split(r";[ \t]*\n", body + "\n") if part.strip()]

    def fits(self, major: int) -> bool:
        """Whether the case (`-- majors: 15-18`) and the rule apply to this major."""
        match = _MAJORS.search(self.text)
        low, high = (int(match[1]), int(match[2])) if match is not None else (0, 99)
        needs = self.rule.needs
        return max(low, needs.min_major or 0) <= major <= min(high, needs.max_major or 99)

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot of a JSON case."""
        content = json.loads(self.text)
        partial = content.get("snapshot", {})
        if "facts" in content:
            partial["facts"] = {self.rule.id: content["facts"]}
        return fill_snapshot(partial)

    @property
    def params(self) -> dict[str, Any]:
        if self.is_sql:
            match = _PARAMS.search(self.text)
            return json.loads(match[1]) if match else {}
        return json.loads(self.text).get("params", {})


def cases_of(rule: Rule) -> Iterator[Case]:
    """Yield the cases of a rule."""
    for path in sorted((rule.folder / "cases").glob("*.*.*")):
        yield Case(rule, path)


def fill_snapshot(partial: dict[str, Any]) -> Snapshot:
    """Return a whole snapshot from a partial one in JSON."""
    partial = {"tool_version": "0", "settings": [], **partial}
    server = {"version_num": 150020, "collected_at": "-0 s", "is_superuser": True, **partial.get("server", {})}
    if partial["settings"] == []:
        partial["settings"] = [{"name": "server_version", "setting": "15.20"}]
    return typing.cast(Snapshot, _fill(Snapshot, {**partial, "server": server}))


def _fill(kind: Any, value: Any) -> Any:
    """Return `value` (JSON) as `kind`, missing fields of dataclasses filled with neutral values."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        options = [option for option in typing.get_args(kind) if option is not type(None)]
        return None if value is None else _fill(options[0], value)
    if origin is tuple:
        inner = typing.get_args(kind)
        items = [_fill(inner[0] if inner[-1] is Ellipsis else inner[i], item) for i, item in enumerate(value)]
        return tuple(items)
    if origin is dict:
        inner = typing.get_args(kind)[1]
        return {name: _fill(inner, item) for name, item in value.items()}
    if kind is datetime and isinstance(value, str):
        match = _AGO.match(value)
        return NOW - timedelta(seconds=float(match[1]) * _SECONDS[match[2]]) if match else datetime.fromisoformat(value)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        unknown = set(value) - set(hints)
        assert not unknown, f"{kind.__name__} has no field {sorted(unknown)}"
        given = {}
        for item in dataclasses.fields(kind):
            if item.name in value:
                given[item.name] = _fill(hints[item.name], value[item.name])
            elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
                given[item.name] = _neutral(hints[item.name])
        return kind(**given)
    return msgspec.convert(value, kind)


def _neutral(kind: Any) -> Any:
    if typing.get_origin(kind) in (types.UnionType, typing.Union) and type(None) in typing.get_args(kind):
        return None
    if typing.get_origin(kind) is tuple:
        return ()
    if kind is datetime:
        return NOW
    if dataclasses.is_dataclass(kind):
        return _fill(kind, {})
    return {int: 0, float: 0.0, str: "", bool: False}[kind]


__all__ = ["NOW", "Case", "Server", "Setting", "cases_of", "fill_snapshot"]
