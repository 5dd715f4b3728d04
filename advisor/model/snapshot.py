"""The snapshot: everything that was read from a server, as plain data in one file."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from advisor.errors import SnapshotInvalid
from advisor.model.activity import ScanRows, Session, StatementCounters, StatementsView, WorkloadText
from advisor.model.catalog import Column, Constraint, Index, Schema, Sequence, Table
from advisor.model.history import IndexWatch
from advisor.model.replica import Replica, Standby
from advisor.model.server import (
    ClusterCounters,
    DatabaseCounters,
    Extension,
    HostFacts,
    Role,
    RoleSetting,
    Server,
    Setting,
)
from advisor.model.statistics import ColumnStatistics, ExtendedStatistics, SchemaObject

# Version 1: first published format. List every change here.
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that could not be read: what, why, and the statement or setting that would close the gap."""

    what: str  # 'pg_stat_statements', 'statistics of public.orders'
    why: str
    fix: str | None = None
    costs: str | None = None  # what the report lacks because of it


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeSample:
    """The size of one relation at an earlier time, from history or an older snapshot."""

    at: datetime
    relation: str
    total_bytes: int
    reltuples: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One database at one moment."""

    format_version: int = FORMAT_VERSION
    tool_version: str
    server: Server
    settings: tuple[Setting, ...]
    role_settings: tuple[RoleSetting, ...] = ()
    roles: tuple[Role, ...] = ()
    extensions: tuple[Extension, ...] = ()
    schemas: tuple[Schema, ...] = ()
    tables: tuple[Table, ...] = ()
    columns: tuple[Column, ...] = ()
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    statistics: tuple[ColumnStatistics, ...] = ()
    extended_statistics: tuple[ExtendedStatistics, ...] = ()
    schema_objects: tuple[SchemaObject, ...] = ()
    database_counters: DatabaseCounters | None = None
    cluster_counters: ClusterCounters | None = None
    statements_view: StatementsView = field(default_factory=lambda: StatementsView(status="failed"))
    statements: tuple[StatementCounters, ...] = ()
    sessions: tuple[Session, ...] = ()
    workload_texts: tuple[WorkloadText, ...] = ()
    scan_rows: tuple[ScanRows, ...] = ()  # of measured plans in logs
    sizes: tuple[SizeSample, ...] = ()
    host: HostFacts = field(default_factory=HostFacts)
    standbys: tuple[Standby, ...] = ()  # connected to this server
    replicas: tuple[Replica, ...] = ()  # read themselves (--replica); their counters are not in those above
    # Rows of each rule's own query.sql, and of the retention probes: {'indexes/x': ({...}, ...)}
    facts: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    redacted: bool = False
    # From when on history has watched the indexes, where that is longer than their counters; see advisor.history
    index_use_since: datetime | None = None
    index_watches: tuple[IndexWatch, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)  # seconds per collection step

    def setting(self, name: str) -> Setting | None:
        """Return the setting `name`, or None where the version has no such setting."""
        return next((s for s in self.settings if s.name == name), None)


_GZIP_MAGIC = b"\x1f\x8b"


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return the snapshot as gzipped JSON."""
    return gzip.compress(msgspec.json.encode(snapshot, order="deterministic"), compresslevel=6, mtime=0)


def decode_snapshot(data: bytes, name: str = "the snapshot") -> Snapshot:
    """Return the snapshot in `data` (JSON, gzipped or not). Raises SnapshotInvalid."""
    try:
        text = gzip.decompress(data) if data[:2] == _GZIP_MAGIC else data
    except (OSError, EOFError, zlib.error) as error:
        raise SnapshotInvalid(f"{name} is damaged: {error}.", "Capture it again.") from error
    try:
        version = msgspec.json.decode(text, type=dict[str, Any]).get("format_version")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotInvalid(
            f"{name} is not a pgadvise snapshot.", "Make one with: pgadvise capture -o FILE"
        ) from error
    if not isinstance(version, int):
        raise SnapshotInvalid(f"{name} is not a pgadvise snapshot.", "Make one with: pgadvise capture -o FILE")
    if version > FORMAT_VERSION:
        raise SnapshotInvalid(
            f"{name} has format version {version}; this pgadvise reads up to {FORMAT_VERSION}.", "Update pgadvise."
        )
    try:
        return msgspec.json.decode(text, type=Snapshot)
    except msgspec.ValidationError as error:
        raise SnapshotInvalid(f"{name} does not fit the snapshot format: {error}.", "Capture it again.") from error


def stays_in_place(path: Path) -> bool:
    """Whether `path` is there and no plain file: a device, a named pipe or a symbolic link is not to be replaced."""
    return path.is_symlink() or (path.exists() and not path.is_file())


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Write the file with mode 0600 (it holds column values) through a rename, so that it is whole or absent.

    A device, a named pipe or a symbolic link is written to as it is.
    """
    if stays_in_place(path):
        path.write_bytes(encode_snapshot(snapshot))
        return
    # mkstemp makes the file with mode 0600 and a name nobody could have prepared.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encode_snapshot(snapshot))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot file. Raises SnapshotInvalid."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotInvalid(f"{path} cannot be read: {error.strerror}.") from error
    return decode_snapshot(data, str(path))
