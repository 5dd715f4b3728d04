"""Runs as bytes: rows become columns, texts become hashes, everything is compressed.

A reading of pg_stat_statements with 1,000 entries takes about 50 kB so (measured; see docs/history.md). Column order
and the dropping of columns that hold one value do most of it.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from advisor.errors import HistoryFailed
from advisor.history.model import Run
from advisor.model.activity import StatementCounters
from advisor.model.catalog import Index, Table
from advisor.model.catalog import Sequence as SequenceRow
from advisor.model.history import StatementPlan
from advisor.model.server import RoleSetting, Setting
from advisor.model.snapshot import Snapshot

T = TypeVar("T")

# Fields of Snapshot that travel as columns, and the type of their rows.
_COLUMNAR: dict[str, type] = {
    "statements": StatementCounters,
    "tables": Table,
    "indexes": Index,
    "sequences": SequenceRow,
}
# What moves from run to run in them; the rest (names, definitions) is kept once for all runs that have the same.
# Statements come and go: all of theirs stays in the run.
_MOVING = {
    "tables": frozenset(
        (
            "counters", "relpages", "reltuples", "relallvisible", "relfrozenxid_age", "relminmxid_age", "size_bytes",
            "toast_bytes", "indexes_bytes", "total_bytes", "size_is_estimate",
        )
    ),
    "indexes": frozenset(
        (
            "size_bytes", "relpages", "reltuples", "idx_scan", "idx_tup_read", "idx_tup_fetch", "last_idx_scan",
            "being_built",
        )
    ),
    "sequences": frozenset(("last_value",)),
}  # fmt: skip
# Fields that hardly ever change from run to run: kept once for all runs that have the same.
_SHARED: dict[str, type] = {"settings": Setting, "role_settings": RoleSetting}


def content_hash(body: bytes) -> str:
    """Return 12 characters (72 bits): a million texts collide with a chance of one in ten billion."""
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:9]).decode()


class Contents:
    """Collects what is kept once, by hash."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def add(self, body: bytes) -> str:
        """Return the hash under which `body` will be found."""
        key = content_hash(body)
        if key not in self.bodies:
            self.bodies[key] = zlib.compress(body, 6)
        return key

    def add_text(self, text: str) -> str:
        """Return the hash of a text."""
        return self.add(text.encode("utf-8", "surrogatepass"))


def _columns(rows: Sequence[Any]) -> dict[str, Any]:
    """Return rows as {field: [values]}; a field with one value for all rows as {field: value} under "same"."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(list(rows))
    if not plain:
        return {"n": 0, "same": {}, "columns": {}}
    same: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    for name in plain[0]:
        values = [row[name] for row in plain]
        if all(value == values[0] for value in values):
            same[name] = values[0]
        else:
            columns[name] = values
    return {"n": len(plain), "same": same, "columns": columns}


def _rows(data: Mapping[str, Any], kind: type[T]) -> tuple[T, ...]:
    names = list(data["columns"])
    if names:
        plain = [
            {**data["same"], **dict(zip(names, values, strict=True))}
            for values in zip(*data["columns"].values(), strict=True)
        ]
    else:
        plain = [dict(data["same"])] * data["n"]
    return tuple(msgspec.convert(plain, list[kind]))  # type: ignore[valid-type]


def encode_payload(run: Run, contents: Contents) -> bytes:
    """Return the run's snapshot and plans; what runs share goes to `contents`."""
    snapshot = run.snapshot
    statements = tuple(
        replace(row, query=contents.add_text(row.query) if row.query is not None else None)
        for row in snapshot.statements
    )
    snapshot = replace(snapshot, statements=statements)
    body: dict[str, Any] = {}
    for name in _COLUMNAR:
        body[name] = _columns(getattr(snapshot, name))
        if name in _MOVING:
            columns = body[name].pop("columns")
            still = {field: values for field, values in columns.items() if field not in _MOVING[name]}
            body[name]["columns"] = {field: values for field, values in columns.items() if field not in still}
            body[name]["still"] = contents.add(msgspec.msgpack.encode(still))
    for name in _SHARED:
        body[name] = contents.add(msgspec.msgpack.encode(_columns(getattr(snapshot, name))))
    bare = replace(snapshot, statements=(), tables=(), indexes=(), sequences=(), settings=(), role_settings=())
    body["snapshot"] = msgspec.to_builtins(bare)
    body["plans"] = [[plan.key, plan.cost, contents.add_text(plan.outline)] for plan in run.plans]
    return zlib.compress(msgspec.msgpack.encode(body), 6)


def payload_hashes(payload: bytes) -> set[str]:
    """Return the contents a payload needs."""
    body = unpack(payload)
    statements = body["statements"]
    texts = statements["columns"].get("query") or [statements["same"].get("query")]
    shared = {body[name] for name in _SHARED} | {body[name]["still"] for name in _MOVING}
    return {text for text in texts if text} | shared | {plan[2] for plan in body["plans"]}


def decode_payload(
    payload: bytes, load: Callable[[Iterable[str]], Mapping[str, bytes]]
) -> tuple[Snapshot, tuple[StatementPlan, ...]]:
    """Return the snapshot and the plans. `load` gives the bodies of hashes; a text that is gone is unknown."""
    body = unpack(payload)
    bodies = load(payload_hashes(payload))

    def text(key: str | None) -> str | None:
        found = bodies.get(key) if key else None
        return None if found is None else zlib.decompress(found).decode("utf-8", "surrogatepass")

    try:
        for name in _MOVING:
            body[name]["columns"] |= unpack(bodies[body[name]["still"]])
        parts: dict[str, Any] = {name: _rows(body[name], kind) for name, kind in _COLUMNAR.items()}
        for name, kind in _SHARED.items():
            parts[name] = _rows(unpack(bodies[body[name]]), kind) if body[name] in bodies else ()
        parts["statements"] = tuple(replace(row, query=text(row.query)) for row in parts["statements"])
        snapshot = replace(msgspec.convert(body["snapshot"], Snapshot), **parts)
    except (msgspec.ValidationError, KeyError, zlib.error) as error:
        raise HistoryFailed(f"A run in the history is damaged: {error}.") from error
    return snapshot, tuple(StatementPlan(key=key, cost=cost, outline=text(h) or "") for key, cost, h in body["plans"])


def pack(value: Any) -> bytes:
    """Return any plain value or dataclass as compressed bytes."""
    return zlib.compress(msgspec.msgpack.encode(value), 6)


def unpack(data: bytes) -> Any:
    """Return what pack() was given, as plain values. Raises HistoryFailed."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(data))
    except (zlib.error, msgspec.DecodeError) as error:
        raise HistoryFailed(f"A run in the history is damaged: {error}.") from error
