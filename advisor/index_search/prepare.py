"""Making candidates known to the planner and to a search under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advisor.index_search.candidates import Pool
from advisor.index_search.candidates.served import same_key
from advisor.index_search.facts import Facts
from advisor.index_search.planner import Candidate, Planner
from advisor.index_search.proposals import superseded
from advisor.index_search.search import Item, Problem
from advisor.index_search.size import estimate_index_size


def prepare_items(
    planner: Planner, pool: Pool, candidates: list[Candidate], known: dict[str, Item], facts: Facts
) -> dict[str, Item]:
    """Return items for the candidates the planner accepts; note why it refuses the others."""
    items: dict[str, Item] = {}
    for prepared in planner.prepare(candidates) if candidates else ():
        if prepared.error is not None:
            pool.refused.setdefault(prepared.candidate, _plain(prepared.error))
            continue
        if prepared.handle in known:
            continue
        share = 1.0
        if prepared.candidate.predicate is not None:
            pool.conditions[prepared.handle] = prepared.candidate.predicate
            share = pool.shares.get(prepared.candidate, 0.5)
        size = prepared.size_bytes
        rows = facts.rows(prepared.candidate.table)
        if share < 1 and prepared.rows >= 0.99 * rows:
            # HypoPG does not know how many rows a predicate keeps.
            size = estimate_index_size(prepared.candidate, facts.catalog, share * rows).size_bytes
        item = Item(prepared.handle, prepared.candidate, size, share)
        item.replaced_bytes = sum(
            index.size_bytes or 0 for index in facts.indexes(prepared.candidate.table) if superseded(index, item)
        )
        item.beside_existing = any(
            index.columns
            and index.access_method == prepared.candidate.access_method
            and index.predicate is None
            and same_key(index.columns[0], prepared.candidate.columns[0])
            and not superseded(index, item)
            for index in facts.indexes(prepared.candidate.table)
        )
        items[prepared.handle] = item
    return items


def _plain(error: str) -> str:
    if "must be marked IMMUTABLE" in error:
        return (
            "its expression depends on settings such as TimeZone or the locale, which PostgreSQL does not allow in an "
            "index; a condition on the plain column (a range of timestamps) can be indexed"
        )
    if error.startswith("hypopg"):
        return f"HypoPG cannot try it ({error.removeprefix('hypopg: ')}); the planner twin can: --what-if twin"
    return f"PostgreSQL refuses it: {error}"


def offer(
    problem: Problem,
    planner: Planner,
    pool: Pool,
    parents: Mapping[Candidate, Sequence[str]],
    serving: Mapping[Candidate, Sequence[str]] | None = None,
) -> dict[Candidate, str]:
    """Give the search new candidates, each made of known ones (handles) whose statements it may serve, as it may the
    statements (keys) of `serving`.

    Returns the handles by candidate, also of candidates known before; refused ones are missing.
    """
    handles = {item.candidate: handle for handle, item in problem.items.items()}
    new = [candidate for candidate in parents if candidate not in handles]
    items = prepare_items(planner, pool, new, problem.items, problem.facts)
    for handle, item in items.items():
        handles[item.candidate] = handle
    for candidate, from_these in parents.items():
        if candidate not in handles:
            continue
        own = handles[candidate]
        item = items.get(own) or problem.items[own]
        inherited = [key for parent in from_these for key in problem.items[parent].statements]
        more = [key for key in (serving or {}).get(candidate, ()) if problem.oracle.known[key].failed is None]
        keys = dict.fromkeys((*item.statements, *inherited, *more))
        for key in keys.keys() - set(item.statements):
            problem.oracle.known[key].relevant |= {own}
            problem.oracle.known[key].costs.clear()
        item.statements = tuple(keys)
    problem.items.update(items)
    return {candidate: handles[candidate] for candidate in parents if candidate in handles}
