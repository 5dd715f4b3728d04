"""Finding the candidates a storage budget is spent on, and the statements each can matter to.

Planned family by family: what a plan uses is kept and taken away, and the statement planned again, until what is left
hardly helps. A kept index brings its relatives: its prefixes, its plain form, and the union with a covering one that
has the same keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from advisor.index_search.candidates import Pool
from advisor.index_search.facts import Facts
from advisor.index_search.oracle import Known, Look, Oracle
from advisor.index_search.permutations import families
from advisor.index_search.planner import Candidate, Planner
from advisor.index_search.prepare import prepare_items
from advisor.index_search.relevance import NO_GAIN, on_tables, peeled
from advisor.index_search.search import Item
from advisor.model.names import RelationName
from advisor.model.workload import Statement
from advisor.progress import Step

_ROUNDS = 3  # per family
_LAYERS = 12  # of candidates that can matter
_NODES = 12  # of the removal tree, looked at for candidates that matter only without others
_HOPELESS = 1e-6  # of the workload's cost: such a statement decides nothing
_MAX_INCLUDED = 10
_MAX_UNIONS = 4  # per key


def discover(
    planner: Planner,
    oracle: Oracle,
    pool: Pool,
    weights: Mapping[str, float],
    facts: Facts,
    late: Callable[[], bool],
    step: Step,
) -> dict[str, Item]:
    """Return the items worth the search, and set base, best and relevant candidates of every known statement.

    The dearest statements come first; what `late` cuts off matters least.
    """
    keys = list(oracle.known)
    oracle.plan(keys, frozenset())
    for known in oracle.known.values():
        known.base = known.best = known.triples[0][2] if known.triples else 0.0
    total = sum(weights[key] * oracle.known[key].base for key in keys) or 1.0
    worthy = [
        k for k in keys if oracle.known[k].failed is None and weights[k] * oracle.known[k].base > _HOPELESS * total
    ]
    worthy.sort(key=lambda key: -weights[key] * oracle.known[key].base)
    step.set_total(len(worthy))
    tried = {key: families(oracle.known[key].statement, pool, facts) for key in worthy}
    everything = dict.fromkeys(c for key in worthy for family in tried[key] for c in family)
    items = prepare_items(planner, pool, list(everything), {}, facts)
    handles = {item.candidate: handle for handle, item in items.items()}
    kept: dict[str, None] = {}
    looks = (
        (key, peeled(oracle.known[key], frozenset(handles[one] for one in family if one in handles), _ROUNDS))
        for key in worthy
        for family in tried[key]
    )
    for _, found in oracle.look(looks, late):
        kept.update(dict.fromkeys(sorted(found)))
    relatives = _relatives([items[handle].candidate for handle in kept], facts)
    items |= prepare_items(planner, pool, [c for c in relatives if c not in handles], items, facts)
    handles = {item.candidate: handle for handle, item in items.items()}
    kept.update(dict.fromkeys(handles[candidate] for candidate in relatives if candidate in handles))
    relate(oracle, {handle: items[handle].candidate for handle in kept}, worthy, facts, late, step)
    return {handle: item for handle, item in items.items() if handle in kept or item.candidate in everything}


def relate(
    oracle: Oracle,
    candidates: Mapping[str, Candidate],
    keys: Iterable[str],
    facts: Facts,
    late: Callable[[], bool],
    step: Step,
) -> None:
    """Find out which of the candidates (by handle) can matter to each statement."""
    by_table: dict[RelationName, list[str]] = defaultdict(list)
    for handle, candidate in candidates.items():
        by_table[candidate.table].append(handle)

    def looks() -> Iterator[tuple[str, Look]]:
        for key in keys:
            step.advance()
            known = oracle.known[key]
            near = on_tables(known.statement.relations, by_table, facts.catalog)
            read, named = _columns(known.statement)
            yield key, _related(known, frozenset(h for h in near if _could_matter(candidates[h], read, named)))

    for key, found in oracle.look(looks(), late):
        known = oracle.known[key]
        known.relevant = known.relevant | frozenset(found)
        known.costs.clear()


def _related(known: Known, possible: frozenset[str]) -> Look:
    found = yield from peeled(known, possible, _LAYERS)
    return found | (yield from _rescued(known, possible))


def _rescued(known: Known, possible: frozenset[str]) -> Look:
    """Return what plans use after single indexes of the best plan are gone."""
    found: set[str] = set()
    pending = [possible]
    seen = {possible}
    for _ in range(_NODES):
        if not pending:
            break
        allowed = pending.pop(0)
        used = known.used(allowed)
        if known.lookup(allowed) is None:
            answer = yield allowed
            if answer is None or answer[0] > NO_GAIN * known.base:
                continue
            used = answer[1] & possible
        found |= used
        for one in sorted(used):
            less = allowed - {one}
            if less not in seen:
                seen.add(less)
                pending.append(less)
    return found


def _columns(statement: Statement) -> tuple[dict[RelationName, list[set[str]]], set[str]]:
    """Return the columns read by each mention of each relation, and every column or expression named at all."""
    read: dict[tuple[RelationName, int], set[str]] = defaultdict(set)
    named: set[str] = set()
    for use in statement.uses:
        if use.role in ("set", "insert"):
            continue
        read[use.relation, use.occurrence].update(use.columns)
        named.update((use.expression,) if use.expression is not None else use.columns)
    found: dict[RelationName, list[set[str]]] = defaultdict(list)
    for (relation, _), columns in read.items():
        found[relation].append(columns)
    return found, named


def _could_matter(candidate: Candidate, read: Mapping[RelationName, list[set[str]]], named: set[str]) -> bool:
    """Return whether the statement names the leading column, or could read the index instead of the table."""
    if candidate.columns[0].key in named or candidate.predicate is not None:
        return True
    held = {column.column for column in candidate.columns} | set(candidate.include)
    return any(columns <= held for columns in read.get(candidate.table, ()))


def _relatives(kept: list[Candidate], facts: Facts) -> dict[Candidate, None]:
    """Return the prefixes and plain forms of candidates, and unions of covering ones with the same keys."""
    found: dict[Candidate, None] = {}
    unions: dict[tuple[RelationName, tuple[str, ...], str | None], list[Candidate]] = defaultdict(list)
    for one in kept:
        if one.access_method != "btree":
            continue
        for width in range(1, len(one.columns)):
            found.setdefault(replace(one, columns=one.columns[:width], include=()))
        if one.include:
            found.setdefault(replace(one, include=()))
            unions[one.table, tuple(column.key for column in one.columns), one.predicate].append(one)
    for group in unions.values():
        largest = group[0]
        for other in group[1 : 1 + _MAX_UNIONS]:
            include = tuple(dict.fromkeys((*largest.include, *other.include)))
            if len(include) <= _MAX_INCLUDED:
                largest = replace(largest, include=include)
                found.setdefault(largest)
                found.setdefault(replace(other, include=tuple(dict.fromkeys((*group[0].include, *other.include)))))
    return {one: None for one in found if facts.indexable(one.table) is None}
