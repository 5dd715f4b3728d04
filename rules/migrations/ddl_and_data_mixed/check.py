"""DDL and data changes in one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import DATA_KINDS, Action, Hazard, MigrationView, is_bookkeeping

_STRONG = frozenset({"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"})


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if not state.in_transaction or state.mixed or is_bookkeeping(action.relation):
        return
    if action.kind in DATA_KINDS:
        mixes = state.preexisting(action.relation) and bool(state.exclusive or state.write_locked)
    else:
        mixes = state.wrote and any(mode in _STRONG and state.preexisting(name) for name, mode in state.locks)
    if mixes:
        yield Hazard(
            message="This transaction changes definitions and rows: the locks last until all of it is done.",
            object=str(action.relation),
            remedy_note="Two files, definitions first; with rows changed before it ALTER TABLE may be refused (55006).",
        )
