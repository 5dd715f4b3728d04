"""Functions that run with their owner's rights and the caller's search_path."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView
from advisor.model.names import quote_ident


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if "definer" not in action.options or {"search_path", "atomic"} & set(action.options):
        return
    if action.value in ("c", "internal"):
        return
    name = (action.name or "").lower()
    if action.kind == "alter_function" and name in state.functions_fixed:
        return
    for later in state.pending:
        if later.kind == "alter_function" and later.name == action.name and "search_path" in later.options:
            return
    yield Hazard(
        message=f"{action.name} runs with its owner's rights, but finds tables by the caller's search_path.",
        object=action.name or "",
        remedy=(f"ALTER FUNCTION {quote_ident(action.name or '')} SET search_path = pg_catalog, public, pg_temp;",),
        remedy_note="List the schemas it needs, pg_temp last; or name every object with its schema and set it to ''.",
    )
