"""Which migration files there are, in which order, and which part of each is the way up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import UsageError

_ENDINGS = (".sql", ".ddl", ".pgsql")
# Files of the way down, of tests and of repeatable fixtures are not pending migrations.
_DOWN = re.compile(
    r"(\.down\.sql|[._-](down|rollback|undo|revert)\.sql)$|(^|/)(U\d|down/|revert/|rollback/)", re.IGNORECASE
)
_NUMBERS = re.compile(r"(\d+)")
# A section of one file that goes down: dbmate, goose, sql-migrate, Liquibase's formatted SQL, node-pg-migrate.
_UP_MARK = re.compile(
    r"^[ \t]*--[ \t]*(?:migrate:up|\+goose[ \t]+up|\+migrate[ \t]+up|@up|up migration)\b.*$", re.I | re.M
)
_DOWN_MARK = re.compile(
    r"^[ \t]*--[ \t]*(?:migrate:down|\+goose[ \t]+down|\+migrate[ \t]+down|@down|down migration|@undo|//@undo)\b.*$",
    re.I | re.M,
)
_LIQUIBASE_ROLLBACK = re.compile(r"^[ \t]*--[ \t]*rollback\b.*$", re.I | re.M)
# The tool says itself that the file runs without a transaction.
_NO_TRANSACTION = re.compile(
    r"transaction\s*:\s*false|no[ _-]?transaction|runInTransaction\s*[:=]\s*false|executeInTransaction\s*=\s*false"
    r"|disable_ddl_transaction|atomic\s*=\s*false|autocommit_block",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MigrationText:
    """A file's text; only the part that goes up, with everything else blanked so that lines stay."""

    path: str
    text: str
    error: str | None = None
    no_transaction: bool = False


def natural_key(path: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts V2 before V10 and 2_x before 10_y."""
    return tuple((0, int(part)) if part.isdigit() else (1, part.lower()) for part in _NUMBERS.split(path) if part)


def find_migrations(paths: Sequence[str], standard_input: str | None = None) -> tuple[MigrationText, ...]:
    """Return the migrations under `paths` (files, folders, or '-' for `standard_input`) in natural order.

    Files named one by one keep their order. Raises UsageError for a path that does not exist or a folder without
    migrations.
    """
    found: list[MigrationText] = []
    for name in paths:
        if name == "-":
            found.append(_up_part("-", standard_input or ""))
            continue
        path = Path(name)
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.suffix.lower() in _ENDINGS and file.is_file()]
            files = [file for file in files if not _DOWN.search(file.relative_to(path).as_posix())]
            if not files:
                raise UsageError(f"There is no migration (*.sql) in {name}.")
            files.sort(key=lambda file: natural_key(file.relative_to(path).as_posix()))
            found += [_read(file) for file in files]
        elif path.is_file():
            found.append(_read(path))
        else:
            raise UsageError(f"There is no file or folder {name}.")
    return tuple(found)


def _read(path: Path) -> MigrationText:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        return MigrationText(str(path), "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return MigrationText(str(path), "", "is not UTF-8 text")
    if "\x00" in text:
        return MigrationText(str(path), "", "is not a text file")
    return _up_part(str(path), text)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _up_part(path: str, text: str) -> MigrationText:
    no_transaction = bool(_NO_TRANSACTION.search(text))
    down = _DOWN_MARK.search(text)
    if down is not None:
        up = _UP_MARK.search(text)
        if up is not None and up.start() > down.start():  # down first, up after it
            text = text[: down.start()] + _blank(text[down.start() : up.start()]) + text[up.start() :]
        else:
            text = text[: down.start()] + _blank(text[down.start() :])
    text = _LIQUIBASE_ROLLBACK.sub(lambda match: _blank(match[0]), text)
    return MigrationText(path, text, no_transaction=no_transaction)
