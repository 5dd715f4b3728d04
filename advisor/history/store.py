"""The store: runs in, runs out. All of a run is written in one transaction, so it is there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import sqlalchemy as sa

from advisor.history import schema
from advisor.history.codec import Contents, decode_payload, encode_payload, pack, payload_hashes, unpack
from advisor.history.engine import guarded, is_dsn, open_postgres, open_sqlite, shown
from advisor.history.model import Identity, IndexUse, LedgerState, Run, RunHead, TargetRow
from advisor.model.history import SavedFinding

# Placeholders in one statement are limited (32,766 in SQLite).
_CHUNK = 500
# A content's last use is written anew after this time only: most runs then change none of its rows.
_TOUCH = timedelta(days=1)


class History:
    """Runs of any number of databases. Not thread-safe in itself; open one per thread or process."""

    def __init__(self, engine: sa.Engine, place: str) -> None:
        self._engine = engine
        self.place = place  # without a password

    def __enter__(self) -> History:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with guarded(self.place), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with (
            guarded(self.place),
            self._engine.connect().execution_options(immediate=True) as connection,
            connection.begin(),
        ):
            if connection.dialect.name == "postgresql":
                # SQLite's writer is alone; here two runs of one database would meet in its rows. Readers go on.
                connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": 0x70676165})
            yield connection

    # Targets

    def find_target(self, identity: Identity) -> TargetRow | None:
        """Return the database's row, None where it has none yet."""
        with self._read() as connection:
            return _find(connection, identity)

    def target(self, identity: Identity) -> TargetRow:
        """Return the database's row, made where it has none; a new identifier or address is noted."""
        values = {
            "name": identity.name,
            "database": identity.database,
            "system_identifier": identity.system_identifier,
            "address": identity.address,
        }
        newer = {name: value for name, value in values.items() if value is not None}

        def noted(row: TargetRow | None) -> bool:
            return row is not None and all(getattr(row, name) == value for name, value in newer.items())

        found = self.find_target(identity)
        if found is not None and noted(found):
            return found  # most runs: nothing is written before the report is made
        with self._write() as connection:
            found = _find(connection, identity)
            if found is None:
                row = connection.execute(sa.insert(schema.target).values(values)).inserted_primary_key
                return TargetRow(id=row[0] if row is not None else 0, **values)  # type: ignore[arg-type]
            if not noted(found):
                connection.execute(sa.update(schema.target).where(schema.target.c.id == found.id).values(newer))
            return TargetRow(**{**asdict(found), **newer})

    def targets(self) -> tuple[TargetRow, ...]:
        """Return all databases of the history."""
        with self._read() as connection:
            return tuple(map(_target, connection.execute(sa.select(schema.target).order_by(schema.target.c.id))))

    # Runs

    def runs(self, target_id: int | None = None, most: int | None = None) -> tuple[RunHead, ...]:
        """Return the runs without their payload, oldest first; of `most` the newest."""
        run, target, finding = schema.run, schema.target, schema.finding
        query = (
            sa.select(
                run.c.id,
                run.c.at,
                run.c.tool_version,
                run.c.version_num,
                run.c.header,
                sa.func.length(run.c.payload).label("size"),
                *(column.label(f"target_{column.name}") for column in target.c),
            )
            .join(target, run.c.target_id == target.c.id)
            .order_by(run.c.at.desc(), run.c.id.desc())
        )
        if target_id is not None:
            query = query.where(run.c.target_id == target_id)
        if most is not None:
            query = query.limit(most)
        with self._read() as connection:
            rows = list(connection.execute(query))
            counts: dict[int, dict[str, int]] = {}
            for ids in _chunks([row.id for row in rows]):
                counted = (
                    sa.select(finding.c.run_id, finding.c.severity, sa.func.count().label("number"))
                    .where(finding.c.run_id.in_(ids))
                    .group_by(finding.c.run_id, finding.c.severity)
                )
                for found in connection.execute(counted):
                    counts.setdefault(found.run_id, {})[found.severity] = found.number
        heads = []
        for row in reversed(rows):
            header = unpack(row.header)
            heads.append(
                RunHead(
                    id=row.id,
                    target=TargetRow(
                        id=row.target_id,
                        name=row.target_name,
                        database=row.target_database,
                        system_identifier=row.target_system_identifier,
                        address=row.target_address,
                    ),
                    at=row.at,
                    tool_version=row.tool_version,
                    version_num=row.version_num,
                    findings=counts.get(row.id, {}),
                    counts=header["counts"],
                    totals=header["totals"],
                    events=tuple(header["events"]),
                    size_bytes=row.size,
                )
            )
        return tuple(heads)

    def run(self, run_id: int) -> Run | None:
        """Return one run whole, without index use and ledger, which belong to the database and not to a run."""
        with self._read() as connection:
            row = connection.execute(sa.select(schema.run).where(schema.run.c.id == run_id)).first()
            return None if row is None else self._load(connection, row)

    def last_run(self, target_id: int, before: datetime | None = None) -> Run | None:
        """Return the newest run (before a time) with the database's index use and ledger, None where there is none."""
        run = schema.run
        query = sa.select(run).where(run.c.target_id == target_id).order_by(run.c.at.desc(), run.c.id.desc()).limit(1)
        if before is not None:
            query = query.where(run.c.at < before)
        with self._read() as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            loaded = self._load(connection, row)
            return replace(loaded, index_use=_index_use(connection, target_id), ledger=_ledger(connection, target_id))

    def ledger(self, target_id: int) -> tuple[LedgerState, ...]:
        """Return what became of the database's proposals."""
        with self._read() as connection:
            return _ledger(connection, target_id)

    def measures(self, target_id: int, most: int = 200) -> tuple[tuple[datetime, dict[str, float]], ...]:
        """Return the numbers with a trend, oldest first; of very many runs an even selection with the newest."""
        run = schema.run
        query = sa.select(run.c.id, run.c.at).where(run.c.target_id == target_id).order_by(run.c.at, run.c.id)
        with self._read() as connection:
            rows = list(connection.execute(query))
            step = max(1, -(-len(rows) // most))
            chosen = [row.id for row in rows[::-1][::step]]
            found = []
            for ids in _chunks(chosen):
                part = sa.select(run.c.at, run.c.measures).where(run.c.id.in_(ids))
                found += [(row.at, dict(unpack(row.measures))) for row in connection.execute(part)]
        return tuple(sorted(found, key=lambda item: item[0]))

    def save(self, target_id: int, run: Run) -> int:
        """Keep a run, whole or not at all; return its number."""
        contents = Contents()
        payload = encode_payload(run, contents)
        header = {"counts": run.counts, "totals": run.totals, "events": run.events, "subjects": run.subjects}
        with self._write() as connection:
            key = connection.execute(
                sa.insert(schema.run).values(
                    target_id=target_id,
                    at=run.at,
                    tool_version=run.tool_version,
                    version_num=run.snapshot.server.version_num,
                    header=pack(header),
                    measures=pack(run.measures),
                    payload=payload,
                )
            ).inserted_primary_key
            run_id = int(key[0]) if key is not None else 0
            unique = {finding.key: finding for finding in run.findings}
            if unique:
                connection.execute(
                    sa.insert(schema.finding), [{"run_id": run_id, **asdict(f)} for f in unique.values()]
                )
            _keep_contents(connection, contents.bodies, run.at)
            _keep_index_use(connection, target_id, run.index_use)
            _keep_ledger(connection, target_id, run.ledger)
            return run_id

    def prune(self, older_than: datetime) -> int:
        """Remove runs before a time and give their space back; the newest of each database stays. Return how many."""
        run = schema.run
        newest = sa.select(sa.func.max(run.c.id)).group_by(run.c.target_id)
        with self._write() as connection:
            query = sa.select(run.c.id).where(run.c.at < older_than, run.c.id.not_in(newest))
            gone = list(connection.execute(query).scalars())
            for ids in _chunks(gone):
                connection.execute(sa.delete(schema.finding).where(schema.finding.c.run_id.in_(ids)))
                connection.execute(sa.delete(run).where(run.c.id.in_(ids)))
            if gone:
                _drop_contents(connection, older_than)
        if gone and self._engine.dialect.name == "sqlite":
            with guarded(self.place), self._engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None, "a connection that is open has its driver's"
                # execute() would take one step of it, which frees one page; executescript() goes to the end.
                raw.executescript("pragma incremental_vacuum; pragma wal_checkpoint(truncate);")
        return len(gone)

    def _load(self, connection: sa.Connection, row: Any) -> Run:
        snapshot, plans = decode_payload(row.payload, lambda hashes: _load_contents(connection, hashes))
        header = unpack(row.header)
        finding = schema.finding
        columns = [column for column in finding.c if column.name != "run_id"]
        found = connection.execute(sa.select(*columns).where(finding.c.run_id == row.id).order_by(finding.c.key))
        return Run(
            id=row.id,
            at=row.at,
            tool_version=row.tool_version,
            snapshot=snapshot,
            findings=tuple(SavedFinding(**item._mapping) for item in found),
            plans=plans,
            measures=unpack(row.measures),
            totals=header["totals"],
            counts=header["counts"],
            events=tuple(header["events"]),
            subjects=tuple(header["subjects"]),
        )


def open_history(place: str | None = None, tell: Any = None) -> History:
    """Open a history: a path, a PostgreSQL DSN, or None for the file in the user's state folder.

    `tell` is called with one sentence where a damaged file was set aside. Raises HistoryFailed.
    """
    chosen = place or str(default_path())
    engine = open_postgres(chosen) if is_dsn(chosen) else open_sqlite(Path(chosen), tell)
    return History(engine, shown(chosen))


def default_path() -> Path:
    """Return the file in the XDG state folder."""
    import platformdirs

    return platformdirs.user_state_path("pgadvise") / "history.sqlite"


def _chunks(ids: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _target(row: Any) -> TargetRow:
    return TargetRow(**row._mapping)


def _find(connection: sa.Connection, identity: Identity) -> TargetRow | None:
    """Return the row by name; else by system identifier and database; else by address and database."""
    column = schema.target.c
    same = column.database == identity.database
    if identity.name is not None:
        wanted = [column.name == identity.name]
        if identity.system_identifier is not None:
            # Runs made before the database had a name are its own.
            nameless = sa.and_(same, column.name.is_(None))
            wanted.append(sa.and_(nameless, column.system_identifier == identity.system_identifier))
    else:
        wanted = []
        if identity.system_identifier is not None:
            wanted.append(sa.and_(same, column.system_identifier == identity.system_identifier))
        if identity.address is not None:
            wanted.append(sa.and_(same, column.address == identity.address))
        if identity.system_identifier is None and identity.address is None:
            wanted.append(same)
    for condition in wanted:
        row = connection.execute(sa.select(schema.target).where(condition).order_by(column.id)).first()
        if row is not None:
            return _target(row)
    return None


def _index_use(connection: sa.Connection, target_id: int) -> tuple[IndexUse, ...]:
    table = schema.index_use
    columns = [column for column in table.c if column.name != "target_id"]
    rows = connection.execute(sa.select(*columns).where(table.c.target_id == target_id).order_by(table.c.index))
    return tuple(IndexUse(**row._mapping) for row in rows)


def _ledger(connection: sa.Connection, target_id: int) -> tuple[LedgerState, ...]:
    table = schema.ledger
    rows = connection.execute(sa.select(table.c.body).where(table.c.target_id == target_id).order_by(table.c.key))
    return tuple(msgspec.convert(unpack(row.body), LedgerState) for row in rows)


def _keep_index_use(connection: sa.Connection, target_id: int, rows: Iterable[IndexUse]) -> None:
    """Write the rows that changed. Of two runs at once the later use of an index stays."""
    table = schema.index_use
    known = {(row.index, row.definition): row for row in _index_use(connection, target_id)}
    new = []
    for row in rows:
        old = known.get((row.index, row.definition))
        if old is None:
            new.append({"target_id": target_id, **asdict(row)})
            continue
        uses = [use for use in (old.last_used, row.last_used) if use is not None]
        last_used, holes = max(uses, default=None), max(old.holes, row.holes)
        if (last_used, holes) != (old.last_used, old.holes):
            here = (table.c.target_id == target_id) & (table.c.index == row.index)
            connection.execute(
                sa.update(table)
                .where(here & (table.c.definition == row.definition))
                .values(last_used=last_used, holes=holes)
            )
    if new:
        connection.execute(sa.insert(table), new)


def _keep_ledger(connection: sa.Connection, target_id: int, states: Iterable[LedgerState]) -> None:
    table = schema.ledger
    rows = [{"target_id": target_id, "key": s.entry.key, "state": s.entry.state, "body": pack(s)} for s in states]
    if rows:
        connection.execute(sa.delete(table).where(table.c.target_id == target_id))
        connection.execute(sa.insert(table), rows)


def _keep_contents(connection: sa.Connection, bodies: Mapping[str, bytes], at: datetime) -> None:
    table = schema.content
    known: dict[str, datetime] = {}
    for hashes in _chunks(sorted(bodies)):
        rows = connection.execute(sa.select(table.c.hash, table.c.last_used).where(table.c.hash.in_(hashes)))
        known |= {row.hash: row.last_used for row in rows}
    new = [{"hash": key, "body": bodies[key], "last_used": at} for key in sorted(bodies) if key not in known]
    if new:
        connection.execute(sa.insert(table), new)
    old = [key for key, used in known.items() if used < at - _TOUCH]
    for hashes in _chunks(sorted(old)):
        connection.execute(sa.update(table).where(table.c.hash.in_(hashes)).values(last_used=at))


def _load_contents(connection: sa.Connection, hashes: Iterable[str]) -> dict[str, bytes]:
    table = schema.content
    found: dict[str, bytes] = {}
    for part in _chunks(sorted(hashes)):
        rows = connection.execute(sa.select(table.c.hash, table.c.body).where(table.c.hash.in_(part)))
        found |= {row.hash: row.body for row in rows}
    return found


def _drop_contents(connection: sa.Connection, older_than: datetime) -> None:
    """Drop contents that no remaining run can need. What the newest run of a database uses may be older: it stays."""
    run, table = schema.run, schema.content
    old = run.c.at < older_than
    needed: set[str] = set()
    for payload in connection.execute(sa.select(run.c.payload).where(old)).scalars():
        needed |= payload_hashes(payload)
    stale = connection.execute(sa.select(table.c.hash).where(table.c.last_used < older_than - _TOUCH)).scalars()
    for hashes in _chunks(sorted(set(stale) - needed)):
        connection.execute(sa.delete(table).where(table.c.hash.in_(hashes)))
