"""The workload planned under proposed planner settings, and as it is: which statements get which plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from advisor.model.history import StatementPlan, statement_key
from advisor.model.report import SettingProposal
from advisor.model.workload import Statement
from advisor.whatif.plans import outline, shape
from advisor.whatif.session import PlanningSession
from advisor.workload.session import ParseError

# What one cost unit is depends on these: costs under different values of them cannot be compared, only plans.
COST_SETTINGS = frozenset(
    """
    random_page_cost seq_page_cost cpu_tuple_cost cpu_index_tuple_cost cpu_operator_cost parallel_setup_cost
    parallel_tuple_cost
    """.split()  # noqa: SIM905 (a list of one string per line would be 7 lines)
)
# Settings the planner reads and a session may set.
PLANNER_SETTINGS = COST_SETTINGS | {
    "effective_cache_size",
    "work_mem",
    "hash_mem_multiplier",
    "jit",
    "max_parallel_workers_per_gather",
}
# Those of them that a role, a function or a transaction can have for itself as well as the server.
_FOR_SOME = ("work_mem", "hash_mem_multiplier", "max_parallel_workers_per_gather")
# Below this relative and absolute change a cost is called the same.
_RELATIVE = 0.1
_ABSOLUTE = 1.0
# The dearest statements; the others weigh little.
_MOST_STATEMENTS = 500
# History keeps the plans of this many statements.
_KEPT_PLANS = 50
_Plans = Sequence[dict[str, object] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One statement whose plan or cost changes; the outlines name nodes, tables and indexes."""

    statement: Statement
    cost_before: float
    cost_after: float
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def same_plan(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The outcome over the workload, the dearest statements first.

    `better` and `worse` compare costs of one unit. `changed` holds the other plans that new cost settings bring: their
    cost before is in the old unit, the one after in the new one, in which it is the cheapest plan there is.
    """

    settings: tuple[str, ...]
    planned: int
    better: tuple[Replayed, ...]
    worse: tuple[Replayed, ...]
    changed: tuple[Replayed, ...]
    helped: dict[str, tuple[Replayed, ...]]  # by a setting that a role can have: what it alone makes better


def replay_settings(
    session: PlanningSession, statements: Sequence[Statement], proposals: Sequence[SettingProposal]
) -> Replay:
    """Plan every statement with its commonest values under today's and under the proposed planner settings.

    The session's settings are as they were afterwards. Proposals that concern no planner setting take no part.
    """
    chosen = {p.name: p.proposed for p in proposals if p.name in PLANNER_SETTINGS}
    statements = sorted(statements, key=lambda s: -(s.total_exec_time or 0.0))[:_MOST_STATEMENTS]
    if not chosen:
        return Replay(settings=(), planned=0, better=(), worse=(), changed=(), helped={})
    own = {name: value for name, value in chosen.items() if name not in COST_SETTINGS}
    now = _plans(session, statements, {})
    sized = _plans(session, statements, own) if own else now
    new = _plans(session, statements, chosen) if len(own) < len(chosen) else sized
    moved = _compare(statements, now, sized)
    helped = {}
    for name in _FOR_SOME:
        if name in own:
            alone = sized if len(own) == 1 else _plans(session, statements, {name: own[name]})
            helped[name] = tuple(r for r in _compare(statements, now, alone) if r.cost_after < r.cost_before)
    return Replay(
        settings=tuple(chosen),
        planned=sum(plan is not None for plan in now),
        better=tuple(r for r in moved if r.cost_after < r.cost_before),
        worse=tuple(r for r in moved if r.cost_after > r.cost_before),
        changed=tuple(_changed(statements, sized, new)) if new is not sized else (),
        helped=helped,
    )


def _plans(
    session: PlanningSession, statements: Sequence[Statement], settings: Mapping[str, str]
) -> list[dict[str, object] | None]:
    """Return the plans under `settings`, which the session has for that long."""
    connection = session.connection
    kept: list[tuple[str, str]] = []
    try:
        for name, value in settings.items():
            row = connection.execute("select current_setting(%s)", (name,)).fetchone()
            connection.execute("select set_config(%s, %s, false)", (name, value))
            kept.append((name, row[0] if row is not None else ""))
        return [_tree(session, statement) for statement in statements]
    finally:
        for name, value in kept:
            connection.execute("select set_config(%s, %s, false)", (name, value))


def _pairs(
    statements: Sequence[Statement], before: _Plans, after: _Plans
) -> Iterator[tuple[Replayed, dict[str, object], dict[str, object]]]:
    for statement, old, new in zip(statements, before, after, strict=True):
        if old is not None and new is not None:
            replayed = Replayed(
                statement=statement,
                cost_before=float(str(old["Total Cost"])),
                cost_after=float(str(new["Total Cost"])),
                before=outline(old),
                after=outline(new),
            )
            yield replayed, old, new


def _compare(statements: Sequence[Statement], before: _Plans, after: _Plans) -> list[Replayed]:
    """Return what gets cheaper or dearer by more than noise."""
    return [
        item
        for item, _, _ in _pairs(statements, before, after)
        if abs(item.cost_after - item.cost_before) > max(_ABSOLUTE, _RELATIVE * item.cost_before)
    ]


def _changed(statements: Sequence[Statement], before: _Plans, after: _Plans) -> list[Replayed]:
    return [item for item, old, new in _pairs(statements, before, after) if shape(old) != shape(new)]


def _tree(session: PlanningSession, statement: Statement) -> dict[str, object] | None:
    """Return the plan with the values that stand for most calls; None where the server refuses it."""
    binding = max(statement.bindings, key=lambda b: b.weight)
    plan = session.explain(statement.text, statement.parameter_types, binding.values, statement.search_path)
    return None if isinstance(plan, ParseError) else plan


def read_plans(session: PlanningSession, statements: Sequence[Statement]) -> tuple[StatementPlan, ...]:
    """Return the plans of the dearest statements with the values that stand for most calls, without any literal."""
    dearest = sorted(statements, key=lambda statement: -(statement.total_exec_time or 0.0))[:_KEPT_PLANS]
    found = []
    for statement in dearest:
        plan = _tree(session, statement)
        if plan is not None:
            found.append(
                StatementPlan(
                    key=statement_key(statement.original),
                    cost=float(str(plan["Total Cost"])),
                    outline="\n".join(outline(plan)),
                )
            )
    return tuple(found)
