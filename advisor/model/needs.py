"""Whether an installed extension satisfies a need written as 'name' or 'name>=1.9'."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NUMBERS = re.compile(r"\d+")


def version_tuple(version: str) -> tuple[int, ...]:
    """Return the numbers of a version for comparison.

    >>> version_tuple("1.10") > version_tuple("1.9")
    True
    """
    return tuple(int(number) for number in _NUMBERS.findall(version))


def extension_problem(wanted: str, installed: Mapping[str, str]) -> str | None:
    """Return why `wanted` is not there (`installed`: name -> version), or None when it is.

    >>> extension_problem("hypopg>=1.4", {"hypopg": "1.3.1"})
    'the extension hypopg is at version 1.3.1, 1.4 is needed (ALTER EXTENSION … UPDATE)'
    """
    name, _, minimum = wanted.partition(">=")
    version = installed.get(name)
    if version is None:
        return f"the extension {name} is not installed in this database"
    if minimum and version_tuple(version) < version_tuple(minimum):
        return f"the extension {name} is at version {version}, {minimum} is needed (ALTER EXTENSION … UPDATE)"
    return None
