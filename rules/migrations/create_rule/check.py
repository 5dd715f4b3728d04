"""CREATE RULE on a table."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind != "create_rule" or action.relation is None or not state.preexisting(action.relation):
        return
    if state.relation(action.relation).kind == "v":
        return  # that is how views are written through
    instead = action.value == "instead"
    done = "something else" if instead else "more than it says"
    event = f"{action.type} on {action.relation}"
    yield Hazard(
        message=f"From here on {event} does {done}, and the statement does not show it.",
        object=str(action.relation),
        lock="ACCESS EXCLUSIVE",
        severity=None if instead else "low",
        relation=action.relation,
        remedy_note="A trigger does the same for each row; RETURNING and row counts stay what they were.",
    )
