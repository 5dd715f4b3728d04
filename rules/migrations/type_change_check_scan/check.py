"""ALTER COLUMN TYPE that only changes the catalog, on a column with a CHECK."""

from __future__ import annotations

import re
from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident
from advisor.model.typechange import type_change


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "alter_type" or action.relation is None or action.name is None or action.type is None:
        return
    if not state.preexisting(action.relation):
        return
    column = state.column(action.relation, action.name)
    if column.type in (None, action.type):
        return
    if type_change(column.type, state.base_type(action.type), action.name, action.using) != "none":
        return  # the rewrite checks them on its way
    word = re.compile(rf'(?<![\w"]){re.escape(quote_ident(action.name))}(?![\w"])')
    if not any(word.search(check) for check in state.valid_checks(action.relation)):
        return
    yield Hazard(
        message=f"{action.relation} is read as a whole: the CHECKs on {action.name} are proven anew.",
        object=f"{action.relation}.{action.name}",
        lock="ACCESS EXCLUSIVE",
        scan=True,
        relation=action.relation,
        remedy_note="Drop the CHECK in the same transaction, add it NOT VALID, and validate it in one of its own.",
    )
