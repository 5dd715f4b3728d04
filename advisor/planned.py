"""The part of a report that asks a what-if planner: one twin serves indexes, settings, plans and partitions.

Whatever cannot be had, or is not finished when the time of the run is over, becomes a gap; the rest stands.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from advisor.deadline import OutOfTime
from advisor.errors import TwinFailed
from advisor.index_search import SearchOptions, advise_drops, advise_indexes
from advisor.index_search.planner import PlanFailed
from advisor.model.history import StatementPlan
from advisor.model.lookup import Catalog
from advisor.model.report import Fidelity, IndexAdvice, SettingsAdvice
from advisor.model.snapshot import Gap, Snapshot
from advisor.model.workload import Workload
from advisor.progress import Progress
from advisor.retention import Policy
from advisor.retention.trials import PartitionShape, PartitionTrial
from advisor.settings import SettingsOptions
from advisor.whatif import WhatIf, WhatIfOptions, open_whatif
from advisor.whatif.gaps import twin_gaps
from advisor.whatif.partitioned.offer import WITHOUT_TRIALS, concerned, shapes_to_try, trials_on
from advisor.whatif.replay import read_plans
from advisor.whatif.replay_advice import replayed_advice
from advisor.whatif.session import PlanningSession
from advisor.workload.read import read_workload
from advisor.workload.touched import relations_touched

SUBJECTS = ("index", "settings", "retention", "health")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What to look at, and how hard."""

    subjects: tuple[str, ...] = SUBJECTS
    what_if: WhatIfOptions = field(default_factory=WhatIfOptions)
    search: SearchOptions = field(default_factory=SearchOptions)
    settings: SettingsOptions = field(default_factory=SettingsOptions)
    policy: Policy | None = None
    rule_params: dict[str, dict[str, Any]] = field(default_factory=dict)
    previous: Snapshot | None = None  # an older snapshot of the same database: the window begins there
    keep_plans: bool = False  # for the history: the plans of the dearest statements


class Clock:
    """Seconds per stage, for the report's footer."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


@dataclass(slots=True)
class Planned:
    """What the planner had to say. `settings` are those given, with the workload replayed under them."""

    settings: SettingsAdvice | None
    workload: Workload | None = None
    indexes: IndexAdvice | None = None
    fidelity: Fidelity | None = None
    plans: tuple[StatementPlan, ...] = ()
    trials: tuple[PartitionTrial, ...] = ()
    gaps: list[Gap] = field(default_factory=list)


def with_planner(
    snapshot: Snapshot,
    catalog: Catalog,
    options: ReportOptions,
    settings: SettingsAdvice | None,
    connection: psycopg.Connection[Any] | None,
    progress: Progress,
    clock: Clock,
) -> Planned:
    """Return all of a report that a planner is asked for.

    `connection` to production serves only the fidelity check and HypoPG. Raises TwinFailed when a planner that was
    asked for by name cannot be had.
    """
    return _Asking(snapshot, catalog, options, connection, progress, clock, Planned(settings)).run()


@dataclass(frozen=True, slots=True)
class _Asking:
    """One report's questions to one planner."""

    snapshot: Snapshot
    catalog: Catalog
    options: ReportOptions
    connection: psycopg.Connection[Any] | None
    progress: Progress
    clock: Clock
    found: Planned

    def run(self) -> Planned:
        subjects, mode = self.options.subjects, self.options.what_if.mode
        indexes = "index" in subjects
        workload = bool(self.snapshot.statements or self.snapshot.workload_texts)
        replay = self.found.settings is not None and mode != "none" and workload
        shapes: tuple[PartitionShape, ...] = ()
        if "retention" in subjects and mode in ("auto", "twin"):
            with self.clock.stage("analyse"):
                shapes = shapes_to_try(self.snapshot, self.catalog, self.options.policy)
        if not (indexes or replay or shapes):
            return self.found
        try:
            self._ask(indexes, replay, shapes)
        except OutOfTime:
            if indexes and self.found.indexes is None:
                self._cut_short("index proposals")
            elif replay:
                self._cut_short("the settings' effect on plans")
            if shapes:
                self._cut_short("partitions tried on the twin")
        if indexes and self.found.indexes is None:
            drops = advise_drops(self.snapshot, self.catalog, self.found.workload, None)
            self.found.indexes = IndexAdvice(drop=drops, planner="none")
        return self.found

    def _ask(self, indexes: bool, replay: bool, shapes: tuple[PartitionShape, ...]) -> None:
        with ExitStack() as stack:
            facts = self.snapshot if indexes or replay else concerned(self.snapshot, shapes)
            missing = "no index proposals, no costs" if indexes else "no replay of plans" if replay else WITHOUT_TRIALS
            engine = self._open(stack, facts, shapes, missing)
            if engine is None:
                return
            if indexes:
                self.found.gaps += twin_gaps(engine.degraded, self.snapshot.server.major)
            with self.clock.stage("workload"):
                workload = read_workload(facts, self.catalog, engine.session, self.progress)
            trusted = workload
            if indexes:
                self.found.workload = workload
                trusted = self._compared(engine, workload)
                self._search(engine, trusted)
            if (
                self.found.settings is not None
                and engine.kind == "twin"
                and isinstance(engine.session, PlanningSession)
            ):
                with self.clock.stage("replay"):
                    self.found.settings = replayed_advice(
                        engine.session, trusted.statements, self.found.settings, self.snapshot.role_settings
                    )
            if indexes and self.options.keep_plans and isinstance(engine.session, PlanningSession):
                with self.clock.stage("plans"):
                    self.found.plans = tuple(read_plans(engine.session, trusted.statements))
            if shapes and engine.twin is not None:
                self._try_partitions(engine, workload, shapes)

    def _open(
        self, stack: ExitStack, facts: Snapshot, shapes: tuple[PartitionShape, ...], missing: str
    ) -> WhatIf | None:
        """Return the planner, or None with a gap that says why there is none and what is missing for it."""
        asked = self.options.what_if
        touched = relations_touched(facts, self.catalog)
        if touched is not None:
            touched |= {shape.table for shape in shapes}
        with self.clock.stage("twin"):
            try:
                return stack.enter_context(
                    open_whatif(self.snapshot, replace(asked, touched=touched), self.connection, self.progress)
                )
            except TwinFailed as error:
                if asked.mode != "auto" or asked.twin_dsn or asked.twin_image or asked.twin_major:
                    raise  # what was asked for by name must not turn into a gap
                self.found.gaps.append(Gap(what="what-if planner", why=error.message, fix=error.hint, costs=missing))
                return None

    def _compared(self, engine: WhatIf, workload: Workload) -> Workload:
        """Return the workload without statements whose plans differ from the server's."""
        with self.clock.stage("fidelity"):
            fidelity = self.found.fidelity = engine.measure_fidelity(workload.statements)
        if fidelity is None or not (fidelity.withheld or fidelity.doubted):
            return workload
        withheld, doubted = set(fidelity.withheld), set(fidelity.doubted)
        kept = (s for s in workload.statements if s.key not in withheld)
        return replace(workload, statements=tuple(replace(s, doubted=s.key in doubted) for s in kept))

    def _search(self, engine: WhatIf, trusted: Workload) -> None:
        with self.clock.stage("search"):
            try:
                self.found.indexes = advise_indexes(
                    self.snapshot, self.catalog, trusted, engine.planner, self.options.search, self.progress
                )
            except PlanFailed as error:
                # Not one statement but the planner itself: what was read and judged without it stands.
                self.found.gaps.append(
                    Gap(what="what-if planner", why=str(error), costs="no index proposals, no costs")
                )

    def _try_partitions(self, engine: WhatIf, workload: Workload, shapes: tuple[PartitionShape, ...]) -> None:
        """Try partitions last: a stand-in takes the place of a table in the twin."""
        assert engine.twin is not None
        with self.clock.stage("partitions"):
            try:
                self.found.trials, untried = trials_on(engine.twin, workload.statements, shapes, self.progress)
            except OutOfTime:
                self._cut_short("partitions tried on the twin")
                return
            self.found.gaps += untried

    def _cut_short(self, what: str) -> None:
        self.found.gaps.append(
            Gap(
                what=what,
                why="the time of the run was over (--max-time)",
                fix="give it more time, or less to do: --time-limit, --what-if none",
                costs="they are missing; everything else in this report was judged",
            )
        )
