"""HypoPG on the server itself: hypothetical indexes in the memory of one session, where no twin can be had.

It knows no tree height, no deduplication and neither GIN nor GiST; sizes shown are our own estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import pq

from advisor.errors import TwinFailed
from advisor.index_search.planner import Candidate, Group, Plan, PlanFailed, PreparedCandidate
from advisor.index_search.size import estimate_index_size
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding, Statement
from advisor.whatif.batch import Command
from advisor.whatif.ddl import candidate_ddl
from advisor.whatif.plans import IndexNames, plan_of
from advisor.whatif.session import CommandRefused, First, PlanningSession, Question
from advisor.workload.session import ParseError

_LIMITS = (
    "HypoPG: costs of new indexes lack the tree's height and deduplication, and are often too high",
    "HypoPG: GIN and GiST indexes cannot be tried",
)
_AT_ONCE = 100  # candidates tried together
_TEXT = 25  # OID of the type
_NO_HIDING = "HypoPG before 1.4 cannot hide an existing index: drops are judged without re-planning"


def hypopg_available(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the extension is installed in this database and the role may use it."""
    try:
        with connection.transaction():
            row = connection.execute(
                "select pg_catalog.has_schema_privilege(e.extnamespace, 'usage') from pg_catalog.pg_extension e"
                " where e.extname = 'hypopg'"
            ).fetchone()
    except psycopg.Error:
        return False
    return row is not None and bool(row[0])


class HypoPlanner:
    """Implements `advisor.index_search.planner.Planner` with HypoPG in the user's own, read-only session."""

    ahead = 1  # sets of indexes far apart take longer to create than to ask about

    def __init__(self, connection: psycopg.Connection[Any], snapshot: Snapshot) -> None:
        with connection.transaction():
            row = connection.execute(
                "select n.nspname, e.extversion from pg_catalog.pg_extension e"
                " join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'hypopg'"
            ).fetchone()
        if row is None:
            raise TwinFailed(
                "HypoPG is not installed in this database.", "Run CREATE EXTENSION hypopg, or use --what-if twin."
            )
        if getattr(connection, "pooled", False):
            raise TwinFailed(
                "HypoPG keeps its indexes in one session, and a connection pooler stands before the server.",
                "Connect to the server itself, or use --what-if twin.",
            )
        self._schema = quote_ident(row[0])
        self.can_hide = tuple(int(part) for part in row[1].split(".")[:2]) >= (1, 4)
        self.limits = _LIMITS if self.can_hide else (*_LIMITS, _NO_HIDING)
        self.description = f"HypoPG {row[1]} on the server"
        self.session = PlanningSession(connection)
        self._connection = connection
        self._catalog = Catalog(snapshot)
        self._prepared: dict[Candidate, PreparedCandidate] = {}
        self._by_handle: dict[str, Candidate] = {}
        self._active: dict[str, list[int]] = {}  # handle -> OIDs of its hypothetical indexes
        self._names: dict[str, str] = {}  # hypothetical name -> handle
        self._found_leaves: dict[RelationName, list[RelationName]] = {}
        self._existing = IndexNames({i.relation: (i.table, self._topmost(i.relation)) for i in snapshot.indexes})

    def _topmost(self, name: RelationName) -> RelationName:
        parents = {i.relation: i.parent for i in self._catalog.snapshot.indexes}
        seen = {name}
        while (parent := parents.get(name)) is not None and parent not in seen:
            seen.add(parent)
            name = parent
        return name

    def close(self) -> None:
        """Forget every hypothetical index and hidden one, and the session's search_path."""
        if self._connection.closed:
            return
        self.session.execute("rollback")
        self._forget()
        if self.can_hide:
            self.session.execute(f"select {self._schema}.hypopg_unhide_all_indexes()")
        self.session.use_search_path(())

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        new = [candidate for candidate in dict.fromkeys(candidates) if candidate not in self._prepared]
        self._forget()
        for start in range(0, len(new), _AT_ONCE):
            self._try(new[start : start + _AT_ONCE])
        return tuple(self._prepared[candidate] for candidate in candidates)

    def _try(self, candidates: Sequence[Candidate]) -> None:
        """Prepare candidates: HypoPG has no other way to say which it takes than to create them."""
        places = [(one, table) for one in candidates for table in self._leaves(one.table)]
        results = self.session.run_each([self._creation(one, table) for one, table in places])
        self._forget()
        errors: dict[Candidate, str] = {}
        for (candidate, _), result in zip(places, results, strict=True):
            if isinstance(result, ParseError):
                errors.setdefault(candidate, result.message.strip().splitlines()[0])
        for candidate in candidates:
            size = estimate_index_size(candidate, self._catalog)
            handle = f"hypo{len(self._prepared) + 1}"
            error = errors.get(candidate)
            self._by_handle[handle] = candidate
            self._prepared[candidate] = PreparedCandidate(
                candidate=candidate,
                handle=handle if error is None else "",
                size_bytes=size.size_bytes,
                rows=size.rows,
                error=error,
            )

    def plan_many(
        self,
        requests: Sequence[tuple[Statement, Binding]],
        on: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
    ) -> list[Plan | PlanFailed]:
        if hidden and not self.can_hide:
            return [PlanFailed(_NO_HIDING) for _ in requests]
        first = self._changes(on)
        if hidden:
            self._hide(hidden)
        try:
            return self._plan_all(requests, first)
        except CommandRefused as error:
            # What was created before the refused one stays: HypoPG knows no transactions.
            self._forget()
            return [PlanFailed(error.error.message, error.error.sqlstate) for _ in requests]
        finally:
            if hidden:
                self.session.execute(f"select {self._schema}.hypopg_unhide_all_indexes()")

    def plan_groups(self, groups: Sequence[Group]) -> list[list[Plan | PlanFailed]]:
        return [self.plan_many(group.requests, group.on, group.hidden) for group in groups]

    def _plan_all(
        self, requests: Sequence[tuple[Statement, Binding]], first: Sequence[First]
    ) -> list[Plan | PlanFailed]:
        # The collecting session plans without parallel workers; the workload does not.
        settings = ("set transaction read only", "reset max_parallel_workers_per_gather", "set local jit = off")
        answers = self.session.explain_many(
            settings, [Question(s.text, s.parameter_types, b.values, s.search_path) for s, b in requests], first
        )
        return [
            PlanFailed(tree.message, tree.sqlstate)
            if isinstance(tree, ParseError)
            else plan_of(tree, self._existing.used(tree, self._names, statement.search_path))
            for (statement, _), tree in zip(requests, answers, strict=True)
        ]

    def _changes(self, on: frozenset[str]) -> list[First]:
        """Return the commands after which exactly these candidates' hypothetical indexes are there."""
        gone = [handle for handle in self._active if handle not in on]
        changes = [self._drop(oid) for handle in gone for oid in self._active.pop(handle)]
        for handle in sorted(on):
            if handle not in self._active:
                self._active[handle] = []
                changes += [self._create(handle, table) for table in self._leaves(self._by_handle[handle].table)]
        return changes

    def _leaves(self, table: RelationName) -> list[RelationName]:
        """Return where an index on a table really is: on each partition of a partitioned one."""
        found = self._found_leaves.get(table)
        if found is None:
            leaves = [one.relation for one in self._catalog.leaves(table) if one.kind in "rm"]
            found = self._found_leaves[table] = leaves or [table]
        return found

    def _drop(self, oid: int) -> First:
        command = Command(f"select {self._schema}.hypopg_drop_index({oid})".encode())
        return First(command, lambda result: None)

    def _create(self, handle: str, table: RelationName) -> First:
        def learn(result: pq.abc.PGresult) -> None:
            oid, name = result.get_value(0, 0), result.get_value(0, 1)
            assert oid is not None and name is not None
            self._active[handle].append(int(oid))
            self._names[name.decode()] = handle

        return First(self._creation(self._by_handle[handle], table), learn)

    def _creation(self, candidate: Candidate, table: RelationName) -> Command:
        ddl = candidate_ddl(replace(candidate, table=table), "pgadvise_hypothetical")
        sql = f"select indexrelid::int8, indexname from {self._schema}.hypopg_create_index($1)"  # noqa: S608 (a quoted schema)
        return Command(sql.encode(), (ddl.encode(),), (_TEXT,))

    def _forget(self) -> None:
        """Have no hypothetical index."""
        self.session.execute(f"select {self._schema}.hypopg_reset()")
        self._active.clear()

    def _hide(self, hidden: frozenset[str]) -> None:
        parents = {i.relation: i.parent for i in self._catalog.snapshot.indexes}
        for index in self._catalog.snapshot.indexes:
            name: RelationName | None = index.relation
            while name is not None and str(name) not in hidden:
                name = parents.get(name)
            if name is not None:
                self.session.execute(f"select {self._schema}.hypopg_hide_index({index.oid})")
