"""HypoPG on the server itself: hypothetical indexes in the memory of one session, where no twin can be had.

It knows no tree height, no deduplication and neither GIN nor GiST; sizes shown are our own estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from advisor.errors import TwinFailed
from advisor.index_search.planner import Candidate, Group, Plan, PlanFailed, PreparedCandidate
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
_AT_ONCE = 100  # candidates tried together
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

    ahead = 1  # hypothetical indexes come and go one command at a time

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
        new = [candidate for candidate in dict.fromkeys(candidates) if candidate not in self._prepared]
        self._switch(frozenset())
        for start in range(0, len(new), _AT_ONCE):
            self._try(new[start : start + _AT_ONCE])
        return tuple(self._prepared[candidate] for candidate in candidates)

    def _try(self, candidates: Sequence[Candidate]) -> None:
        """Prepare candidates; where HypoPG refuses some, by halves, until only those are left out."""
        handles = [f"hypo{len(self._prepared) + place}" for place in range(1, len(candidates) + 1)]
        error = self._create(dict(zip(handles, candidates, strict=True)))
        self._switch(frozenset())
        if error is not None and len(candidates) > 1:
            middle = len(candidates) // 2
            self._try(candidates[:middle])
            self._try(candidates[middle:])
            return
        for candidate, handle in zip(candidates, handles, strict=True):
            size = estimate_index_size(candidate, self._catalog)
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
        error = self._switch(on)
        if error is not None:
            return [PlanFailed(error) for _ in requests]
        self._hide(hidden)
        try:
            return self._plan_all(requests)
        finally:
            if hidden:
                self.session.execute(f"select {self._schema}.hypopg_unhide_all_indexes()")

    def plan_groups(self, groups: Sequence[Group]) -> list[list[Plan | PlanFailed]]:
        return [self.plan_many(group.requests, group.on, group.hidden) for group in groups]

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

    def _switch(self, on: frozenset[str]) -> str | None:
        """Have exactly these candidates' hypothetical indexes; return why that cannot be."""
        gone = [handle for handle in self._active if handle not in on]
        if gone:
            oids = [oid for handle in gone for oid in self._active.pop(handle)]
            self._connection.execute(
                f"select {self._schema}.hypopg_drop_index(o::oid) from pg_catalog.unnest(%s::int8[]) o".encode(),  # noqa: S608 (a quoted schema)
                (oids,),
            )
        new = sorted(handle for handle in on if handle not in self._active)
        return self._create({handle: self._by_handle[handle] for handle in new}) if new else None

    def _create(self, candidates: Mapping[str, Candidate]) -> str | None:
        """Create the hypothetical indexes of candidates, one per partition; return why one cannot be."""
        owners: list[str] = []
        statements: list[str] = []
        for handle, candidate in candidates.items():
            leaves = [t.relation for t in self._catalog.leaves(candidate.table) if t.kind in "rm"]
            for leaf in leaves or [candidate.table]:
                owners.append(handle)
                statements.append(candidate_ddl(replace(candidate, table=leaf), "pgadvise_hypothetical"))
        try:
            with self._connection.transaction():
                rows = self._connection.execute(
                    f"select s.place::int8, h.indexrelid::int8, h.indexname"  # noqa: S608 (a quoted schema)
                    " from pg_catalog.unnest(%s::text[]) with ordinality as s (ddl, place)"
                    f" cross join lateral {self._schema}.hypopg_create_index(s.ddl) h".encode(),
                    (statements,),
                ).fetchall()
        except psycopg.Error as error:
            # What was created before the refused one stays: HypoPG knows no transactions.
            self._connection.execute(f"select {self._schema}.hypopg_reset()".encode())
            self._active.clear()
            return (error.diag.message_primary or str(error)).strip().splitlines()[0]
        for place, oid, name in rows:
            self._active.setdefault(owners[place - 1], []).append(oid)
            self._names[name] = owners[place - 1]
        return None

    def _hide(self, hidden: frozenset[str]) -> None:
        parents = {i.relation: i.parent for i in self._catalog.snapshot.indexes}
        for index in self._catalog.snapshot.indexes:
            name: RelationName | None = index.relation
            while name is not None and str(name) not in hidden:
                name = parents.get(name)
            if name is not None:
                self.session.execute(f"select {self._schema}.hypopg_hide_index({index.oid})")
