"""The workload planned before and after the migrations, on two twins with production's statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from advisor.gate.static import shown
from advisor.index_search.planner import Plan, PlanFailed
from advisor.model.lookup import Catalog
from advisor.model.migration import GateFinding
from advisor.model.names import RelationName
from advisor.model.report import StatementEffect
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding, Statement
from advisor.progress import Progress
from advisor.whatif.migration.run import FileRun, StepRun
from advisor.whatif.plans import nodes, outline
from advisor.whatif.session import PlanningSession
from advisor.whatif.twin.build import Twin, build_twin
from advisor.whatif.twin.servers import TwinServer
from advisor.whatif.twin.switch import TwinPlanner
from advisor.workload.read import read_workload
from advisor.workload.replicas import with_standbys
from advisor.workload.touched import relations_touched

# Below this difference in cost units nobody notices, whatever the factor.
_LEAST = 10.0
_SEVERE = 5.0
_VERY_LARGE = 1_000_000  # rows
_MOST_FINDINGS = 20
_QUERY = 200
# A parameter typed for the old column meets another type now; a client would send what the server asks for.
_RETRY = frozenset({"42883", "42804", "42P18", "22P02"})

_BREAKING = frozenset({"drop_column", "alter_type", "rename_column", "rename_table", "drop_table", "set_schema"})

Costs = tuple[Plan | PlanFailed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A statement is worse from `factor` of its cost on; a new one should not read through `large_table` rows."""

    factor: float
    large_table: int


@dataclass
class Comparison:
    """What became of the workload. `findings` by the index of the file."""

    findings: dict[int, list[GateFinding]] = field(default_factory=dict)
    regressed: list[StatementEffect] = field(default_factory=list)
    improved: list[StatementEffect] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare_workload(
    server: TwinServer,
    snapshot: Snapshot,
    sets: Sequence[tuple[Snapshot, list[tuple[int, FileRun]]]],
    limits: Limits,
    progress: Progress,
) -> Comparison:
    """Plan every statement on a twin of `snapshot` and on one of each migrated snapshot, and compare the costs.

    Statements of files that can be understood only after the migration are planned there alone.
    """
    comparison = Comparison()
    snapshot = with_standbys(snapshot)
    catalog = Catalog(snapshot)
    with build_twin(snapshot, server, relations_touched(snapshot, catalog), progress) as twin:
        with closing(twin.connect()) as connection:
            workload = read_workload(snapshot, catalog, PlanningSession(connection), progress)
        with closing(TwinPlanner(twin)) as planner:
            before = _plan_all(planner, workload.statements)
    known = {
        (statement.fingerprint, _guessed(statement))
        for statement, plans in zip(workload.statements, before, strict=True)
        if _cost(statement, plans) is not None
    }
    if not known:
        comparison.notes.append("No statement of the workload could be planned.")
    for after, runs in sets:
        touched = relations_touched(after, Catalog(after))
        with build_twin(after, server, touched, progress) as twin, closing(TwinPlanner(twin)) as planner:
            plans = _plan_all(planner, workload.statements)
            fresh = _new_statements(after, known, twin, progress)
            fresh_plans = _plan_all(planner, fresh)
        for statement, old, new in zip(workload.statements, before, plans, strict=True):
            _compare(comparison, statement, old, new, runs, limits.factor)
        for statement, new in zip(fresh, fresh_plans, strict=True):
            _judge_new(comparison, statement, new, Catalog(after), runs, limits.large_table)
    comparison.regressed.sort(key=lambda effect: effect.cost_before - effect.cost_after)
    comparison.improved.sort(key=lambda effect: effect.cost_after - effect.cost_before)
    for index, findings in comparison.findings.items():
        if len(findings) > _MOST_FINDINGS:
            comparison.notes.append(f"{len(findings) - _MOST_FINDINGS} more statements got worse.")
            comparison.findings[index] = findings[:_MOST_FINDINGS]
    return comparison


def _guessed(statement: Statement) -> bool:
    """Whether a name that is no column was taken for a variable: before the migration, that of a new column."""
    return any("is taken as a variable" in note for note in statement.notes)


def _new_statements(after: Snapshot, known: set[tuple[str, bool]], twin: Twin, progress: Progress) -> list[Statement]:
    """Return the statements of files that are not `known`: before the migration they could not be planned."""
    if not after.workload_texts:
        return []
    only_files = replace(after, statements=(), sessions=())
    with closing(twin.connect()) as connection:
        found = read_workload(only_files, Catalog(after), PlanningSession(connection), progress)
    return [statement for statement in found.statements if (statement.fingerprint, _guessed(statement)) not in known]


def _judge_new(
    comparison: Comparison,
    statement: Statement,
    plans: Costs,
    catalog: Catalog,
    runs: list[tuple[int, FileRun]],
    large_table: int,
) -> None:
    """Add a finding for a new statement that reads through a large table."""
    for plan in plans:
        if isinstance(plan, PlanFailed):
            continue
        scanned = _scanned_whole(plan, statement, catalog, large_table)
        if scanned is None:
            continue
        relation, rows = scanned
        index, step = _cause(runs, statement, frozenset())
        query = " ".join(statement.original.split())[:_QUERY]
        message = (
            f"This statement is new with the migration and reads all {rows:,.0f} rows of {relation}"
            f" (cost {plan.total_cost:,.0f}): {query}. Plan: {summary(plan.tree)}."
        )
        severity = "high" if rows >= _VERY_LARGE else "medium"
        _add(comparison, index, step, "new_statement_scans_table", severity, message, statement, (plan,))
        return


def _scanned_whole(
    plan: Plan, statement: Statement, catalog: Catalog, large_table: int
) -> tuple[RelationName, float] | None:
    """Return the largest table that a plan reads to the end without an index, and its rows."""
    found: list[tuple[float, RelationName]] = []
    for node, name in nodes(plan.tree):
        if name is None or node.get("Node Type") != "Seq Scan":
            continue
        # Under a LIMIT the scan may end early: then the whole statement costs less than the scan would.
        if plan.total_cost < float(node.get("Total Cost", 0.0)) / 2:
            continue
        named = [relation for relation in statement.relations if relation.name == name]
        same = named or [
            relation for relation in catalog.tables if relation.name == name
        ]  # a partition, a view's table
        found += [(rows, relation) for relation in same if (rows := catalog.rows(relation)) >= large_table]
    if not found:
        return None
    rows, relation = max(found, key=lambda pair: (pair[0], str(pair[1])))
    return relation, rows


def _plan_all(planner: TwinPlanner, statements: Sequence[Statement]) -> list[Costs]:
    requests = [(s, binding) for s in statements for binding in _bindings(s)]
    answers = iter(planner.plan_many(requests))
    found: list[Costs] = []
    for statement in statements:
        plans = tuple(next(answers) for _ in _bindings(statement))
        if any(isinstance(plan, PlanFailed) and plan.sqlstate in _RETRY for plan in plans):
            untyped = replace(statement, parameter_types=("pg_catalog.unknown",) * len(statement.parameter_types))
            again = tuple(planner.plan_many([(untyped, binding) for binding in _bindings(statement)]))
            plans = again if not any(isinstance(plan, PlanFailed) for plan in again) else plans
        found.append(plans)
    return found


def _bindings(statement: Statement) -> tuple[Binding, ...]:
    return statement.bindings or (Binding(values=(), weight=1.0),)


def _cost(statement: Statement, plans: Costs) -> float | None:
    """Return the cost of a call, None where a plan was refused."""
    total = 0.0
    for binding, plan in zip(_bindings(statement), plans, strict=True):
        if isinstance(plan, PlanFailed):
            return None
        total += binding.weight * plan.total_cost
    return total


def _compare(
    comparison: Comparison,
    statement: Statement,
    old: Costs,
    new: Costs,
    runs: list[tuple[int, FileRun]],
    threshold: float,
) -> None:
    cost = _cost(statement, old)
    if cost is None:
        return
    refused = next((plan for plan in new if isinstance(plan, PlanFailed)), None)
    query = " ".join(statement.original.split())[:_QUERY]
    if refused is not None:
        index, step = _cause(runs, statement, frozenset())
        message = f"This statement of the workload fails after the migration ({refused}): {query}"
        _add(comparison, index, step, "plan_regression", "high", message, statement)
        return
    now = _cost(statement, new) or 0.0
    effect = StatementEffect(
        fingerprint=statement.fingerprint, query=statement.original, calls=statement.calls, cost_before=cost,
        cost_after=now,
    )  # fmt: skip
    if now < cost / threshold and cost - now > _LEAST:
        comparison.improved.append(effect)
    lost = frozenset(name for plan in old if isinstance(plan, Plan) for name in plan.used) & _dropped(runs)
    worse = now > cost * threshold and now - cost > _LEAST
    if not worse:
        return
    comparison.regressed.append(effect)
    factor = now / max(cost, 0.01)
    index, step = _cause(runs, statement, lost)
    first, then = old[0], new[0]
    assert isinstance(first, Plan) and isinstance(then, Plan)
    message = (
        f"Cost {cost:,.0f} -> {now:,.0f} ({factor:,.1f} times) for: {query}."
        f" Before: {summary(first.tree)}. After: {summary(then.tree)}."
    )
    if lost:
        message = f"The index {', '.join(sorted(lost))} it used is gone. {message}"
    severity = "high" if factor >= _SEVERE else "medium"
    _add(comparison, index, step, "index_lost" if lost else "plan_regression", severity, message, statement,
         (first, then))  # fmt: skip


def _dropped(runs: list[tuple[int, FileRun]]) -> frozenset[str]:
    return frozenset(str(name) for _, run in runs for step in run.steps for name in step.dropped)


def _cause(runs: list[tuple[int, FileRun]], statement: Statement, lost: frozenset[str]) -> tuple[int, StepRun | None]:
    """Return the step that most likely did it: the one that dropped the index, else the last on one of its tables."""
    steps = [(index, step) for index, run in runs for step in run.steps]
    relations = frozenset(statement.relations)
    for index, step in reversed(steps):
        if lost & {str(name) for name in step.dropped}:
            return index, step
    # Names and types break statements; an index alone only makes them slower.
    for deciding in (_BREAKING, None):
        for index, step in reversed(steps):
            if step.changed & relations and (deciding is None or step.actions & deciding):
                return index, step
    return steps[-1] if steps else (runs[-1][0], None)


def _add(
    comparison: Comparison,
    index: int,
    step: StepRun | None,
    rule: str,
    severity: str,
    message: str,
    statement: Statement,
    plans: tuple[Plan, ...] = (),
) -> None:
    comparison.findings.setdefault(index, []).append(
        GateFinding(
            rule=rule,
            severity=severity,
            line=step.line if step is not None else 1,
            statement=shown(step.sql) if step is not None else "",
            message=message,
            object=", ".join(str(name) for name in statement.relations[:3]) or "statement",
            remedy_note=_ADVICE[rule],
            source="workload",
            plans=tuple(outline(plan.tree) for plan in plans),
        )
    )


_ADVICE = {
    "new_statement_scans_table": "Create the index it needs (CONCURRENTLY) with this migration, before the statement is"
    " used: pgadvise index --workload FILE says which.",
    "index_lost": "Keep the index, or create the one that replaces it (CONCURRENTLY) before this migration.",
    "plan_regression": "Change the statement, or create an index that serves it, before this migration ships.",
}


def summary(tree: dict[str, Any]) -> str:
    """Return what a plan does to each table: 'Index Scan using orders_pkey on orders'."""
    return "; ".join(dict.fromkeys(_scans(tree))) or str(tree.get("Node Type", "plan"))


def _scans(tree: dict[str, Any]) -> Iterator[str]:
    for node, relation in nodes(tree):
        kind = str(node.get("Node Type", ""))
        if kind.endswith("Scan") and kind != "Bitmap Heap Scan" and relation is not None:
            index = f" using {node['Index Name']}" if "Index Name" in node else ""
            yield f"{kind}{index} on {relation}"
