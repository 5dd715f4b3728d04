"""Superusers beyond the few that administration needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot, params: Mapping[str, Any]) -> Iterator[Offence]:
    # Providers keep superusers of their own that nobody else can use or remove.
    if snapshot.server.provider != "self-hosted":
        return
    roles = sorted(role.name for role in snapshot.roles if role.superuser and role.can_login)
    if len(roles) > params["most_logins"]:
        yield Offence(object="server", evidence={"roles": roles})
