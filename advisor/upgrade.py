"""The workload planned on two majors, and what of the schema and the settings the next one treats differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from advisor.errors import UsageError
from advisor.index_search.planner import Plan, PlanFailed
from advisor.model.lookup import Catalog
from advisor.model.snapshot import Gap, Snapshot
from advisor.model.upgrade import PlanChange, UpgradeReport
from advisor.model.workload import Statement
from advisor.progress import Progress
from advisor.settings.upgrade import setting_changes
from advisor.upgrade_notes import upgrade_notes
from advisor.whatif import WhatIfOptions, open_whatif
from advisor.whatif.plans import outline, shape
from advisor.workload.read import read_workload
from advisor.workload.replicas import with_standbys
from advisor.workload.touched import relations_touched

# Below this relative and absolute change a cost is called the same.
_RELATIVE = 0.1
_ABSOLUTE = 1.0


def rehearse_upgrade(snapshot: Snapshot, to: int, options: WhatIfOptions, progress: Progress) -> UpgradeReport:
    """Return what PostgreSQL `to` does to this database's workload. Raises UsageError, TwinFailed.

    Both sides are twins of their own major with the same statistics and sizes, so a difference is the planner's.
    """
    now = snapshot.server.major
    if not now < to <= 18:
        raise UsageError(f"--to {to} is no upgrade from PostgreSQL {now}.", f"Give a major from {now + 1} to 18.")
    snapshot = with_standbys(snapshot)
    catalog = Catalog(snapshot)
    options = replace(options, mode="twin", touched=relations_touched(snapshot, catalog))
    with open_whatif(snapshot, replace(options, twin_major=now), None, progress) as present:
        assert present is not None  # mode twin
        workload = read_workload(snapshot, catalog, present.session, progress)
        before = _plan(present.planner, workload.statements)
        from_version = present.twin_version or str(now)
    with open_whatif(snapshot, replace(options, twin_major=to), None, progress) as future:
        assert future is not None
        after = _plan(future.planner, workload.statements)
        to_version = future.twin_version or str(to)
        # The first line only says that the twin is of another major, which is the point here.
        gaps = [Gap(what="twin", why=line) for line in future.degraded if "plans and costs are what that" not in line]
    for side, asked in ((from_version, now), (to_version, to)):
        if int(side.split(".", 1)[0]) != asked:
            gaps.append(Gap(what=f"PostgreSQL {asked}", why=f"not on this machine: PostgreSQL {side} planned instead"))
    return _compare(snapshot, workload.statements, before, after, (from_version, to_version), tuple(gaps), to)


def _plan(planner: Any, statements: Sequence[Statement]) -> list[list[Plan | PlanFailed]]:
    requests = [(statement, binding) for statement in statements for binding in statement.bindings]
    answers = iter(planner.plan_many(requests))
    return [[next(answers) for _ in statement.bindings] for statement in statements]


def _compare(
    snapshot: Snapshot,
    statements: Sequence[Statement],
    before: list[list[Plan | PlanFailed]],
    after: list[list[Plan | PlanFailed]],
    versions: tuple[str, str],
    gaps: tuple[Gap, ...],
    to: int,
) -> UpgradeReport:
    worse: list[PlanChange] = []
    better: list[PlanChange] = []
    changed: list[PlanChange] = []
    failed: list[tuple[str, str]] = []
    same = compared = 0
    total_before = total_after = 0.0
    for statement, old, new in zip(statements, before, after, strict=True):
        old_plans = [plan for plan in old if isinstance(plan, Plan)]
        new_plans = [plan for plan in new if isinstance(plan, Plan)]
        if len(old_plans) != len(old):
            continue  # not plannable today either
        if len(new_plans) != len(new):
            reason = next(str(plan) for plan in new if isinstance(plan, PlanFailed))
            failed.append((statement.original, reason))
            continue
        compared += 1
        cost_before, cost_after = _mean(statement, old_plans), _mean(statement, new_plans)
        total_before += cost_before * statement.calls
        total_after += cost_after * statement.calls
        change = PlanChange(
            fingerprint=statement.fingerprint, query=statement.original, calls=statement.calls, cost_before=cost_before,
            cost_after=cost_after, plan_before=outline(old_plans[0].tree), plan_after=outline(new_plans[0].tree),
        )  # fmt: skip
        difference = cost_after - cost_before
        if abs(difference) > max(_ABSOLUTE, _RELATIVE * cost_before):
            (worse if difference > 0 else better).append(change)
        elif any(shape(a.tree) != shape(b.tree) for a, b in zip(old_plans, new_plans, strict=True)):
            changed.append(change)
        else:
            same += 1
    return UpgradeReport(
        from_version=versions[0],
        to_version=versions[1],
        database=snapshot.server.database,
        compared=compared,
        same=same,
        cost_before=total_before,
        cost_after=total_after,
        worse=tuple(sorted(worse, key=lambda c: -c.weight)),
        better=tuple(sorted(better, key=lambda c: c.weight)),
        changed=tuple(sorted(changed, key=lambda c: -c.calls)),
        failed=tuple(failed),
        settings=tuple(setting_changes(snapshot, to)),
        notes=tuple(upgrade_notes(snapshot, to)),
        gaps=gaps,
    )


def _mean(statement: Statement, plans: Sequence[Plan]) -> float:
    return sum(b.weight * plan.total_cost for b, plan in zip(statement.bindings, plans, strict=True))
