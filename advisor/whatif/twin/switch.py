"""The twin as a Planner: indexes are switched on and off inside a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from advisor.index_search.planner import Candidate, Group, Plan, PlanFailed, PreparedCandidate
from advisor.model.names import RelationName
from advisor.model.workload import Binding, Statement
from advisor.whatif.plans import IndexNames, plan_of
from advisor.whatif.session import CommandRefused, PlanningSession, Question
from advisor.whatif.twin.build import Twin
from advisor.whatif.twin.candidates import CandidateWorkshop, Switch
from advisor.workload.session import ParseError

# Every toggle leaves dead rows in two catalogs; after so many they are cleaned up.
_TOGGLES_PER_VACUUM = 1000


class TwinPlanner:
    """Implements `advisor.index_search.planner.Planner` on a twin."""

    ahead = 24

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._connection = twin.connect()
        self._session = PlanningSession(self._connection)
        self._workshop = CandidateWorkshop(twin, self._session)
        self._names = IndexNames(existing_indexes(twin))
        self._existing = _switches(twin)
        self._toggles = 0
        # Tables with row security and their owners, and the roles that it binds.
        self._secured = {t.relation: t.owner for t in twin.snapshot.tables if t.row_security}
        self._bound = {r.name for r in twin.snapshot.roles if not r.superuser and not r.bypass_rls}
        self.description = twin.description

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        return self._workshop.prepare(candidates)

    def plan_many(
        self,
        requests: Sequence[tuple[Statement, Binding]],
        on: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
    ) -> list[Plan | PlanFailed]:
        return self.plan_groups([Group(requests, on, hidden)])[0]

    def plan_groups(self, groups: Sequence[Group]) -> list[list[Plan | PlanFailed]]:
        toggles = [self._toggles_sql(group.on, group.hidden) if group.requests else [] for group in groups]
        questions = [[self._question(*request) for request in group.requests] for group in groups]
        self._toggles += sum(map(bool, toggles))
        try:
            answers = self._session.explain_groups(list(zip(toggles, questions, strict=True)))
        except CommandRefused as refused:
            error = refused.error
            raise PlanFailed(f"the twin could not switch indexes: {error.message}", error.sqlstate) from refused
        self._clean_up()
        return [
            [
                PlanFailed(tree.message, tree.sqlstate)
                if isinstance(tree, ParseError)
                else plan_of(tree, self._names.used(tree, self._workshop.handles_by_name, statement.search_path))
                for (statement, _), tree in zip(group.requests, trees, strict=True)
            ]
            for group, trees in zip(groups, answers, strict=True)
        ]

    def _question(self, statement: Statement, binding: Binding) -> Question:
        return Question(
            statement.text, statement.parameter_types, binding.values, statement.search_path, self._role_of(statement)
        )

    def _role_of(self, statement: Statement) -> str | None:
        """Return the role to plan as: one that runs the statement and whose policies add conditions to it."""
        secured = [self._secured[name] for name in statement.relations if name in self._secured]
        if not secured:
            return None
        return next(
            (role for role in statement.roles if role in self._bound and any(role != owner for owner in secured)), None
        )

    def _toggles_sql(self, on: frozenset[str], hidden: frozenset[str]) -> list[str]:
        """Return the commands that switch candidates on and existing indexes off, until the transaction ends."""
        show = [self._workshop.switches[handle] for handle in sorted(on)]
        hide = [self._existing[name] for name in sorted(hidden) if name in self._existing]
        if not show and not hide:
            return []
        tables = _array(oid for switch in (*show, *hide) for oid in switch.tables)
        shown, gone = (_array(oid for switch in switches for oid in switch.indexes) for switches in (show, hide))
        # The session is no superuser's; this function may write to the catalogs for it.
        return [f"select pg_catalog.pgadvise_switch({shown}, {gone}, {tables})"]

    def _clean_up(self) -> None:
        if self._toggles >= _TOGGLES_PER_VACUUM:
            self._toggles = 0
            self._twin.admin.execute("vacuum pg_catalog.pg_index")
            self._twin.admin.execute("vacuum pg_catalog.pg_class")


def _array(oids: Iterable[int]) -> str:
    """Return OIDs as an array literal."""
    return f"'{{{','.join(str(oid) for oid in sorted(set(oids)))}}}'::pg_catalog.oid[]"


def existing_indexes(twin: Twin) -> dict[RelationName, tuple[RelationName, RelationName]]:
    """Return index -> (table, index to report) for production's indexes; a partition's reports its topmost parent."""
    parents = {index.relation: index.parent for index in twin.snapshot.indexes}

    def topmost(name: RelationName) -> RelationName:
        seen = {name}
        while (parent := parents.get(name)) is not None and parent not in seen:
            seen.add(parent)
            name = parent
        return name

    return {index.relation: (index.table, topmost(index.relation)) for index in twin.snapshot.indexes}


def _switches(twin: Twin) -> dict[str, Switch]:
    """Return what to switch to hide each existing index: itself with everything attached below it."""
    children: dict[RelationName, list[RelationName]] = {}
    tables = {index.relation: index.table for index in twin.snapshot.indexes}
    for index in twin.snapshot.indexes:
        if index.parent is not None:
            children.setdefault(index.parent, []).append(index.relation)

    def below(name: RelationName) -> list[RelationName]:
        return [name] + [leaf for child in children.get(name, ()) for leaf in below(child)]

    found = {}
    for name in tables:
        members = [member for member in below(name) if member in twin.relations and tables[member] in twin.relations]
        if members:
            found[str(name)] = Switch(
                tuple(twin.relations[member].oid for member in members),
                tuple(twin.relations[tables[member]].oid for member in members),
            )
    return found
