"""Which candidates can matter to a statement: plan with all, take away those used, plan again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from advisor.index_search.oracle import Oracle
from advisor.index_search.planner import Candidate
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.progress import Step

_ROUNDS = 8
_NO_GAIN = 0.995  # of the present cost: what is left of the candidates hardly helps
_HOPELESS = 1e-6  # of the workload's cost: such a statement decides nothing


def peel(
    oracle: Oracle,
    candidates: Mapping[str, Candidate],
    weights: Mapping[str, float],
    catalog: Catalog,
    deadline: float,
    step: Step,
) -> frozenset[str]:
    """Set base, best and relevant candidates of every known statement; return all candidates that were used.

    `candidates` by handle; `deadline` on time.monotonic(). Statements are taken in order of their cost, so that what
    the deadline cuts off matters least.
    """
    by_table: dict[RelationName, set[str]] = defaultdict(set)
    for handle, candidate in candidates.items():
        by_table[candidate.table].add(handle)
    keys = list(oracle.known)
    oracle.plan(keys, frozenset())
    for known in oracle.known.values():
        known.base = known.best = known.triples[0][2] if known.triples else 0.0
    total = sum(weights[key] * oracle.known[key].base for key in keys) or 1.0
    step.set_total(len(keys))
    layers: set[str] = set()
    for key in sorted(keys, key=lambda k: -weights[k] * oracle.known[k].base):
        step.advance()
        known = oracle.known[key]
        if known.failed is not None or weights[key] * known.base < _HOPELESS * total:
            continue
        if time.monotonic() > deadline:
            break
        own = _on_tables(known.statement.relations, by_table, catalog)
        known.relevant = frozenset(_layers(oracle, key, own, deadline))
        layers |= known.relevant
    _share(oracle, candidates, layers, catalog)
    return frozenset(layers)


def _on_tables(
    relations: Iterable[RelationName], by_table: Mapping[RelationName, set[str]], catalog: Catalog
) -> frozenset[str]:
    found: set[str] = set()
    for relation in relations:
        for name in (relation, *catalog.ancestors(relation)):
            found |= by_table.get(name, set())
    return frozenset(found)


def _layers(oracle: Oracle, key: str, allowed: frozenset[str], deadline: float) -> set[str]:
    known = oracle.known[key]
    relevant: set[str] = set()
    for number in range(_ROUNDS):
        if not allowed or time.monotonic() > deadline:
            break
        oracle.plan((key,), allowed)
        _, used, cost = known.triples[-1]
        if number == 0:
            known.best = min(known.best, cost)
        if not used or cost > _NO_GAIN * known.base:
            break
        relevant |= used
        allowed -= used
    return relevant


def _share(oracle: Oracle, candidates: Mapping[str, Candidate], layers: set[str], catalog: Catalog) -> None:
    """Let a candidate that another statement brought serve every statement that uses its leading column."""
    by_table: dict[RelationName, set[str]] = defaultdict(set)
    for handle in layers:
        by_table[candidates[handle].table].add(handle)
    for known in oracle.known.values():
        if not known.relevant:
            continue
        names = {use.expression or column for use in known.statement.uses for column in use.columns}
        nearby = _on_tables(known.statement.relations, by_table, catalog)
        known.relevant |= frozenset(handle for handle in nearby if candidates[handle].columns[0].key in names)
