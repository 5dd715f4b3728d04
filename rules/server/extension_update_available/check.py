"""Extensions whose installed version is behind the files on the server."""

from __future__ import annotations

from collections.abc import Iterator

from advisor.model.names import quote_ident
from advisor.model.needs import version_tuple
from advisor.model.offence import Offence
from advisor.model.snapshot import Snapshot


def check(snapshot: Snapshot) -> Iterator[Offence]:
    for extension in snapshot.extensions:
        if extension.version is None or extension.default_version is None:
            continue
        if version_tuple(extension.version) < version_tuple(extension.default_version):
            yield Offence(
                object=f"extension {quote_ident(extension.name)}",
                evidence={
                    "name": extension.name,
                    "version": extension.version,
                    "available": extension.default_version,
                },
            )
