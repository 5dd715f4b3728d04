"""Creates candidate indexes in the twin, switched off, with the sizes and statistics they would have when built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import psycopg

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
from advisor.whatif.twin.sizes import Numbers, TwinRelation, apply_numbers, resize_files
from advisor.workload.session import ParseError

PREFIX = "pgadvise_c"
_AT_ONCE = 50  # candidates created in one transaction


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
        created: list[_Created] = []
        try:
            by_path: dict[tuple[str, ...], list[Candidate]] = {}
            for candidate in candidates:
                by_path.setdefault(self._path(candidate.table), []).append(candidate)
            for path, group in by_path.items():
                for start in range(0, len(group), _AT_ONCE):
                    created += self._create_group(group[start : start + _AT_ONCE], path)
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

    def _create_group(self, candidates: list[Candidate], path: tuple[str, ...]) -> list[_Created]:
        """Create candidates in one go; where one is refused, halves, until only the refused ones are left out."""
        try:
            return self._create_together(candidates, path)
        except psycopg.Error as error:
            if self._twin.owner.broken or self._twin.admin.broken:
                raise
            if len(candidates) == 1:
                reason = (error.diag.message_primary or str(error)).strip().splitlines()[0]
                self._made[candidates[0]] = _refused(candidates[0], reason)
                return []
        middle = len(candidates) // 2
        return self._create_group(candidates[:middle], path) + self._create_group(candidates[middle:], path)

    def _create_together(self, candidates: list[Candidate], path: tuple[str, ...]) -> list[_Created]:
        """Create candidates in one transaction, as their tables' owner, and switch them off."""
        admin = self._twin.admin
        first = len(self.switches) + 1
        handles = [f"{PREFIX}{first + place}" for place in range(len(candidates))]
        names = [str(RelationName(c.table.schema, h)) for c, h in zip(candidates, handles, strict=True)]
        script = [f"set local search_path = {', '.join(quote_ident(schema) for schema in path)}"]
        script += [candidate_ddl(c, h) for c, h in zip(candidates, handles, strict=True)]
        # An expression may call a function of production's schema: never as the superuser.
        with self._twin.owner.transaction():
            self._twin.owner.execute(";\n".join(script).encode("utf-8", "surrogateescape"))
        with admin.transaction():
            # Partitions name their parts themselves; ours must be unmistakable in plans.
            rows = admin.execute(
                "update pg_catalog.pg_class c set relname = case when t.level = 0 then c.relname"
                " else t.name || '_' || t.place end"
                " from (select u.name, u.oid, u.level,"
                "     pg_catalog.row_number() over (partition by u.name order by u.level, u.oid) as place"
                "   from (select n.name, n.index::pg_catalog.regclass::oid as oid, 0 as level"
                "       from unnest(%(names)s::text[], %(indexes)s::text[]) as n (name, index)"
                # pg_partition_tree() of an ordinary index is empty.
                "     union select n.name, p.relid::oid, p.level"
                "       from unnest(%(names)s::text[], %(indexes)s::text[]) as n (name, index),"
                "       pg_catalog.pg_partition_tree(n.index::pg_catalog.regclass) p) u) t,"
                "   pg_catalog.pg_index i"
                " where c.oid = t.oid and i.indexrelid = c.oid"
                " returning t.name, c.oid::int8, c.relname, i.indrelid::int8, c.relkind,"
                "   pg_catalog.pg_relation_filepath(c.oid)",
                {"names": handles, "indexes": names},
            ).fetchall()
            admin.execute(
                "update pg_catalog.pg_index set indislive = false, indisvalid = false, indisunique = false"
                " where indexrelid = any(%s::oid[])",
                ([row[1] for row in rows],),
            )
        by_handle: dict[str, list[tuple[int, str, int, str, str | None]]] = {handle: [] for handle in handles}
        for handle, *row in rows:
            by_handle[handle].append((row[0], row[1], row[2], row[3], row[4]))
        return [self._noted(c, h, by_handle[h]) for c, h in zip(candidates, handles, strict=True)]

    def _noted(self, candidate: Candidate, handle: str, rows: list[tuple[int, str, int, str, str | None]]) -> _Created:
        """Remember a created candidate; `rows`: OID, name, the table's OID, kind and file of it and its partitions."""
        switch = Switch(tuple(oid for oid, *_ in rows), tuple(table for _, _, table, *_ in rows))
        self.switches[handle] = switch
        parts = []
        for oid, name, table, kind, path in rows:
            self.handles_by_name[name] = handle
            owner = self._table_names.get(table)
            if kind == "i" and owner is not None:
                parts.append((TwinRelation(oid, RelationName(candidate.table.schema, name), kind, path), owner))
        return _Created(candidate, handle, tuple(parts), switch)

    @cached_property
    def _table_names(self) -> dict[int, RelationName]:
        return {relation.oid: name for name, relation in self._twin.relations.items()}

    def _size(self, created: list[_Created], rows: dict[Candidate, dict[RelationName, float | None]]) -> None:
        pairs: list[tuple[TwinRelation, Numbers]] = []
        heights: dict[int, int] = {}
        equal_image = self._equal_images(created)
        for one in created:
            pages, entries = 0, 0.0
            for index, table in one.parts:
                size = self._estimate(one.candidate, table, rows[one.candidate].get(table), equal_image.get(index.oid))
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
        self, candidate: Candidate, table: RelationName, rows: float | None, deduplicates: bool | None
    ) -> IndexSize:
        part = candidate if table == candidate.table else replace(candidate, table=table)
        return estimate_index_size(part, self._twin.catalog, rows, deduplicates)

    def _equal_images(self, created: list[_Created]) -> dict[int, bool]:
        """Return by OID what the empty B-trees' own metapages say: are equal keys always equal bytes?"""
        files = {
            index.path: index.oid
            for one in created
            if one.candidate.access_method == "btree"
            for index, _ in one.parts
            if index.path is not None
        }
        rows = self._twin.admin.execute(
            "select f.path, pg_catalog.pg_read_binary_file(f.path, %s, 1) from unnest(%s::text[]) as f (path)",
            (BTREE_ALLEQUALIMAGE_OFFSET, list(files)),
        ).fetchall()
        return {files[path]: bool(byte[0]) for path, byte in rows if byte}


def _refused(candidate: Candidate, reason: str) -> PreparedCandidate:
    return PreparedCandidate(candidate=candidate, handle="", size_bytes=0, rows=0, error=reason)
