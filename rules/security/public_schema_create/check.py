"""Schemas in which PUBLIC has CREATE."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.names import quote_ident
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    for schema in snapshot.schemas:
        if schema.can_create_public:
            yield Offence(object=quote_ident(schema.name), values={"default": schema.name == "public"})
