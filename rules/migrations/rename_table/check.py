"""ALTER TABLE … RENAME TO."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "rename_table" or action.relation is None or not state.preexisting(action.relation):
        return
    stand_ins = ("create_view", "create_table", "create_matview")
    for later in state.pending:
        if later.kind in stand_ins and later.relation == action.relation:
            return
        if later.kind == "rename_table" and later.new_name == action.relation.name:
            return
    yield Hazard(
        message=f"The running application fails on the name {action.relation} at once.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        relation=action.relation,
        remedy=(f"CREATE VIEW {action.relation} AS TABLE {quote_ident(action.new_name or '')};",),
        remedy_note="In the same transaction as the renaming; drop the view when nobody uses the old name.",
    )
