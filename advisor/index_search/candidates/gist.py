"""GiST: ranges, geometric types, networks."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.index_search.candidates.btree import Columns
from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Occurrence
from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName

_GEOMETRIC = frozenset({"point", "box", "polygon", "circle", "geometry", "geography"})


def gist_keys(one: Occurrence, facts: Facts) -> Iterator[Columns]:
    """Yield GiST keys for conditions on ranges, geometry and networks."""
    for key in one.contains:
        column = facts.column(one.relation, key.use.columns[0])
        if column is None:
            continue
        if key.use.expression is not None:
            # tstzrange(starts_at, ends_at) && …: an expression over two columns.
            if "range(" in key.use.expression.lower():
                yield (IndexColumn(column=None, expression=key.use.expression),)
        elif column.type_category == "R" or column.base_type.name in _GEOMETRIC:
            yield (IndexColumn(column=key.use.columns[0]),)
        elif column.base_type.name in ("inet", "cidr"):
            yield (
                IndexColumn(
                    column=key.use.columns[0],
                    opclass=RelationName("pg_catalog", "inet_ops"),
                    opclass_is_default=False,
                ),
            )
