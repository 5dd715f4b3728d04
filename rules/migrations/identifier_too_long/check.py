"""Names that PostgreSQL cuts."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "cut_name":
        return
    other = state.names_cut.get((action.type or "", action.new_name or ""))
    if other is not None and other != action.name:
        yield Hazard(
            message=f"{action.name} and {other} are one name once both are cut to 63 bytes: this is refused.",
            object=action.name or "",
            severity="high",
            remedy_note="Shorter names that differ within their first 63 bytes.",
        )
        return
    yield Hazard(
        message=f"PostgreSQL cuts this name to 63 bytes: {action.new_name}.",
        object=action.name or "",
        remedy_note="Choose a shorter one: tools that look for the name as written do not find it.",
    )
