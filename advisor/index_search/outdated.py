"""Existing indexes that nobody uses any more once the new ones are built.

An index on the state served "what waits" as well as it could; a partial index serves it better, and the old one only
takes writes from then on. What used an index is known only as far as the workload is: an index that no statement of it
uses today is not judged here, and what is proposed is to be dropped after its scans have stood still for some days.
"""

from __future__ import annotations

from collections import defaultdict

from advisor.index_search.ddl import drop_sql
from advisor.index_search.drops import WORTH_DROPPING, protected, replan, supports_foreign_key, usable
from advisor.index_search.search import Chosen, Problem
from advisor.model.catalog import Index
from advisor.model.names import RelationName
from advisor.model.report import IndexDrop, IndexProposal

Users = dict[str, frozenset[str]]  # names of the indexes that the plan of each statement uses


def outdated(
    problem: Problem, chosen: Chosen, proposed: dict[str, IndexProposal], gone: set[RelationName]
) -> tuple[IndexDrop, ...]:
    """Return drops of indexes whose statements all use new ones instead; `proposed` by handle, `gone` are dropped."""
    tables = {problem.items[handle].candidate.table for handle in chosen}
    known = problem.oracle.known
    keys = [key for key, one in known.items() if one.failed is None and tables & set(one.statement.relations)]
    if not keys or problem.late():
        return ()
    before = {key: used for key, (_, used) in problem.oracle.ask(keys, frozenset(), frozenset()).items()}
    hidden = frozenset(map(str, gone))
    after = {key: used for key, (_, used) in problem.oracle.ask(keys, chosen, hidden).items()}
    found: list[IndexDrop] = []
    for relation in sorted(tables):
        mine = _left(problem, relation, before, after, gone)
        for index in mine:
            hurt, checked = replan(problem.oracle, problem.facts.catalog, index, hidden, chosen)
            if hurt or not checked:
                continue
            hidden |= {str(index.relation)}
            found.append(_drop(index, checked, _successors(index, before, after, proposed)))
    return tuple(found)


def _left(
    problem: Problem, relation: RelationName, before: Users, after: Users, gone: set[RelationName]
) -> list[Index]:
    """Return the indexes of a table that plans use today and none uses with the new indexes, the largest first."""
    today, then = frozenset().union(*before.values()), frozenset().union(*after.values())
    indexes = [index for index in problem.facts.indexes(relation) if index.relation not in gone]
    found = [
        index
        for index in indexes
        if str(index.relation) in today
        and str(index.relation) not in then
        and not (protected(index) or index.is_partitioned or index.is_clustered)
        and usable(index)
        and (index.size_bytes or 0) >= WORTH_DROPPING
        and not supports_foreign_key(index, indexes, problem.facts.catalog)
    ]
    return sorted(found, key=lambda index: (-(index.size_bytes or 0), index.name))


def _successors(index: Index, before: Users, after: Users, proposed: dict[str, IndexProposal]) -> list[str]:
    """Return the names of the new indexes that statements use which used the old one."""
    uses: dict[str, int] = defaultdict(int)
    for key, used in before.items():
        if str(index.relation) in used:
            for handle in after.get(key, frozenset()) & proposed.keys():
                if proposed[handle].table == index.table:
                    uses[proposed[handle].name] += 1
    return sorted(uses, key=lambda name: (-uses[name], name))


def _drop(index: Index, checked: int, successors: list[str]) -> IndexDrop:
    ddl, undo = drop_sql(index)
    instead = f" use {' and '.join(successors)} instead" if successors else " find another way"
    return IndexDrop(
        ddl=ddl,
        undo_ddl=undo,
        index=index.relation,
        table=index.table,
        reason=f"with the proposed indexes the statements that use it today{instead}; drop it once those are built and "
        "its scans (idx_scan) have stood still for some days",
        kind="outdated",
        size_bytes=index.size_bytes or 0,
        confidence="medium",
        checked=checked,
    )
