"""Creates candidate indexes in the twin, switched off, with the sizes and statistics they would have when built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from advisor.index_search.planner import Candidate, PreparedCandidate
from advisor.index_search.size import IndexSize, estimate_index_size
from advisor.model.names import RelationName, quote_ident
from advisor.whatif.ddl import candidate_ddl
from advisor.whatif.session import PlanningSession
from advisor.whatif.twin.build import Twin
from advisor.whatif.twin.expressions import derive_statistics
from advisor.whatif.twin.files import BLOCK
from advisor.whatif.twin.heights import height_of
from advisor.whatif.twin.pages import BTREE_ALLEQUALIMAGE_OFFSET
from advisor.whatif.twin.sizes import Numbers, TwinRelation, apply_numbers, read_relations, resize_files
from advisor.workload.session import ParseError

PREFIX = "pgadvise_c"


@dataclass(frozen=True, slots=True)
class Switch:
    """What to toggle for one index: its own OID with those of its partitions, and the tables'."""

    indexes: tuple[int, ...]
    tables: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Created:
    """A candidate that exists in the twin, with (index, table) of each part that has storage."""

    candidate: Candidate
    handle: str
    parts: tuple[tuple[TwinRelation, RelationName], ...]
    switch: Switch


class CandidateWorkshop:
    """Creates candidates in a twin; each batch empties the tables concerned, creates, and sizes them again."""

    def __init__(self, twin: Twin, session: PlanningSession) -> None:
        self._twin = twin
        self._session = session
        self._made: dict[Candidate, PreparedCandidate] = {}
        self.switches: dict[str, Switch] = {}
        self.handles_by_name: dict[str, str] = {}

    def prepare(self, candidates: Sequence[Candidate]) -> tuple[PreparedCandidate, ...]:
        """Return the candidates prepared, in order; the same candidate is created once."""
        new = list(dict.fromkeys(c for c in candidates if c not in self._made))
        known = []
        for candidate in new:
            if candidate.table in self._twin.relations:
                known.append(candidate)
            else:
                self._made[candidate] = _refused(candidate, "the table is not in the twin")
        if known:
            self._create(known)
        return tuple(self._made[candidate] for candidate in candidates)

    def _create(self, candidates: list[Candidate]) -> None:
        leaves = {c.table: self._leaves(c.table) for c in candidates}
        rows = {c: {leaf: self._rows(c, leaf) for leaf in leaves[c.table]} for c in candidates}
        storage = list(dict.fromkeys(leaf for parts in leaves.values() for leaf in parts))
        tables = [(self._twin.relations[leaf], self._twin.numbers[leaf]) for leaf in storage]
        # Over a sized file CREATE INDEX would read every zero page of it.
        self._twin.files.resize({r.path: 0 for r, _ in tables if r.path is not None})
        created = []
        try:
            for candidate in candidates:
                result = self._create_one(candidate)
                if isinstance(result, str):
                    self._made[candidate] = _refused(candidate, result)
                else:
                    created.append(result)
        finally:
            resize_files(self._twin.files, tables, {})
            # Building an index rewrites its table's row of pg_class: as many rows as it found, none.
            apply_numbers(self._twin.admin, tables)
        self._size(created, rows)

    def _leaves(self, table: RelationName) -> list[RelationName]:
        """Return the tables with storage that an index on `table` would cover: itself or its partitions."""
        own = self._twin.relations[table]
        if own.kind != "p":
            return [table] if table in self._twin.numbers else []
        found = [t.relation for t in self._twin.catalog.leaves(table) if t.kind in "rm"]
        return [name for name in found if name in self._twin.relations]

    def _rows(self, candidate: Candidate, leaf: RelationName) -> float | None:
        """Return the planner's estimate of the rows a partial index covers in a table; None for all rows."""
        if candidate.predicate is None:
            return None
        plan = self._session.explain(f"select from only {leaf} where {candidate.predicate}", (), (), self._path(leaf))
        return None if isinstance(plan, ParseError) else float(plan.get("Plan Rows", 1))

    def _path(self, table: RelationName) -> tuple[str, ...]:
        """Return a search_path under which texts taken from statements find their functions and types."""
        extensions = (e.schema for e in self._twin.snapshot.extensions if e.version is not None and e.schema)
        return tuple(dict.fromkeys((table.schema, "public", *extensions)))

    def _create_one(self, candidate: Candidate) -> _Created | str:
        handle = f"{PREFIX}{len(self.switches) + 1}"
        admin = self._twin.admin
        path = ", ".join(quote_ident(schema) for schema in self._path(candidate.table))
        try:
            with admin.transaction():
                admin.execute(f"set local search_path = {path}".encode())
                admin.execute(candidate_ddl(candidate, handle).encode("utf-8", "surrogateescape"))
                # Partitions name their parts themselves; ours must be unmistakable in plans.
                rows = admin.execute(
                    "update pg_catalog.pg_class c set relname = case when t.level = 0 then c.relname"
                    " else %(name)s || '_' || t.place end"
                    " from (select oid, level, pg_catalog.row_number() over (order by level, oid) as place"
                    "   from (select %(index)s::pg_catalog.regclass::oid as oid, 0 as level"
                    # pg_partition_tree() of an ordinary index is empty.
                    "     union select relid::oid, level from pg_catalog.pg_partition_tree(%(index)s)) u) t,"
                    "   pg_catalog.pg_index i"
                    " where c.oid = t.oid and i.indexrelid = c.oid"
                    " returning c.oid::int8, c.relname, i.indrelid::int8",
                    {"name": handle, "index": str(RelationName(candidate.table.schema, handle))},
                ).fetchall()
                admin.execute(
                    "update pg_catalog.pg_index set indislive = false, indisvalid = false, indisunique = false"
                    " where indexrelid = any(%s::oid[])",
                    ([oid for oid, _, _ in rows],),
                )
        except psycopg.Error as error:
            return (error.diag.message_primary or str(error)).strip().splitlines()[0]
        switch = Switch(tuple(oid for oid, _, _ in rows), tuple(table for _, _, table in rows))
        self.switches[handle] = switch
        for _, name, _ in rows:
            self.handles_by_name[name] = handle
        relations = read_relations(admin, switch.indexes)
        tables = {relation.oid: name for name, relation in self._twin.relations.items()}
        by_oid = {relation.oid: relation for relation in relations.values()}
        parts = tuple(
            (by_oid[oid], tables[table]) for oid, _, table in rows if by_oid[oid].kind == "i" and table in tables
        )
        return _Created(candidate, handle, parts, switch)

    def _size(self, created: list[_Created], rows: dict[Candidate, dict[RelationName, float | None]]) -> None:
        pairs: list[tuple[TwinRelation, Numbers]] = []
        heights: dict[int, int] = {}
        for one in created:
            pages, entries = 0, 0.0
            for index, table in one.parts:
                size = self._estimate(one.candidate, index, table, rows[one.candidate].get(table))
                pairs.append((index, Numbers(size.pages * BLOCK, size.pages, size.rows)))
                if one.candidate.access_method == "btree":
                    heights[index.oid] = height_of(
                        one.candidate.columns, table, self._twin.catalog, size.pages, size.rows
                    )
                pages += size.pages
                entries += size.rows
            self._made[one.candidate] = PreparedCandidate(
                candidate=one.candidate, handle=one.handle, size_bytes=pages * BLOCK, rows=entries
            )
        resize_files(self._twin.files, pairs, heights)
        apply_numbers(self._twin.admin, pairs)
        for one in created:
            if any(column.expression is not None for column in one.candidate.columns):
                derive_statistics(self._twin, one.candidate, one.switch.indexes, self._path(one.candidate.table))

    def _estimate(
        self, candidate: Candidate, index: TwinRelation, table: RelationName, rows: float | None
    ) -> IndexSize:
        part = candidate
        if table != candidate.table:
            part = Candidate(
                table=table,
                access_method=candidate.access_method,
                columns=candidate.columns,
                include=candidate.include,
                predicate=candidate.predicate,
                reloptions=candidate.reloptions,
            )
        deduplicates = self._deduplicates(index) if candidate.access_method == "btree" else None
        return estimate_index_size(part, self._twin.catalog, rows, deduplicates)

    def _deduplicates(self, index: TwinRelation) -> bool | None:
        """Return what the empty index's own metapage says: are equal keys always equal bytes?"""
        row = self._twin.admin.execute(
            sql.SQL("select pg_catalog.pg_read_binary_file(%s, %s, 1)"), (index.path, BTREE_ALLEQUALIMAGE_OFFSET)
        ).fetchone()
        return None if row is None or not row[0] else bool(row[0][0])


def _refused(candidate: Candidate, reason: str) -> PreparedCandidate:
    return PreparedCandidate(candidate=candidate, handle="", size_bytes=0, rows=0, error=reason)
