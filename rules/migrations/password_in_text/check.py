"""A password as a literal."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    if action.kind == "password":
        yield Hazard(
            message=f"The password for {action.name} stands in the file: in the repository, and in the server's log.",
            object=action.name or "",
            remedy_note="Change it; set it outside of the migrations (psql's \\password sends only a verifier).",
        )
