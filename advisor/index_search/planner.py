"""The port through which the search asks a planner. Adapters live in advisor.whatif."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName
from advisor.model.workload import Binding, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An index that could be created. Two candidates are the same index when they are equal."""

    table: RelationName
    access_method: str
    columns: tuple[IndexColumn, ...]
    include: tuple[str, ...] = ()
    predicate: str | None = None
    reloptions: tuple[str, ...] = ()  # 'pages_per_range=32'


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCandidate:
    """A candidate the planner can switch on, with its estimated size."""

    candidate: Candidate
    handle: str  # the planner's own name of it
    size_bytes: int
    rows: float
    error: str | None = None  # the server refused to create it; it must not be used


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the planner answered for one statement with one binding."""

    total_cost: float
    startup_cost: float
    rows: float
    used: frozenset[str]  # handles of candidates and 'schema.name' (str(RelationName)) of existing indexes used
    tree: dict[str, Any]  # the EXPLAIN (FORMAT JSON) "Plan" object


@dataclass(frozen=True, slots=True)
class Group:
    """Requests that are planned under the same indexes: `on` and `hidden` as for `Planner.plan_many`."""

    requests: Sequence[tuple[Statement, Binding]]
    on: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()


class Planner(Protocol):
    """A planner with production's schema and statistics, and switchable indexes.

    A statement that cannot be planned raises PlanFailed for that statement only; the session stays usable.
    """

    description: str  # "twin, PostgreSQL 15.18"
    ahead: int  # as many groups are worth asking together; 1 where that is no faster than one by one

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        """Make candidates known (all switched off) and size them; refused ones come back with `error`."""
        ...

    def plan_many(
        self,
        requests: Sequence[tuple[Statement, Binding]],
        on: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
    ) -> list[Plan | PlanFailed]:
        """Plan requests with the candidates `on` (handles) switched on and existing indexes `hidden`
        (str(RelationName)) switched off. One answer per request, in order."""
        ...

    def plan_groups(self, groups: Sequence[Group]) -> list[list[Plan | PlanFailed]]:
        """Plan several groups, each as `plan_many` does."""
        ...


class PlanFailed(Exception):
    """The planner refused one statement."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
