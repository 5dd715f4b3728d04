"""HypoPG on the server itself: hypothetical indexes in the memory of one session, where no twin can be had.

It knows no tree height, no deduplication and neither GIN nor GiST; sizes shown are our own estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg

from advisor.errors import TwinFailed
from advisor.index_search.planner import Candidate, Plan, PlanFailed, PreparedCandidate
from advisor.index_search.size import estimate_index_size
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName, quote_ident
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Binding, Statement
from advisor.whatif.ddl import candidate_ddl
from advisor.whatif.plans import IndexNames, plan_of
from advisor.whatif.session import PlanningSession, Question
from advisor.workload.session import ParseError

_LIMITS = (
    "HypoPG: costs of new indexes lack the tree's height and deduplication, and are often too high",
    "HypoPG: GIN and GiST indexes cannot be tried",
)
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
        self.session.execute(f"select {self._schema}.hypopg_reset()")
        if self.can_hide:
            self.session.execute(f"select {self._schema}.hypopg_unhide_all_indexes()")
        self.session.use_search_path(())

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        for candidate in candidates:
            if candidate in self._prepared:
                continue
            handle = f"hypo{len(self._prepared) + 1}"
            self._by_handle[handle] = candidate
            error = self._activate(handle)
            self._deactivate(handle)
            size = estimate_index_size(candidate, self._catalog)
            self._prepared[candidate] = PreparedCandidate(
                candidate=candidate,
                handle=handle if error is None else "",
                size_bytes=size.size_bytes,
                rows=size.rows,
                error=error,
            )
        return tuple(self._prepared[candidate] for candidate in candidates)

    def plan_many(
        self,
        requests: Sequence[tuple[Statement, Binding]],
        on: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
    ) -> list[Plan | PlanFailed]:
        if hidden and not self.can_hide:
            return [PlanFailed(_NO_HIDING) for _ in requests]
        for handle in set(self._active) - on:
            self._deactivate(handle)
        for handle in on - set(self._active):
            error = self._activate(handle)
            if error is not None:
                return [PlanFailed(error) for _ in requests]
        self._hide(hidden)
        try:
            return self._plan_all(requests)
        finally:
            if hidden:
                self.session.execute(f"select {self._schema}.hypopg_unhide_all_indexes()")

    def _plan_all(self, requests: Sequence[tuple[Statement, Binding]]) -> list[Plan | PlanFailed]:
        # The collecting session plans without parallel workers; the workload does not.
        settings = ("set transaction read only", "reset max_parallel_workers_per_gather", "set local jit = off")
        answers = self.session.explain_many(
            settings, [Question(s.text, s.parameter_types, b.values, s.search_path) for s, b in requests]
        )
        return [
            PlanFailed(tree.message, tree.sqlstate)
            if isinstance(tree, ParseError)
            else plan_of(tree, self._existing.used(tree, self._names, statement.search_path))
            for (statement, _), tree in zip(requests, answers, strict=True)
        ]

    def _activate(self, handle: str) -> str | None:
        """Create the hypothetical indexes of a candidate, one per partition; return why it cannot be."""
        candidate = self._by_handle[handle]
        leaves = [t.relation for t in self._catalog.leaves(candidate.table) if t.kind in "rm"] or [candidate.table]
        made: list[int] = []
        for leaf in leaves:
            statement = candidate_ddl(replace(candidate, table=leaf), "pgadvise_hypothetical")
            try:
                with self._connection.transaction():
                    row = self._connection.execute(
                        f"select indexrelid::int8, indexname from {self._schema}.hypopg_create_index(%s)".encode(),  # noqa: S608 (a quoted schema)
                        (statement,),
                    ).fetchone()
            except psycopg.Error as error:
                self._active[handle] = made
                self._deactivate(handle)
                return (error.diag.message_primary or str(error)).strip().splitlines()[0]
            if row is not None:
                made.append(row[0])
                self._names[row[1]] = handle
        self._active[handle] = made
        return None

    def _deactivate(self, handle: str) -> None:
        for oid in self._active.pop(handle, ()):
            self.session.execute(f"select {self._schema}.hypopg_drop_index({oid})")

    def _hide(self, hidden: frozenset[str]) -> None:
        parents = {i.relation: i.parent for i in self._catalog.snapshot.indexes}
        for index in self._catalog.snapshot.indexes:
            name: RelationName | None = index.relation
            while name is not None and str(name) not in hidden:
                name = parents.get(name)
            if name is not None:
                self.session.execute(f"select {self._schema}.hypopg_hide_index({index.oid})")
