"""What the chosen indexes do to statements nobody chose them for.

Which candidates can matter to a statement is learnt from plans that use them for a gain. An index can matter without
one: in the order of a LIMIT the planner takes it for "the oldest twenty that wait" and walks past everything that is
done. So the chosen set is planned as a whole; an index that is used after all, and makes the statement dearer than
believed, counts for it from then on.
"""

from __future__ import annotations

from collections.abc import Iterator

from advisor.index_search.search import Chosen, Problem
from advisor.model.names import RelationName

_DEARER = 1.05


def foreseen(problem: Problem, chosen: Chosen) -> frozenset[RelationName]:
    """Plan all statements of the chosen indexes' tables with everything chosen, and let matter what makes them dearer.

    Returns the tables of the indexes that turned out to matter.
    """
    oracle, items = problem.oracle, problem.items
    catalog = problem.facts.catalog
    tables = {items[handle].candidate.table for handle in chosen}
    tables |= {leaf.relation for table in tables for leaf in catalog.leaves(table)}
    keys = [
        key
        for key, known in oracle.known.items()
        if known.failed is None and not tables.isdisjoint(known.statement.relations)
    ]
    moved: set[RelationName] = set()
    for key, (cost, used) in oracle.ask(keys, chosen, frozenset()).items():
        known = oracle.known[key]
        new = (used & chosen) - known.relevant
        if not new or cost <= _DEARER * oracle.cost(key, chosen):
            continue
        known.relevant |= new
        known.costs.clear()
        for handle in new:
            items[handle].statements = (*items[handle].statements, key)
            moved.add(items[handle].candidate.table)
    return frozenset(moved)


def settled(problem: Problem, chosen: Chosen, tables: frozenset[RelationName]) -> Chosen:
    """Return the set with indexes of some tables dropped or exchanged where that is better now."""
    for relation in sorted(tables):
        while not problem.late():
            changes = [(problem.change(chosen, other), other) for other in _others(problem, chosen, relation)]
            best, other = min(changes, key=lambda pair: pair[0], default=(0.0, chosen))
            if best >= -1e-9:
                break
            chosen = other
    return chosen


def _others(problem: Problem, chosen: Chosen, relation: RelationName) -> Iterator[Chosen]:
    here = problem.by_table()[relation]
    for handle in sorted(chosen & here):
        yield chosen - {handle}
        served = set(problem.items[handle].statements)
        for other in sorted(here - chosen - problem.forbidden):
            exchanged = (chosen - {handle}) | {other}
            if served & set(problem.items[other].statements) and problem.allowed(exchanged):
                yield exchanged
