"""Pattern searches: prefixes through a B-tree with pattern operators, anything else through trigrams."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.index_search.candidates.btree import Columns, dead_weight
from advisor.index_search.facts import Facts
from advisor.index_search.occurrence import Key, Occurrence
from advisor.model.catalog import IndexColumn
from advisor.model.names import RelationName

_PATTERN_CLASSES = {"text": "text_pattern_ops", "varchar": "varchar_pattern_ops", "bpchar": "bpchar_pattern_ops"}
_WILDCARDS = "%_"


def patterns_of(key: Key, one: Occurrence) -> list[str]:
    """Return the patterns a condition is known to be used with."""
    if key.use.constant is not None:
        return [key.use.constant.strip("E").strip("'")]
    if key.use.parameter is None:
        return []
    place = key.use.parameter - 1
    return [v for b in one.statement.bindings if place < len(b.values) and (v := b.values[place]) is not None]


def is_prefix(key: Key, one: Occurrence) -> bool:
    """Return whether the condition is a search for a prefix of at least one character."""
    if key.use.operator == "^@":
        return True
    found = patterns_of(key, one)
    if key.use.operator == "~":
        return bool(found) and all(p.startswith("^") and len(p) > 1 and p[1].isalnum() for p in found)
    return key.use.operator == "~~" and bool(found) and all(p and p[0] not in _WILDCARDS for p in found)


def prefix_keys(one: Occurrence, facts: Facts) -> Iterator[Columns]:
    """Yield B-tree keys for anchored LIKE, after the equality columns."""
    held = dead_weight(one, facts)
    equal = tuple(key.column() for key in one.equal if key.name not in held)[:2]
    for key in one.patterns:
        if not is_prefix(key, one):
            continue
        opclass = _pattern_class(key, one, facts)
        if opclass is None:
            continue
        column = IndexColumn(
            column=None if key.use.expression else key.use.columns[0],
            expression=key.use.expression,
            opclass=RelationName("pg_catalog", opclass) if opclass else None,
            opclass_is_default=not opclass,
        )
        yield (column,)
        if equal and all(other.key != column.key for other in equal):
            yield (*equal, column)


def _pattern_class(key: Key, one: Occurrence, facts: Facts) -> str | None:
    """Return the operator class a prefix search needs; '' for the default one, None when it cannot be served."""
    column = facts.column(one.relation, key.use.columns[0])
    if column is None:
        return None
    if key.use.expression is not None:
        return "" if facts.is_c_collated(column) else "text_pattern_ops"
    if column.base_type.name not in _PATTERN_CLASSES:
        return None
    return "" if facts.is_c_collated(column) else _PATTERN_CLASSES[column.base_type.name]


def trigram_keys(one: Occurrence, facts: Facts) -> Iterator[Columns]:
    """Yield GIN keys for unanchored or case-insensitive patterns, where pg_trgm is installed."""
    schema = facts.extension_schema("pg_trgm")
    if schema is None:
        return
    for key in needs_trigrams(one, facts):
        yield (
            IndexColumn(
                column=None if key.use.expression else key.use.columns[0],
                expression=key.use.expression,
                opclass=RelationName(schema, "gin_trgm_ops"),
                opclass_is_default=False,
            ),
        )


def needs_trigrams(one: Occurrence, facts: Facts) -> list[Key]:
    """Return the conditions only a trigram index can serve."""
    found = []
    for key in (*one.patterns, *one.contains):
        similarity = key.use.role == "contains" and key.use.operator in ("%", "<%", "%>", "<<%", "%>>")
        if key.use.role == "contains" and not similarity:
            continue
        column = facts.column(one.relation, key.use.columns[0])
        if column is None or column.base_type.name not in _PATTERN_CLASSES:
            continue
        if similarity or not is_prefix(key, one):
            found.append(key)
    return found
