"""GRANT … TO PUBLIC."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView

_READING = frozenset({"select", "usage"})
_BY_DEFAULT = frozenset({"connect", "temporary", "temp"})
_CLOSED = 15  # from here on only the owner creates in the schema public


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "grant_public":
        return
    rights = {right.lower() for right in action.columns}
    if action.type == "database" and rights <= _BY_DEFAULT:
        return
    if action.type == "schema" and action.name == "public" and (rights == {"usage"} or state.major < _CLOSED):
        return
    reading = rights <= _READING
    yield Hazard(
        message=f"Every role, also those made later, gets {', '.join(sorted(rights))} on {action.value}.",
        object=action.name or action.type or "",
        severity="low" if reading else None,
        remedy_note="Grant it to a role that those who need it are members of.",
    )
