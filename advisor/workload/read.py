"""Reads the workload of a snapshot: every text understood, typed and given values, or counted with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.snapshot import Snapshot
from advisor.model.workload import ColumnUse, Statement, Workload
from advisor.progress import Progress
from advisor.workload.classify import Unusable, has_limit
from advisor.workload.enums import first_labels
from advisor.workload.foreign_keys import foreign_key_entries
from advisor.workload.gather import ISOLATED, Gathering, Group, not_worked_out, statement_key
from advisor.workload.hidden import Clues, Configuration, likely_configuration, reveal
from advisor.workload.literals import Literals
from advisor.workload.parse import Tree
from advisor.workload.paths import SearchPaths
from advisor.workload.planning import Bindings, Question
from advisor.workload.repair import Repaired, repair
from advisor.workload.resolve import resolve_uses
from advisor.workload.session import ParseSession
from advisor.workload.sources import activity_entries, file_entries, outside, statement_entries
from advisor.workload.types import Typed, infer_types
from advisor.workload.values import Values

# (rank by total time, scenarios planned at most): what costs little gets fewer sets of values.
_EFFORT = ((100, 32), (500, 16), (2000, 4))
_LEAST_EFFORT = 1


def read_workload(snapshot: Snapshot, catalog: Catalog, session: ParseSession, progress: Progress) -> Workload:
    """Return the workload of `snapshot`: pg_stat_statements, session texts and files, merged.

    `session` parses and plans and never executes. A statement that cannot be used ends in `unusable` with its
    reason; nothing short of a lost server (ServerLost) ends the reading.
    """
    gathering = Gathering(SearchPaths(catalog))
    with progress.step("Reading query texts") as step:
        normalised = sorted(statement_entries(snapshot), key=lambda entry: -entry.counters.time)
        normalised += foreign_key_entries(snapshot, catalog)
        others = [*activity_entries(snapshot), *file_entries(snapshot)]
        step.set_total(len(normalised) + len(others))
        for entry in normalised:
            gathering.add_normalised(entry)
            step.advance()
        for entry in others:
            gathering.add_with_literals(entry)
            step.advance()
        groups = gathering.groups()
    bindings = Bindings(session, catalog, Values(catalog, first_labels(snapshot)))
    text_search = likely_configuration(snapshot)
    statements: list[Statement] = []
    with progress.step("Planning with realistic values", len(groups)) as step:
        for rank, group in enumerate(groups):
            try:
                statements.append(_statement(group, rank, catalog, bindings, text_search))
            except Unusable as why:
                gathering.refuse(group.original, group.counters, why)
            except ISOLATED as error:
                gathering.refuse(group.original, group.counters, not_worked_out(error))
            step.advance()
    return Workload(
        statements=tuple(statements),
        unusable=gathering.unusable + tuple(outside(snapshot)),
        since=_since(snapshot),
        until=snapshot.server.collected_at,
        # The time of nested statements is part of the time of those around them.
        total_exec_time=sum(row.total_exec_time for row in snapshot.statements if row.toplevel)
        # What logs report is the same time once more, unless there are no counters.
        or sum(text.total_exec_time or 0.0 for text in snapshot.workload_texts),
        evicted=snapshot.statements_view.dealloc,
    )


def _statement(
    group: Group, rank: int, catalog: Catalog, bindings: Bindings, text_search: Configuration | None
) -> Statement:
    """Return one group as a typed statement with bindings. Raises Unusable."""
    main = group.main
    notes = dict.fromkeys(main.notes)
    if main.wrapper is not None:
        notes[f"the query inside {main.wrapper}"] = None
    counters = group.counters
    clues = Clues(
        catalog=catalog,
        relations=group.key[1],
        text_search=text_search,
        rows_per_call=None if has_limit(main.tree) else _mean(counters.rows, counters.calls),
        literals=[found for found, _ in group.literals],
    )
    revealed = reveal(main.text, main.tree, clues)
    repaired = repair(revealed.text, revealed.tree, bindings.session.major)
    typed = infer_types(bindings.session, repaired.text, repaired.tree, group.search_path)
    uses, relations, doubt = _uses(typed.tree, catalog, group)
    key = statement_key(group.key)
    literals = tuple((_renumbered(found, repaired, typed), times) for found, times in group.literals)
    planned = bindings.find(
        Question(
            typed=typed,
            search_path=group.search_path,
            kind=main.kind,
            uses=uses,
            counters=counters,
            literals=literals,
            lists=repaired.lists,
            seed=key,
            scenarios=_effort(rank),
        )
    )
    notes |= dict.fromkeys((*revealed.assumed, *repaired.notes, *typed.notes, *doubt, *group.notes, *planned.notes))
    if len(group.variants) > 1:
        notes[f"{len(group.variants)} texts that differ only in lists, comments or spacing are counted together"] = None
    if group.node_calls:
        notes[_where_run(group.node_calls, counters.calls)] = None
    if typed.types and _effort(rank) < _EFFORT[0][1]:
        notes["little time goes into it: planned with fewer sets of values"] = None
    return Statement(
        key=key,
        fingerprint=group.key[0],
        original=group.original,
        text=typed.text,
        kind=main.kind,
        parameter_types=typed.types,
        bindings=planned.bindings,
        relations=relations,
        uses=uses,
        calls=counters.calls,
        total_exec_time=counters.total_exec_time,
        mean_exec_time=_mean(counters.total_exec_time, counters.calls),
        rows=counters.rows,
        shared_blks=counters.shared_blks,
        temp_blks_written=counters.temp_blks_written,
        wal_bytes=counters.wal_bytes,
        work_time=counters.work_time,
        search_path=group.search_path,
        has_limit=has_limit(typed.tree),
        roles=tuple(sorted(group.roles)),
        sources=tuple(group.sources),
        evidence=planned.evidence,
        notes=tuple(notes),
        query_ids=tuple(sorted(group.query_ids)),
        repeated=tuple(_repeated([found for found, _ in literals])),
        assumed=revealed.assumed,
    )


def _repeated(recorded: Sequence[Literals]) -> Iterator[tuple[int, str, int]]:
    """Yield (parameter, value, executions) of the parameters that had one value in every recorded execution."""
    for number in sorted(recorded[0]) if recorded else ():
        values = {found.get(number) for found in recorded}
        value = values.pop()
        if value is not None and not values:
            yield number, value, len(recorded)


def _where_run(calls: Mapping[str, float], total: float) -> str:
    """Return which part of a statement's calls the standbys ran."""
    parts = [f"{count / total:.0%} on {node}" for node, count in sorted(calls.items(), key=lambda item: -item[1])]
    return f"of its calls, standbys ran {', '.join(parts)}"


def _uses(
    tree: Tree, catalog: Catalog, group: Group
) -> tuple[tuple[ColumnUse, ...], tuple[RelationName, ...], Sequence[str]]:
    """Return column uses and relations; when they cannot be worked out, the relations by name and a note."""
    try:
        uses, relations = resolve_uses(tree, catalog, group.search_path)
    except ISOLATED as error:
        return (), group.key[1], [f"which columns it uses could not be worked out ({type(error).__name__})"]
    return uses, relations or group.key[1], ()


def _renumbered(literals: Literals, repaired: Repaired, typed: Typed) -> Literals:
    """Return literals by the parameters of the typed text, as values of their types."""
    found: Literals = {}
    for old, value in literals.items():
        number = repaired.numbers.get(old)
        if number is None:
            continue
        unit = repaired.units.get(number)
        if unit is not None and value is not None and value.strip().lstrip("+-").isdigit():
            value = f"{value} {unit}"
        found[number] = value
    return found


def _effort(rank: int) -> int:
    return next((scenarios for limit, scenarios in _EFFORT if rank < limit), _LEAST_EFFORT)


def _mean(total: float | None, calls: float) -> float | None:
    return total / calls if total is not None and calls > 0 else None


def _since(snapshot: Snapshot) -> datetime | None:
    """Return since when the counters count: the reset, else the oldest entry's own time."""
    if snapshot.statements_view.stats_reset is not None:
        return snapshot.statements_view.stats_reset
    return min((row.stats_since for row in snapshot.statements if row.stats_since is not None), default=None)
