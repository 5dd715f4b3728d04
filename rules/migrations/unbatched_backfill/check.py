"""UPDATE or DELETE of a whole table in one statement."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView

_VERBS = {"update": "updates", "delete": "deletes from", "merge": "merges into"}


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind not in _VERBS or action.limited or not state.preexisting(action.relation):
        return
    if action.relation is None:
        return
    rows = state.relation(action.relation).rows
    if rows is not None and rows < 10_000:
        return
    # What is joined and was made here, a temporary table as a rule, holds some of the rows.
    some = action.has_where or any(not state.preexisting(name) for name in action.reads)
    extent = "an unknown number of rows" if some else "every row"
    yield Hazard(
        message=f"One statement {_VERBS[action.kind]} {action.relation}: {extent} in one transaction.",
        object=str(action.relation),
        lock="ROW EXCLUSIVE",
        severity="low" if some else None,
        relation=action.relation,
        remedy_note="Work in batches of some thousand rows by key, each in its own transaction.",
    )
