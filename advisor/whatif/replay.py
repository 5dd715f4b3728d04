"""The workload planned under proposed planner settings, and as it is: which statements get which plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.model.history import StatementPlan, statement_key
from advisor.model.report import SettingProposal
from advisor.model.workload import Statement
from advisor.whatif.plans import outline, shape
from advisor.whatif.session import PlanningSession
from advisor.workload.session import ParseError

# Settings the planner reads and a session may set. Costs under different values of them are different units: only
# the plans can be compared, not their costs.
PLANNER_SETTINGS = frozenset(
    """
    random_page_cost seq_page_cost cpu_tuple_cost cpu_index_tuple_cost cpu_operator_cost effective_cache_size work_mem
    hash_mem_multiplier jit max_parallel_workers_per_gather parallel_setup_cost parallel_tuple_cost
    """.split()  # noqa: SIM905 (a list of one string per line would be 15 lines)
)


# History keeps the plans of this many statements.
_KEPT_PLANS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One statement that gets another plan; the outlines name nodes, tables and indexes."""

    statement: Statement
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The outcome over the workload."""

    settings: tuple[str, ...]
    planned: int
    changed: tuple[Replayed, ...]


def replay_settings(
    session: PlanningSession, statements: Sequence[Statement], proposals: Sequence[SettingProposal]
) -> Replay:
    """Plan every statement with its commonest values under today's and under the proposed planner settings.

    The session's settings are as they were afterwards. Proposals that concern no planner setting take no part.
    """
    chosen = [proposal for proposal in proposals if proposal.name in PLANNER_SETTINGS]
    before = [_tree(session, statement) for statement in statements]
    connection = session.connection
    kept: list[tuple[str, str]] = []
    try:
        for proposal in chosen:
            row = connection.execute("select current_setting(%s)", (proposal.name,)).fetchone()
            connection.execute("select set_config(%s, %s, false)", (proposal.name, proposal.proposed))
            kept.append((proposal.name, row[0] if row is not None else ""))
        after = [_tree(session, statement) for statement in statements]
    finally:
        for name, value in kept:
            connection.execute("select set_config(%s, %s, false)", (name, value))
    changed = []
    planned = 0
    for statement, old, new in zip(statements, before, after, strict=True):
        if old is None or new is None:
            continue
        planned += 1
        if shape(old) != shape(new):
            changed.append(Replayed(statement=statement, before=outline(old), after=outline(new)))
    changed.sort(key=lambda item: -(item.statement.total_exec_time or 0.0))
    return Replay(settings=tuple(p.name for p in chosen), planned=planned, changed=tuple(changed))


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
