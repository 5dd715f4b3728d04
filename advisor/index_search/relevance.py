"""Which candidates can matter to a statement: plan with all, take away those used, plan again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from advisor.index_search.oracle import Known, Look, Oracle
from advisor.index_search.planner import Candidate
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.workload import Statement
from advisor.progress import Step

_ROUNDS = 8
_FAMILY_ROUNDS = 3  # where the candidates are peeled in families, each
_AT_ONCE = 40  # candidates; with many partial ones the planner's time for OR conditions explodes
_PARTIAL_AT_ONCE = 16
NO_GAIN = 0.995  # of the present cost: what is left of the candidates hardly helps
# The planner took it and yet it is dearer than today's plan (by the LIMIT guard): a trap; other indexes may still help.
_TRAP = 1.005
_AT_LEAST = 24  # statements, the dearest, that are looked at however little time there is
_HOPELESS = 1e-6  # of the workload's cost: such a statement decides nothing


def peel(
    oracle: Oracle,
    candidates: Mapping[str, Candidate],
    weights: Mapping[str, float],
    catalog: Catalog,
    late: Callable[[], bool],
    step: Step,
    own: Mapping[str, frozenset[str]] | None = None,
    thorough: bool = False,
) -> frozenset[str]:
    """Set base, best and relevant candidates of every known statement; return all candidates that were used.

    `candidates` by handle; `late` says when to end, which the very dearest statements do not heed. Statements are
    taken in order of their cost, so that what that cuts off matters least. `own` holds the candidates made for each
    statement (without it: all on its tables); `thorough` looks for small and covering indexes separately, as a
    storage budget asks for.
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
    rounds = _FAMILY_ROUNDS if thorough else _ROUNDS
    begun = 0

    def looks() -> Iterator[tuple[str, Look]]:
        nonlocal begun
        for key in sorted(keys, key=lambda k: -weights[k] * oracle.known[k].base):
            step.advance()
            known = oracle.known[key]
            if known.failed is not None or weights[key] * known.base < _HOPELESS * total:
                continue
            if begun >= _AT_LEAST and late():
                break
            begun += 1
            mine = on_tables(known.statement.relations, by_table, catalog) if own is None else own.get(key, frozenset())
            yield key, _layers(known, _families(mine, candidates, thorough), rounds)

    layers: set[str] = set()
    for key, found in oracle.look(looks(), lambda: begun > _AT_LEAST and late()):
        oracle.known[key].relevant = frozenset(found)
        layers |= found
    _share(oracle, candidates, layers, catalog)
    return frozenset(layers)


def on_tables(
    relations: Iterable[RelationName], by_table: Mapping[RelationName, Iterable[str]], catalog: Catalog
) -> frozenset[str]:
    """Return the candidates on relations and on what these are partitions of."""
    names = {name for relation in relations for name in (relation, *catalog.ancestors(relation))}
    return frozenset().union(*(by_table[name] for name in names if name in by_table))


def _families(mine: frozenset[str], candidates: Mapping[str, Candidate], thorough: bool) -> Iterator[frozenset[str]]:
    """Yield the groups of candidates to peel one after the other."""
    if not thorough and len(mine) <= _AT_ONCE:
        yield mine
        return
    partial = sorted(handle for handle in mine if candidates[handle].predicate is not None)
    whole = mine.difference(partial)
    if thorough:
        narrow = {handle for handle in whole if not candidates[handle].include}
        for width in (1, 2):
            yield frozenset(handle for handle in narrow if len(candidates[handle].columns) <= width)
        yield frozenset(narrow)
    yield whole
    for start in range(0, len(partial), _PARTIAL_AT_ONCE):
        yield frozenset(partial[start : start + _PARTIAL_AT_ONCE])


def _layers(known: Known, families: Iterable[frozenset[str]], rounds: int) -> Look:
    found: set[str] = set()
    for family in families:
        found |= yield from peeled(known, family, rounds, trap=_TRAP)
    return found


def peeled(known: Known, allowed: frozenset[str], rounds: int, *, trap: float | None = None) -> Look:
    """Plan, take away what was used, and plan again; return all that was used.

    A plan that gains nothing ends it, but for a trap: one dearer than today's by more than `trap`, where that is given.
    With several indexes one may be the trap of some values and hide what another one gains, so each is tried alone.
    """
    relevant: set[str] = set()
    for _ in range(rounds):
        answer = (yield allowed) if allowed else None
        if answer is None:
            break
        cost, used = answer[0], answer[1] & allowed
        known.best = min(known.best, cost)
        if not used:
            break
        if cost > NO_GAIN * known.base:
            several = trap is not None and len(used) > 1
            if several:
                yield from _each_alone(known, used)
            elif trap is None or cost <= trap * known.base:
                break
        relevant |= used
        allowed -= used
    return relevant


def _each_alone(known: Known, used: frozenset[str]) -> Look:
    """Plan with each of a few indexes by itself, so that what the best of them gains is known."""
    for one in sorted(used):
        answer = yield frozenset((one,))
        if answer is not None:
            known.best = min(known.best, answer[0])
    return set()


def _share(oracle: Oracle, candidates: Mapping[str, Candidate], layers: set[str], catalog: Catalog) -> None:
    """Let a candidate that another statement brought serve every statement that uses its leading column."""
    by_table: dict[RelationName, set[str]] = defaultdict(set)
    for handle in layers:
        by_table[candidates[handle].table].add(handle)
    for known in oracle.known.values():
        if not known.relevant:
            continue
        names = {use.expression or column for use in known.statement.uses for column in use.columns}
        nearby = on_tables(known.statement.relations, by_table, catalog)
        read = _columns_read(known.statement)
        known.relevant |= frozenset(
            handle
            for handle in nearby
            if candidates[handle].columns[0].key in names and _may_cover(candidates[handle], read)
        )


def _columns_read(statement: Statement) -> list[set[str]]:
    """Return the columns read of each mention of a table."""
    found: dict[tuple[RelationName, int], set[str]] = defaultdict(set)
    for use in statement.uses:
        if use.role not in ("set", "insert"):
            found[use.relation, use.occurrence].update(use.columns)
    return list(found.values())


def _may_cover(candidate: Candidate, read: list[set[str]]) -> bool:
    """Return whether a covering index covers some mention; without INCLUDE an index need not."""
    held = {column.column for column in candidate.columns} | set(candidate.include)
    return not candidate.include or any(columns <= held for columns in read)
