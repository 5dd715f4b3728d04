"""ALTER TYPE … RENAME VALUE."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "rename_enum_value" or (action.name or "").rpartition(".")[2] in state.types_created:
        return
    yield Hazard(
        message=f"The running application fails on the value '{action.value}' of {action.name} at once.",
        object=str(action.name),
        remedy_note="Add the new value, switch the application, change the rows.",
    )
