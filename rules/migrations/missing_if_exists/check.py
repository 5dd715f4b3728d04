"""CREATE without IF NOT EXISTS, DROP without IF EXISTS."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView

_CREATES = frozenset({"create_table", "create_index", "add_column", "create_matview"})
_DROPS = frozenset({"drop_table", "drop_index", "drop_view", "drop_matview", "drop_column", "drop_constraint"})


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if state.in_transaction:
        return  # nothing is left of it when it fails
    if action.kind in _CREATES and not action.if_not_exists and not action.temporary:
        word = "IF NOT EXISTS"
    elif action.kind in _DROPS and not action.if_exists:
        word = "IF EXISTS"
    else:
        return
    yield Hazard(
        message=f"Outside a transaction, a second attempt after a failure further down stops here: no {word}.",
        object=str(action.relation or action.name),
        remedy_note=f"Add {word}; of an index built CONCURRENTLY drop the invalid one first.",
    )
