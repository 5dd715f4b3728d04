"""The twin as a Planner: indexes are switched on and off inside a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from advisor.index_search.planner import Candidate, Plan, PlanFailed, PreparedCandidate
from advisor.model.names import RelationName
from advisor.model.workload import Binding, Statement
from advisor.whatif.plans import IndexNames, plan_of
from advisor.whatif.session import PlanningSession
from advisor.whatif.twin.build import Twin
from advisor.whatif.twin.candidates import CandidateWorkshop, Switch
from advisor.workload.session import ParseError

# Every toggle leaves dead rows in two catalogs; after so many they are cleaned up.
_TOGGLES_PER_VACUUM = 1000


class TwinPlanner:
    """Implements `advisor.index_search.planner.Planner` on a twin."""

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
        toggle = self._toggle_sql(on, hidden)
        if toggle is None:
            try:
                return [self._plan(statement, binding) for statement, binding in requests]
            finally:
                self._session.use_role(None)
        answers: list[Plan | PlanFailed] = []
        inside = False
        try:
            for statement, binding in requests:
                if not inside:
                    self._begin(toggle)
                    inside = True
                answer = self._plan(statement, binding)
                answers.append(answer)
                if isinstance(answer, PlanFailed):
                    # The error ended the transaction, and with it the switches.
                    self._rollback()
                    inside = False
        finally:
            if inside:
                self._rollback()
        self._clean_up()
        return answers

    def _plan(self, statement: Statement, binding: Binding) -> Plan | PlanFailed:
        self._session.use_role(self._role_of(statement))
        tree = self._session.explain(statement.text, statement.parameter_types, binding.values, statement.search_path)
        if isinstance(tree, ParseError):
            return PlanFailed(tree.message, tree.sqlstate)
        return plan_of(tree, self._names.used(tree, self._workshop.handles_by_name, statement.search_path))

    def _role_of(self, statement: Statement) -> str | None:
        """Return the role to plan as: one that runs the statement and whose policies add conditions to it."""
        secured = [self._secured[name] for name in statement.relations if name in self._secured]
        if not secured:
            return None
        return next(
            (role for role in statement.roles if role in self._bound and any(role != owner for owner in secured)), None
        )

    def _toggle_sql(self, on: frozenset[str], hidden: frozenset[str]) -> str | None:
        show = [self._workshop.switches[handle] for handle in sorted(on)]
        hide = [self._existing[name] for name in sorted(hidden) if name in self._existing]
        if not show and not hide:
            return None
        parts = ["begin"]
        if show:
            parts.append(_set_live(show, "true"))
        if hide:
            parts.append(_set_live(hide, "false"))
        # A change of pg_index makes sessions forget the index, not their list of the table's indexes; this does.
        tables = _list(oid for switch in (*show, *hide) for oid in switch.tables)
        parts.append(f"update pg_catalog.pg_class set relhasindex = relhasindex where {_among('oid', tables)}")  # noqa: S608
        return "; ".join(parts)

    def _begin(self, toggle: str) -> None:
        refused = self._session.execute(toggle)
        self._toggles += 1
        if refused is not None:
            self._rollback()
            raise PlanFailed(f"the twin could not switch indexes: {refused.message}", refused.sqlstate)

    def _rollback(self) -> None:
        self._session.execute("rollback")
        self._session.forget_settings()

    def _clean_up(self) -> None:
        if self._toggles >= _TOGGLES_PER_VACUUM:
            self._toggles = 0
            self._session.execute("vacuum pg_catalog.pg_index")
            self._session.execute("vacuum pg_catalog.pg_class")


def _set_live(switches: Iterable[Switch], state: str) -> str:
    indexes = _list(oid for switch in switches for oid in switch.indexes)
    chosen = _among("indexrelid", indexes)
    return f"update pg_catalog.pg_index set indislive = {state}, indisvalid = {state} where {chosen}"  # noqa: S608


def _among(column: str, oids: str) -> str:
    """Return a condition with PostgreSQL's own operator: the statement's search_path may hold another `=`."""
    return f"{column} operator(pg_catalog.=) any ('{{{oids}}}'::pg_catalog.oid[])"


def _list(oids: Iterable[int]) -> str:
    return ", ".join(str(oid) for oid in sorted(set(oids)))


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
