"""Finds rules/, sql/ and fixtures/: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def resource_dir(name: str) -> Path:
    """Return the directory `name` ('rules', 'sql', 'fixtures/schemas', …).

    Raises FileNotFoundError when an installation is incomplete, which is a packaging bug.
    """
    for base in (_PACKAGE.parent, _PACKAGE):
        candidate = base / name
        # A checkout is recognised by its pyproject; site-packages may hold somebody else's `rules`.
        if candidate.is_dir() and (base == _PACKAGE or (base / "pyproject.toml").is_file()):
            return candidate
    raise FileNotFoundError(f"{name} is missing from this installation of pgadvise")


@cache
def sql_text(name: str, version: int | None = None) -> str:
    """Return sql/<name>.sql, or the variant of the nearest lower version: `<name>.<version>.sql` means "from there on".

    `version` is the server's major (17), or for files under extensions/ the extension's minor
    (pg_stat_statements 1.11 -> 11).
    """
    folder = resource_dir("sql")
    best = folder / f"{name}.sql"
    if version is not None:
        stem = Path(name).name
        found = [
            (int(path.name.removeprefix(f"{stem}.").removesuffix(".sql")), path)
            for path in (folder / name).parent.glob(f"{stem}.*.sql")
            if path.name.removeprefix(f"{stem}.").removesuffix(".sql").isdigit()
        ]
        best = max([(v, p) for v, p in found if v <= version], default=(0, best))[1]
    return best.read_text(encoding="utf-8")
