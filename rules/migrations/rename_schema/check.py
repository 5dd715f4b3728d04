"""ALTER SCHEMA … RENAME."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "rename_schema" or action.name in state.schemas_created:
        return
    yield Hazard(
        message=f"Whatever names the schema {action.name} fails at once.",
        object=str(action.name),
        remedy_note="Create the new schema beside it and move readers first.",
    )
