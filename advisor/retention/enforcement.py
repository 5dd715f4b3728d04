"""What removes a table's old rows: scheduled jobs, extensions, functions, statements seen; and what could not be seen.

"Nothing was found" is only said when everything was visible; otherwise the answer is "unknown" with the grant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from advisor.model.catalog import Column
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident
from advisor.model.snapshot import Snapshot
from advisor.retention.detect import is_epoch_type, is_time
from advisor.retention.partman import PartmanConfig, interval_window, partman_config
from advisor.retention.probes import CRON_JOBS, CRON_RUNS, FUNCTIONS, PARTMAN, PGAGENT, TIMESCALE, TIMETABLE
from advisor.retention.schedules import period_of
from advisor.retention.sqltext import Removal, called_functions, dynamic_removals, removals
from advisor.retention.targets import Target

ENFORCED, NONE, UNKNOWN = "enforced", "none", "unknown"
# Run once by hand, or only planned: neither removes old rows again and again.
_NO_PURGE = re.compile(r"\s*(do \$pgadvise|explain\b(?!.{0,60}\banaly[sz]e\b))", re.IGNORECASE | re.DOTALL)
_SCHEDULERS = (
    (CRON_JOBS, "pg_cron"), (PARTMAN, "pg_partman"), (TIMESCALE, "TimescaleDB"),
    (TIMETABLE, "pg_timetable"), (PGAGENT, "pgAgent"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """One thing that removes rows of the table."""

    what: str  # 'pg_cron job 3 "purge" (0 3 * * *)'
    removal: Removal | None = None
    windows: tuple[str, ...] = ()
    trouble: tuple[tuple[str, str], ...] = ()  # (rule, sentence): job_inactive, job_failing, job_late
    fix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """The verdict for one table."""

    state: str  # enforced none unknown
    mechanisms: tuple[Mechanism, ...] = ()
    looked: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    note: str | None = None
    partman: PartmanConfig | None = None

    def describe(self) -> str:
        """Return one sentence for the report."""
        if self.state == ENFORCED:
            return "; ".join(m.what for m in self.mechanisms)
        where = f" Looked at: {'; '.join(self.looked)}." if self.looked else ""
        note = f" {self.note}" if self.note else ""
        if self.state == NONE:
            return f"nothing found that removes old rows.{note}{where}"
        return f"unknown: {'; '.join(self.hidden) or 'the places to look could not be read'}.{note}{where}"


@dataclass(frozen=True, slots=True)
class Purges:
    """Every removal that is scheduled or was seen, read once for all tables."""

    scheduled: tuple[tuple[Mechanism, Removal], ...]
    seen: tuple[tuple[str, float, Removal], ...]  # text, calls, removal
    partman_runs: bool  # something calls run_maintenance
    looked: tuple[str, ...]
    hidden: tuple[str, ...]
    grants: tuple[str, ...]
    timescale: dict[tuple[str, str], str] = field(default_factory=dict)
    by_table: dict[str, tuple[tuple[Mechanism, Removal], ...]] = field(default_factory=dict)
    seen_by_table: dict[str, tuple[tuple[str, float, Removal], ...]] = field(default_factory=dict)


def read_purges(snapshot: Snapshot) -> Purges:
    """Return what the snapshot knows of jobs, functions and statements that remove rows."""
    facts = snapshot.facts
    functions = _function_bodies(facts.get(FUNCTIONS, ()))
    scheduled: list[tuple[Mechanism, Removal]] = []
    partman_runs = any(
        "pg_partman_bgw" in (s.setting or "") for s in snapshot.settings if s.name == "shared_preload_libraries"
    )
    for mechanism, command in _jobs(snapshot):
        expanded = _expand(command, functions)
        partman_runs = partman_runs or "run_maintenance" in command.lower()
        scheduled += [
            (mechanism, removal) for text in expanded for removal in (*removals(text), *dynamic_removals(text))
        ]
    for row in facts.get(FUNCTIONS, ()):
        if row.get("is_trigger") and row.get("source"):
            mechanism = Mechanism(what=f"trigger function {RelationName(str(row['schema']), str(row['name']))}")
            scheduled += [(mechanism, removal) for removal in removals(str(row["source"]))]
    seen: list[tuple[str, float, Removal]] = []
    for counters in snapshot.statements:
        text = counters.query
        if text is None or _NO_PURGE.match(text):
            continue
        if "run_maintenance" in text.lower():
            partman_runs = True
        for expanded_text in _expand(text, functions):
            found = (*removals(expanded_text), *dynamic_removals(expanded_text))
            seen += [(text, float(counters.calls), removal) for removal in found]
    looked, hidden, grants = _visibility(snapshot)
    return Purges(
        scheduled=tuple(scheduled), seen=tuple(seen), partman_runs=partman_runs,
        looked=looked, hidden=hidden, grants=grants, timescale=_timescale(facts),
        by_table=_grouped(scheduled), seen_by_table=_grouped_seen(seen),
    )  # fmt: skip


def _grouped(items: list[tuple[Mechanism, Removal]]) -> dict[str, tuple[tuple[Mechanism, Removal], ...]]:
    found: dict[str, list[tuple[Mechanism, Removal]]] = {}
    for mechanism, removal in items:
        found.setdefault(removal.table, []).append((mechanism, removal))
    return {name: tuple(values) for name, values in found.items()}


def _grouped_seen(items: list[tuple[str, float, Removal]]) -> dict[str, tuple[tuple[str, float, Removal], ...]]:
    found: dict[str, list[tuple[str, float, Removal]]] = {}
    for item in items:
        found.setdefault(item[2].table, []).append(item)
    return {name: tuple(values) for name, values in found.items()}


def _function_bodies(rows: tuple[dict[str, Any], ...]) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        if row.get("source"):
            found.setdefault(str(row["name"]), []).append((str(row["schema"]), str(row["source"])))
    return {name: tuple(bodies) for name, bodies in found.items()}


def _expand(command: str, functions: dict[str, tuple[tuple[str, str], ...]]) -> tuple[str, ...]:
    """Return the command and the bodies of the functions it calls, two calls deep."""
    texts = [command]
    done: set[str] = set()
    layer = [command]
    for _ in range(2):
        following: list[str] = []
        for text in layer:
            for schema, name in called_functions(text):
                for owner, body in functions.get(name, ()):
                    if name not in done and schema in (None, owner):
                        following.append(body)
                done.add(name)
        texts += following
        layer = following
    return tuple(texts)


def _jobs(snapshot: Snapshot) -> list[tuple[Mechanism, str]]:
    facts = snapshot.facts
    found: list[tuple[Mechanism, str]] = []
    runs = facts.get(CRON_RUNS, ())
    for row in facts.get(CRON_JOBS, ()):
        job = row.get("job")
        if isinstance(job, dict):
            database = job.get("database")
            if database in (None, snapshot.server.database):
                found.append((_cron_mechanism(job, runs, snapshot.server.collected_at), str(job.get("command") or "")))
    for row in facts.get(TIMETABLE, ()):
        chain, task = row.get("chain"), row.get("task")
        if isinstance(chain, dict) and isinstance(task, dict):
            name = f'pg_timetable chain "{chain.get("chain_name")}" ({chain.get("run_at")})'
            trouble = () if chain.get("live", True) else (("job_inactive", "it is not live"),)
            found.append((Mechanism(what=name, trouble=trouble), str(task.get("command") or "")))
    for row in facts.get(PGAGENT, ()):
        if row.get("jstcode"):
            off = not (row.get("jobenabled", True) and row.get("jstenabled", True))
            trouble = (("job_inactive", "it is disabled"),) if off else ()
            found.append((Mechanism(what=f'pgAgent job "{row.get("jobname")}"', trouble=trouble), str(row["jstcode"])))
    return found


def _cron_mechanism(job: dict[str, Any], runs: tuple[dict[str, Any], ...], now: datetime) -> Mechanism:
    number, schedule = job.get("jobid"), str(job.get("schedule") or "")
    name = f' "{job["jobname"]}"' if job.get("jobname") else ""
    trouble: list[tuple[str, str]] = []
    fix: tuple[str, ...] = ()
    own = [r for r in runs if r.get("jobid") == number and r.get("status") not in (None, "partial")]
    if not job.get("active", True):
        trouble.append(("job_inactive", "it is switched off"))
        fix = (f"select cron.alter_job({number}, active := true)",) if isinstance(number, int) else ()
    elif own:
        last = own[0]
        if last.get("status") == "failed":
            failed = next((i for i, r in enumerate(own) if r.get("status") != "failed"), len(own))
            trouble.append(("job_failing", f"its last {failed} runs failed: {last.get('return_message')}"))
        started = _moment(last.get("start_time"))
        period = period_of(schedule)
        if started is not None and period is not None and now - started > 2 * period + timedelta(minutes=5):
            trouble.append(
                ("job_late", f"it last ran {started:%Y-%m-%d %H:%M} UTC although it is scheduled {schedule}")
            )
    return Mechanism(what=f"pg_cron job {number}{name} ({schedule})", trouble=tuple(trouble), fix=fix)


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _timescale(facts: dict[str, tuple[dict[str, Any], ...]]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for row in facts.get(TIMESCALE, ()):
        job = row.get("job")
        if isinstance(job, dict) and job.get("hypertable_name"):
            config = job.get("config") or {}
            found[str(job.get("hypertable_schema")), str(job["hypertable_name"])] = str(config.get("drop_after", "?"))
    return found


def _visibility(snapshot: Snapshot) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return (places looked at, places that could not be read in full, grants)."""
    looked: list[str] = []
    hidden: list[str] = []
    grants: list[str] = []
    for fact, name in _SCHEDULERS:
        rows = snapshot.facts.get(fact)
        if rows is None:
            continue
        status = str(rows[0].get("status"))
        count = sum(not r.get("empty") for r in rows)
        if status == "ok":
            looked.append(f"{name} ({count} {'entry' if count == 1 else 'entries'})")
        elif status == "partial":
            hidden.append(f"{name} shows only the jobs of role {snapshot.server.user}")
            grants.append(f"-- connect as the role that owns the {name} jobs, or as a superuser")
        else:
            hidden.append(f"{name} cannot be read ({rows[0].get('why')})")
            if rows[0].get("grant"):
                grants.append(str(rows[0]["grant"]))
    if FUNCTIONS not in snapshot.facts:
        hidden.append("scheduled jobs were not read (the snapshot was taken without the retention probes)")
    cron_database = snapshot.setting("cron.database_name")
    if (
        CRON_JOBS not in snapshot.facts
        and cron_database is not None
        and cron_database.setting != snapshot.server.database
    ):
        hidden.append(
            f"pg_cron keeps its jobs in the database {cron_database.setting}, which this connection cannot see"
        )
    if CRON_JOBS not in snapshot.facts and snapshot.settings and not snapshot.setting("shared_preload_libraries"):
        hidden.append("whether pg_cron runs jobs from another database cannot be seen (settings are hidden)")
        grants.append(f"grant pg_read_all_settings to {_role(snapshot)}")
    view = snapshot.statements_view
    if view.status == "ok" and view.texts_hidden == 0:
        since = view.stats_reset.strftime("%Y-%m-%d") if view.stats_reset is not None else "the server's start"
        looked.append(f"statements since {since}")
    elif view.status == "ok":
        hidden.append(f"{view.texts_hidden} statement texts are hidden from this role")
        grants.append(f"grant pg_read_all_stats to {_role(snapshot)}")
    return tuple(looked), tuple(hidden), tuple(dict.fromkeys(grants))


def _role(snapshot: Snapshot) -> str:
    return quote_ident(snapshot.server.user)


def find_enforcement(target: Target, purges: Purges, catalog: Catalog) -> Enforcement:
    """Return what removes old rows of `target`."""
    snapshot = catalog.snapshot
    columns = catalog.columns.get(target.relation, {})
    times = frozenset(name for name, c in columns.items() if _could_be_time(c, target))
    mechanisms: dict[str, Mechanism] = {}
    names = {target.relation.name} | {leaf.name for leaf in catalog.leaves(target.relation)}
    for name in names:
        for mechanism, removal in purges.by_table.get(name, ()):
            if _is_purge(removal, target.relation, times, catalog):
                # Which table such a text means is known when it runs; that it speaks of this one is said as what it is.
                how = " (statements put together when it runs)" if removal.dynamic else ""
                mechanisms[mechanism.what] = Mechanism(
                    what=mechanism.what + how,
                    removal=removal,
                    windows=removal.windows,
                    trouble=mechanism.trouble,
                    fix=mechanism.fix,
                )
    partman = partman_config(target.relation, snapshot)
    if partman is not None and partman.retention is not None:
        trouble = _partman_trouble(partman, purges, snapshot.server.collected_at)
        windows = (partman.retention,)
        mechanisms["pg_partman"] = Mechanism(
            what=f"pg_partman retention {partman.retention}", windows=windows, trouble=trouble
        )
    drop_after = purges.timescale.get((target.relation.schema, target.relation.name))
    if drop_after is not None:
        mechanisms["TimescaleDB"] = Mechanism(
            what=f"TimescaleDB retention policy (drop after {drop_after})", windows=(drop_after,)
        )
    point_deletes = 0.0
    for name in names:
        for text, calls, removal in purges.seen_by_table.get(name, ()):
            if removal.schema not in (None, target.relation.schema):
                continue
            if _is_purge(removal, target.relation, times, catalog):
                what = f"statement run {calls:,.0f} times: {' '.join(text.split())[:120]}"
                mechanisms[what] = Mechanism(what=what, removal=removal, windows=removal.windows)
            else:
                point_deletes += calls
    if mechanisms:
        return Enforcement(
            state=ENFORCED, mechanisms=tuple(mechanisms.values()), looked=purges.looked, hidden=purges.hidden,
            grants=purges.grants, partman=partman,
        )  # fmt: skip
    return _nothing_found(target, purges, catalog, partman, point_deletes)


def _partman_trouble(config: PartmanConfig, purges: Purges, now: datetime) -> tuple[tuple[str, str], ...]:
    if not config.automatic:
        return (("job_inactive", "automatic_maintenance is off: run_maintenance() leaves this table out"),)
    started, interval = _moment(config.last_run), interval_window(config.interval)
    if started is not None:
        # From 5.1 on pg_partman writes down when it last ran; its own word beats what was seen of calls.
        if interval is not None and started < interval.plus(interval).before(now):
            return (("job_late", f"its maintenance last ran {started:%Y-%m-%d %H:%M} UTC"),)
        return ()
    if purges.partman_runs or purges.hidden:
        return ()
    return (("job_inactive", "nothing seen calls run_maintenance()"),)


def _nothing_found(
    target: Target, purges: Purges, catalog: Catalog, partman: PartmanConfig | None, point_deletes: float
) -> Enforcement:
    snapshot = catalog.snapshot
    counters = [leaf.counters for leaf in catalog.leaves(target.relation) if leaf.counters is not None]
    deleted = sum(c.n_tup_del for c in counters)
    hidden = list(purges.hidden)
    note = None
    view = snapshot.statements_view
    if view.status != "ok" and (deleted or not counters):
        hidden.append("deletes by the application cannot be seen: pg_stat_statements is not readable")
    if deleted and view.status == "ok":
        if point_deletes:
            note = f"{deleted:,} rows were deleted, by statements that name single rows and not an age."
        else:
            hidden.append(f"{deleted:,} rows were deleted by something that pg_stat_statements no longer shows")
    elif counters and not deleted:
        started = snapshot.database_counters.stats_reset if snapshot.database_counters is not None else None
        since = f"on {started:%Y-%m-%d}" if started is not None else "from the beginning"
        note = f"No row was deleted since the server's counters started {since}."
    return Enforcement(
        state=UNKNOWN if hidden else NONE, looked=purges.looked, hidden=tuple(hidden), grants=purges.grants,
        note=note, partman=partman,
    )  # fmt: skip


def _could_be_time(column: Column, target: Target) -> bool:
    return is_time(column) or (
        is_epoch_type(column) and target.choice.candidate is not None and target.choice.candidate.column == column
    )


def _is_purge(removal: Removal, relation: RelationName, times: frozenset[str], catalog: Catalog) -> bool:
    """Return whether the removal goes by age: a condition on a time, or everything at once."""
    if removal.schema not in (None, relation.schema):
        return False
    if removal.dynamic:
        return True
    if removal.verb in ("drop", "detach"):
        return removal.table != relation.name
    table = catalog.tables.get(relation)
    if removal.only and table is not None and table.kind == "p" and removal.table == relation.name:
        return False  # a job from before the table had partitions: it does nothing any more
    if removal.verb == "truncate" or not removal.has_where:
        return True
    return bool(removal.names & times)
