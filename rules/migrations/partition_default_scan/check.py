"""A new partition beside a default partition."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.migration import Action, Hazard, MigrationView


def check(action: Action, state: MigrationView) -> Iterator[Hazard]:
    parent = action.partition_of if action.kind == "create_table" else action.relation
    if action.kind not in ("create_table", "attach_partition") or parent is None or action.bound in (None, "default"):
        return
    default = state.relation(parent).default_partition
    if default is None or not state.preexisting(default) or state.valid_checks(default):
        return
    yield Hazard(
        message=f"{default} is locked and read to prove that none of its rows belongs to the new partition.",
        object=str(default),
        lock="ACCESS EXCLUSIVE",
        scan=True,
        relation=default,
        remedy_note="Add and validate a CHECK on the default partition that excludes the new range first.",
    )
