"""The load check step by step: which statements, does each run, how many clients are possible, then the steps."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from advisor.connect import Session
from advisor.errors import UsageError
from advisor.model.excerpt import excerpt
from advisor.model.load import LoadCheck, LoadStatement, LoadStep, LoadTarget
from advisor.model.workload import Statement, Workload
from advisor.progress import Progress
from advisor.settings.load import Demanded, is_flat, judge, percentile, step_of
from advisor.whatif.load.pgbench import (
    LoadFailed,
    Pgbench,
    Run,
    environment_of,
    find_pgbench,
    run_pgbench,
)
from advisor.whatif.load.scripts import Script, choose, shown, write_scripts
from advisor.workload.executable import functions_called
from advisor.workload.parse import NotParsed

DEFAULT_CLIENTS = (1, 2, 4, 8, 16, 32, 64)
# These say volatile and change nothing.
_HARMLESS = frozenset(
    ("random", "random_normal", "clock_timestamp", "timeofday", "gen_random_uuid", "uuidv4", "uuidv7", "pg_sleep")
)
# Of pgadvise, of other databases, of tools: no part of what the application sends.
_NOT_THE_APPLICATIONS = frozenset(("own", "foreign_database", "utility", "transaction", "catalog", "temporary"))
# Connections that are left for others.
_SPARED = 3
# A step that misses a target by this factor is the last: the server is not to be tortured.
_FAR_OFF = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How the load is made. Times in seconds."""

    clients: tuple[int, ...] = DEFAULT_CLIENTS
    step_seconds: int = 10
    writes: bool = False  # in transactions that are rolled back
    statement_seconds: float = 30.0  # a statement that takes longer is ended
    targets: tuple[LoadTarget, ...] = ()

    def __post_init__(self) -> None:
        if not self.clients or min(self.clients) < 1 or max(self.clients) > 10_000:
            raise UsageError("Numbers of clients go from 1 to 10000.", "Write them like --clients 1,2,4,8")
        if not 1 <= self.step_seconds <= 3600:
            raise UsageError("A step takes from 1 second to an hour.", "Write it like --step 10s")
        if not 0.1 <= self.statement_seconds <= 3600:
            raise UsageError("The time limit of a statement goes from 100ms to an hour.", "Write it like 30s.")


def check_load(
    session: Session, workload: Workload, demanded: Demanded, options: LoadOptions, progress: Progress
) -> LoadCheck:
    """Return what the server of `session` does with the workload's statements at growing numbers of clients.

    Nothing is changed: the sessions are read-only, and writes (if asked for) are rolled back. pgbench, its folder and
    the statements under way are gone afterwards, also after Ctrl-C. Raises LoadFailed where nothing can be run.
    """
    statements = workload.statements
    unusable = [item for item in workload.unusable if item.category not in _NOT_THE_APPLICATIONS]
    program = find_pgbench(session.info.server_version // 10000)
    selection = choose(statements, writes=options.writes, volatile=_volatile(session, statements))
    left_out = [(shown(s), why) for s, why in selection.left_out]
    left_out += [(excerpt(item.text), item.reason) for item in unusable]
    name = f"pgadvise-load-{secrets.token_hex(4)}"
    environment = environment_of(session, _options(session, statements, options), name)
    with progress.step("Running each statement once", len(selection.scripts)) as step, _private(environment) as probe:
        scripts = []
        for script in selection.scripts:
            refused = _refusal(probe, script)
            if refused is None:
                scripts.append(script)
            else:
                left_out.append((shown(statements[script.statement]), refused))
            step.advance()
    if not scripts:
        reasons = Counter(why for _, why in left_out).most_common(1)
        raise LoadFailed(
            "No statement of the workload can be run for the load check"
            + (f": {reasons[0][0]}." if reasons else ": there is none."),
            "Give some with --workload FILE.sql (reads), or allow writes with --with-writes.",
        )
    counts, limited = _possible(session, options.clients)
    with _load_sessions(session, name), tempfile.TemporaryDirectory(prefix="pgadvise-load-") as folder:
        arguments = write_scripts(scripts, Path(folder), read_only=session.pooled)
        runs, ended = _steps(program, arguments, Path(folder), environment, counts, options, progress)
    steps = tuple(step for step, _ in runs)
    notes = [
        *limited,
        *([ended] if ended else []),
        f"Each client sends one of {len({s.statement for s in scripts})} statements with one of its sets of values at"
        " a time. So few values stay in memory: with all of production's, reads take longer.",
        "pgbench ran on this machine and took a part of its processors."
        if _is_here(session)
        else "The way from this machine to the server is part of every latency.",
    ]
    if session.pooled or not _is_superuser(session):
        notes.append(
            "The load counts in pg_stat_statements from now on: only a superuser's session can stay out of it."
        )
    if any(script.writes for script in scripts):
        notes.append("Writes were rolled back: no row changed, but WAL was written and dead rows are left to vacuum.")
    covered = {s.statement for s in scripts}
    calls = sum(s.calls for s in statements) + sum(item.calls for item in unusable)
    verdict = judge(steps, options.targets, demanded)
    return LoadCheck(
        database=session.info.dbname,
        version=session.info.parameter_status("server_version") or "",
        pgbench_version=program.version,
        step_seconds=options.step_seconds,
        steps=steps,
        statements=_by_statement(statements, scripts, runs),
        covered=sum(statements[n].calls for n in covered) / calls if calls else 0.0,
        left_out=tuple(dict.fromkeys(left_out)),
        targets=options.targets,
        saturated_at=verdict.saturated_at,
        best=verdict.best,
        users=demanded.users,
        needed_per_second=demanded.per_second,
        carried=verdict.carried,
        verdict=verdict.sentences,
        notes=tuple(notes),
    )


def _volatile(session: Session, statements: Sequence[Statement]) -> frozenset[str]:
    """Return the functions called that may have side effects, by name."""
    called: set[str] = set()
    for statement in statements:
        with contextlib.suppress(NotParsed):  # said when the statement is chosen
            called |= functions_called(statement.text)
    with session.transaction():
        rows = session.execute(
            "select /* pgadvise */ distinct p.proname::text from pg_catalog.pg_proc p"
            " where p.provolatile = 'v' and p.prokind = 'f' and p.proname = any(%s) order by 1",
            (sorted(called - _HARMLESS),),
        ).fetchall()
    return frozenset(row[0] for row in rows)


def _options(session: Session, statements: Sequence[Statement], options: LoadOptions) -> str:
    """Return PGOPTIONS for the load's sessions; a pooler would refuse them."""
    if session.pooled:
        return ""
    settings = {
        "statement_timeout": str(round(options.statement_seconds * 1000)),
        "lock_timeout": "2000",
        "idle_in_transaction_session_timeout": "60000",
        "default_transaction_read_only": "off" if options.writes else "on",
    }
    if _is_superuser(session):
        # The load is not the application's: it stays out of the counters it was made from.
        settings["pg_stat_statements.track"] = "none"
    paths = Counter(statement.search_path for statement in statements)
    if paths and (path := paths.most_common(1)[0][0]) != ("public",):
        settings["search_path"] = ",".join('"' + schema.replace('"', '""') + '"' for schema in path)
    # The server splits the options at spaces that no backslash precedes.
    escaped = {name: value.replace("\\", "\\\\").replace(" ", "\\ ") for name, value in settings.items()}
    ours = (f"-c {name}={value}" for name, value in escaped.items())
    return " ".join(part for part in (session.info.options, *ours) if part)


def _is_superuser(session: Session) -> bool:
    return session.info.parameter_status("is_superuser") == "on"


@contextlib.contextmanager
def _private(environment: dict[str, str]) -> Iterator[psycopg.Connection[Any]]:
    """Yield a session as the load's clients will have it."""
    names = {item.envvar.decode(): item.keyword.decode()
             for item in psycopg.pq.Conninfo.get_defaults() if item.envvar is not None}  # fmt: skip
    given = {names[variable]: value for variable, value in environment.items() if variable in names and value}
    conninfo = make_conninfo("", **given)
    with contextlib.closing(psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)) as connection:
        yield connection


def _refusal(probe: psycopg.Connection[Any], script: Script) -> str | None:
    """Run a script once, rolled back; return why it cannot take part, or None."""
    try:
        with probe.transaction(force_rollback=True):
            if not script.writes:
                probe.execute("set transaction read only")
            probe.execute(script.sql.encode("utf-8", "surrogateescape"))
    except psycopg.errors.QueryCanceled:
        return "it takes longer than the time limit of a statement"
    except psycopg.OperationalError:
        if probe.closed:
            raise
        return "it waits for a lock"
    except psycopg.Error as error:
        return f"the server refuses it: {error.diag.message_primary or type(error).__name__}"
    return None


def _possible(session: Session, wanted: Sequence[int]) -> tuple[list[int], list[str]]:
    """Return the numbers of clients there is room for, and a sentence where some were left out."""
    counts = sorted(set(wanted))
    if session.pooled:
        return counts, ["Through a pooler: clients may wait for it, which is part of the latency."]
    with session.transaction():
        row = session.execute(
            "select /* pgadvise */ current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int"
            " - coalesce(current_setting('reserved_connections', true), '0')::int"
            " - (select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend')::int"
        ).fetchone()
    room = max(1, (row[0] if row else 1) - _SPARED)
    if counts[-1] <= room:
        return counts, []
    possible = [count for count in counts if count < room]
    return [*possible, room], [f"max_connections leaves room for {room} more clients, so {counts[-1]} were not tried."]


def _is_here(session: Session) -> bool:
    host = session.info.host
    return host.startswith("/") or host in ("", "localhost", "127.0.0.1", "::1")


@contextlib.contextmanager
def _load_sessions(session: Session, name: str) -> Iterator[None]:
    """Cancel what the load's sessions still run when the block is left by an error or by Ctrl-C."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(psycopg.Error):  # the server may be what is lost; the first error counts
            session.execute(
                "select /* pgadvise */ pg_catalog.pg_cancel_backend(s.pid) from pg_catalog.pg_stat_activity s"
                " where s.application_name = %s",
                (name,),
            )
        raise


def _steps(
    program: Pgbench,
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    counts: Sequence[int],
    options: LoadOptions,
    progress: Progress,
) -> tuple[list[tuple[LoadStep, Run]], str | None]:
    """Return the steps made, and why the last ones were not."""
    runs: list[tuple[LoadStep, Run]] = []
    with progress.step("Load", len(counts)) as bar:
        for clients in counts:
            try:
                run = run_pgbench(
                    program, arguments, folder, environment,
                    clients=clients, seconds=options.step_seconds, longest=options.statement_seconds,
                )  # fmt: skip
            except LoadFailed as error:
                if not runs:
                    raise
                return runs, f"Ended there: {error.message}"
            step = step_of(clients, [(t.ended, t.latency) for t in run.transactions], run.failed_clients, run.error)
            runs.append((step, run))
            bar.advance()
            if clients == counts[-1]:
                return runs, None
            if step.failed_clients:
                return runs, f"Ended with {clients} clients: {step.failed_clients} of them met an error."
            far = [t for t in options.targets if step.latency(t.share) > _FAR_OFF * t.milliseconds]
            if far:
                return runs, f"Ended with {clients} clients: {far[0].name} is beyond five times its target."
            if is_flat([s for s, _ in runs]):
                return runs, f"Ended with {clients} clients: two steps in a row brought hardly more throughput."
            time.sleep(0.2)  # the last step's sessions are going
    return runs, None


def _by_statement(
    statements: Sequence[Statement], scripts: Sequence[Script], runs: Sequence[tuple[LoadStep, Run]]
) -> tuple[LoadStatement, ...]:
    def p95(run: Run, number: int) -> float | None:
        found = sorted(t.latency for t in run.transactions if scripts[t.script].statement == number)
        return percentile(found, 0.95) if found else None

    shares: dict[int, float] = {}
    for script in scripts:
        shares[script.statement] = shares.get(script.statement, 0.0) + script.share
    done = Counter(scripts[t.script].statement for _, run in runs for t in run.transactions)
    whole = sum(shares.values()) or 1.0
    return tuple(
        LoadStatement(
            query=shown(statements[number]),
            share=share / whole,
            writes=any(s.writes for s in scripts if s.statement == number),
            transactions=done[number],
            p95_first=p95(runs[0][1], number),
            p95_last=p95(runs[-1][1], number),
        )
        for number, share in sorted(shares.items(), key=lambda item: -item[1])
    )
