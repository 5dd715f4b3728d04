"""The proof step by step: time everything, build the indexes, time again, take out what did not help."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from advisor.model.names import RelationName
from advisor.model.proof import IndexProof, ProofReport, StatementProof
from advisor.model.report import IndexAdvice, IndexProposal
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Statement, Workload
from advisor.progress import Progress
from advisor.proof.timing import Timed, time_all
from advisor.whatif.session import TypeNames

_HELPED = 0.9  # of their time before: what the statements of an index may take at most
_MISSED = 1.1  # times slower without a dropped index: it did help after all
_SLOWER = 1.3  # and by this much at least, for a single statement
_BLUR_MS = 0.05
_OTHER_SIZE = 3.0  # a table this many times smaller or larger than production's proves little


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOptions:
    """`rounds`: runs of each statement and set of values, the best counts; `keep`: leave what helped in place."""

    rounds: int = 3
    keep: bool = False


def prove(
    connection: psycopg.Connection[Any],
    snapshot: Snapshot,
    workload: Workload,
    advice: IndexAdvice,
    options: ProofOptions,
    progress: Progress,
    notes: Sequence[str] = (),
    *,
    generated: bool = False,
) -> ProofReport:
    """Return what the advice does on the server of `connection`, which may be changed at will; `notes` say more of it.

    Indexes that helped no statement are dropped at once; at the end all are, unless they are to be kept.
    """
    types = TypeNames(connection)
    built: list[_Built] = []
    judged: list[IndexProof] = []
    try:
        with progress.step("Running the workload as it is", 1) as step:
            before, failed = time_all(connection, types, workload.statements, options.rounds)
            step.advance()
        able = [statement for statement in workload.statements if statement.key in before]
        with progress.step("Building the indexes", len(advice.create)) as step:
            for proposal in advice.create:
                built.append(_build(connection, proposal))
                step.advance()
        with progress.step("Running the workload with them", 1) as step:
            after, lost = time_all(connection, types, able, options.rounds)
            step.advance()
        failed |= lost
        able = [statement for statement in able if statement.key in after]
        judged = [_judged(one, able, before, after) for one in built]
        useless = [one for one, verdict in zip(built, judged, strict=True) if not verdict.helped and not one.error]
        if useless:
            with progress.step("Taking out what did not help", 1) as step:
                judged, after = _without(connection, types, useless, judged, able, after, options)
                step.advance()
    finally:
        helped = {verdict.name for verdict in judged if verdict.helped} if options.keep else set()
        for one in built:
            if one.proposal.name not in helped:
                _drop(connection, one.proposal)
    texts = {statement.key: statement.original for statement in workload.statements}
    return ProofReport(
        database=str(connection.info.dbname),
        version=str(connection.info.parameter_status("server_version")),
        statements=tuple(_statement(one, before[one.key], after[one.key], built) for one in able),
        indexes=tuple(judged),
        seconds_before=_seconds(able, before),
        seconds_after=_seconds(able, after),
        not_run=tuple((texts[key], why) for key, why in failed.items()),
        notes=(*notes, *_other_sizes(connection, snapshot, able)),
        generated=generated,
        kept=options.keep,
    )


@dataclass(frozen=True, slots=True)
class _Built:
    proposal: IndexProposal
    bytes: int | None = None
    seconds: float | None = None
    error: str | None = None


def _build(connection: psycopg.Connection[Any], proposal: IndexProposal) -> _Built:
    started = time.perf_counter()
    try:
        connection.execute("set statement_timeout = 0")
        for line in (*proposal.ddl.split(";\n"), *proposal.after_ddl):
            connection.execute(line.encode())
    except psycopg.Error as error:
        if connection.closed:
            raise
        _drop(connection, proposal)  # an invalid remainder of CONCURRENTLY
        return _Built(proposal, error=error.diag.message_primary or str(error))
    finally:
        if not connection.closed:
            connection.execute("reset statement_timeout")
    seconds = time.perf_counter() - started
    name = str(RelationName(proposal.table.schema, proposal.name))
    row = connection.execute(
        "select sum(pg_catalog.pg_relation_size(relid))::bigint from pg_catalog.pg_partition_tree(%s::regclass)",
        (name,),
    ).fetchone()
    if row is None or row[0] is None:
        row = connection.execute("select pg_catalog.pg_relation_size(%s::regclass)", (name,)).fetchone()
    return _Built(proposal, bytes=int(row[0]) if row else 0, seconds=seconds)


def _drop(connection: psycopg.Connection[Any], proposal: IndexProposal) -> None:
    name = RelationName(proposal.table.schema, proposal.name)
    if not connection.closed:
        connection.execute(f"drop index if exists {name}".encode())


def _uses(one: _Built, timed: Timed) -> bool:
    """Return whether a plan used the index; of a partitioned one its parts, which have names of their own."""
    names = {one.proposal.name}
    names.update(line.split('"')[1] if '"' in line else line.split()[3] for line in _parts(one.proposal))
    return bool(names & timed.indexes)


def _parts(proposal: IndexProposal) -> list[str]:
    return [line for line in proposal.ddl.split(";\n")[1:] if line.startswith("CREATE INDEX CONCURRENTLY")]


def _judged(
    one: _Built, statements: Sequence[Statement], before: dict[str, Timed], after: dict[str, Timed]
) -> IndexProof:
    users = [statement for statement in statements if _uses(one, after[statement.key])]
    then, now = _seconds(users, before), _seconds(users, after)
    if one.error is not None:
        helped, reason = False, f"it could not be built: {one.error}"
    elif not users:
        helped, reason = False, "no statement used it"
    elif now > _HELPED * then:
        helped, reason = False, f"the statements that used it took {then:.3f} s before and {now:.3f} s with it"
    else:
        count = "1 statement" if len(users) == 1 else f"{len(users)} statements"
        helped, reason = True, f"{count}: {then:.3f} s before, {now:.3f} s with it"
    return IndexProof(
        name=one.proposal.name,
        ddl=one.proposal.ddl,
        helped=helped,
        reason=reason,
        estimated_bytes=one.proposal.size_bytes,
        real_bytes=one.bytes,
        build_seconds=one.seconds,
        seconds_before=then,
        seconds_after=now,
    )


def _without(
    connection: psycopg.Connection[Any],
    types: TypeNames,
    useless: Sequence[_Built],
    judged: Sequence[IndexProof],
    statements: Sequence[Statement],
    after: dict[str, Timed],
    options: ProofOptions,
) -> tuple[list[IndexProof], dict[str, Timed]]:
    """Drop what did not help and time its statements again; what was missed is built once more and counts."""
    found = list(judged)
    for one in useless:
        _drop(connection, one.proposal)
        users = [statement for statement in statements if _uses(one, after[statement.key])]
        again, _ = time_all(connection, types, users, options.rounds)
        known = [statement for statement in users if statement.key in again]
        place = next(n for n, verdict in enumerate(found) if verdict.name == one.proposal.name)
        with_it, without = _seconds(known, after), _seconds(known, again)
        if known and without > _MISSED * with_it:
            _build(connection, one.proposal)
            verdict = found[place]
            found[place] = IndexProof(
                name=verdict.name,
                ddl=verdict.ddl,
                helped=True,
                reason=f"beside the other indexes it is needed: {without:.3f} s without it, {with_it:.3f} s with it",
                estimated_bytes=verdict.estimated_bytes,
                real_bytes=verdict.real_bytes,
                build_seconds=verdict.build_seconds,
                seconds_before=without,
                seconds_after=with_it,
            )
        else:
            after = after | again
    return found, after


def _seconds(statements: Sequence[Statement], times: dict[str, Timed]) -> float:
    return sum(statement.calls * times[statement.key].ms for statement in statements) / 1000


def _statement(statement: Statement, before: Timed, after: Timed, built: Sequence[_Built]) -> StatementProof:
    return StatementProof(
        query=statement.original,
        kind=statement.kind,
        calls=statement.calls,
        before_ms=round(before.ms, 4),
        after_ms=round(after.ms, 4),
        indexes=tuple(one.proposal.name for one in built if _uses(one, after)),
        slower=after.ms > _SLOWER * before.ms and after.ms - before.ms > _BLUR_MS,
    )


def _other_sizes(connection: psycopg.Connection[Any], snapshot: Snapshot, statements: Sequence[Statement]) -> list[str]:
    """Return a note for each table that is of another size here: times prove something at production's size only."""
    notes = []
    read = {relation for statement in statements for relation in statement.relations}
    for table in snapshot.tables:
        if table.relation not in read or table.kind not in "rm" or table.reltuples < 1000:
            continue
        row = connection.execute(
            "select c.reltuples from pg_catalog.pg_class as c where c.oid = pg_catalog.to_regclass(%s)",
            (str(table.relation),),
        ).fetchone()
        here = max(float(row[0]), 1.0) if row else 1.0
        if not table.reltuples / _OTHER_SIZE <= here <= table.reltuples * _OTHER_SIZE:
            notes.append(
                f"{table.relation.display()} has {here:,.0f} rows here and {table.reltuples:,.0f} in production: "
                "times with it prove little"
            )
    return notes
