"""ADD VALUE and its use in one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if not state.in_transaction or not state.enum_values_added:
        return
    texts = [action.body, action.predicate, action.using]
    if action.kind == "insert":
        texts.append(state.statement)
    if action.column is not None:
        texts.append(action.column.default)
    if action.constraint is not None:
        texts.append(action.constraint.expression)
    texts += [spec.default for spec in action.column_specs]
    for value, enum in state.enum_values_added.items():
        literal = "'" + value.replace("'", "''") + "'"
        if any(text is not None and literal in text for text in texts):
            yield Hazard(
                message=f"The value '{value}' of {enum} is not committed yet: PostgreSQL refuses its use (55P04).",
                object=enum,
                remedy_note="Commit after ADD VALUE; use the value in the next transaction.",
            )
