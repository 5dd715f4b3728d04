"""Which migration files there are, in which order, and which part of each is the way up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from advisor.errors import UsageError

_ENDINGS = (".sql", ".ddl", ".pgsql")
# Files of the way down, and of checks after it, are not pending migrations.
_DOWN = re.compile(
    r"((^|[./_-])(down|rollback|undo|revert)\.sql)$|(^|/)(U\d[^/]*__[^/]*$|down/|revert/|rollback/|verify/)",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"(\d+)")
# Flyway: V2_1__x.sql is a version, R__x.sql is repeated after all versions, B5__x.sql stands for V1 to V5.
_FLYWAY = re.compile(r"(^|/)(?P<kind>[VBR])(?P<version>\d[\d._]*)?__[^/]*$")
# Where one file has both ways, these lines begin the way up and the way down: dbmate, goose, sql-migrate,
# node-pg-migrate, MyBatis, tern, and the parts of Atlas's txtar files.
_UP_MARK = re.compile(
    r"[ \t]*--[ \t]*(?:migrate:up|\+goose[ \t]+up|\+migrate[ \t]+up|(?://)?@up|up migration"
    r"|(?:migration|up)\.sql --)(?!\w).*",
    re.IGNORECASE,
)
_DOWN_MARK = re.compile(
    r"[ \t]*--[ \t]*(?:migrate:down|\+goose[ \t]+down|\+migrate[ \t]+down|(?://)?@(?:down|undo)|down migration"
    r"|(?:down|checks)\.sql --|-- create above / drop below)(?!\w).*",
    re.IGNORECASE,
)
_ANY_MARK = re.compile(r"migrate|goose|@up|@down|@undo|migration|\.sql --|drop below", re.IGNORECASE)
_LIQUIBASE_ROLLBACK = re.compile(
    r"^[ \t]*--[ \t]*rollback\b[^\n]*$|/\*[ \t]*liquibase[ \t]+rollback\b.*?\*/",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
# These tools run each file in a transaction, unless the file says that it does not.
_WRAPS = re.compile(r"^[ \t]*--[ \t]*(?:migrate:up|\+goose[ \t]+up|\+migrate[ \t]+up)\b", re.IGNORECASE | re.MULTILINE)
# What Django's sqlmigrate and Alembic's --sql print holds the tool's own BEGIN and COMMIT, where there is one.
_PRINTED = re.compile(r"\A\s*BEGIN;\s*\n--\n-- |^(?:CREATE TABLE|INSERT INTO|UPDATE) alembic_version\b", re.MULTILINE)
# Liquibase: a transaction for each changeset, unless it says otherwise; those for another database do not run here.
_LIQUIBASE = re.compile(r"\A\s*--[ \t]*liquibase[ \t]+formatted[ \t]+sql", re.IGNORECASE)
_CHANGESET = re.compile(r"^[ \t]*--[ \t]*changeset[ \t]+[^\n]*$", re.IGNORECASE | re.MULTILINE)
_ALONE = re.compile(r"\brunInTransaction\s*:\s*\"?false", re.IGNORECASE)
_DBMS = re.compile(r"\bdbms\s*:\s*\"?([\w,! ]+)", re.IGNORECASE)
_IGNORED = re.compile(r"\bignore\s*:\s*\"?true", re.IGNORECASE)
# What node-pg-migrate says around the SQL that `up --dry-run` prints.
_DRY_RUN = re.compile(r"^### MIGRATION \S+ \(UP\) ###$", re.MULTILINE)
_DRY_TALK = re.compile(
    r"^(### MIGRATION .* ###|> .*|dry run|Migrations complete!|No migrations to run!)$", re.MULTILINE
)
# The tool says itself that the file runs without a transaction.
_NO_TRANSACTION = re.compile(
    r"transaction\s*:\s*false|no[ _-]?transaction|runInTransaction\s*[:=]\s*false|executeInTransaction\s*=\s*false"
    r"|disable_ddl_transaction|atomic\s*=\s*false|autocommit_block|atlas:txmode[ \t]+none",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that its tool runs by itself, from a line on."""

    line: int
    in_transaction: bool


@dataclass(frozen=True, slots=True)
class MigrationText:
    """A file's text; only the part that goes up, with everything else blanked so that lines stay."""

    path: str
    text: str
    error: str | None = None
    no_transaction: bool = False
    wrapped: bool = False  # its tool runs it in a transaction
    parts: tuple[Part, ...] = ()  # or in several: then neither of the above counts

    def in_one_transaction(self, asked: bool) -> bool:
        """Return whether the whole file runs in one transaction. `asked`: the user says that the tool does so."""
        return (asked or self.wrapped) and not self.no_transaction and not self.parts


def natural_key(path: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts V2 before V10 and 2_x before 10_y."""
    return tuple((0, int(part)) if part.isdigit() else (1, part.lower()) for part in _NUMBERS.split(path) if part)


def find_migrations(paths: Sequence[str], standard_input: str | None = None) -> tuple[MigrationText, ...]:
    """Return the migrations under `paths` (files, folders, or '-' for `standard_input`) in the order they are applied.

    Files named in an order of the user's own keep it; in the alphabetical order of a shell's pattern (V10 before V2)
    they are put in natural order. Raises UsageError for a path that does not exist or a folder without migrations.
    """
    found: list[MigrationText] = []
    for name in _as_applied(paths):
        if name == "-":
            found.append(_up_part("-", standard_input or ""))
            continue
        path = Path(name)
        if path.is_dir():
            files = _in_folder(path)
            if not files:
                raise UsageError(f"There is no migration (*.sql) in {name}.")
            found += [_read(file) for file in files]
        elif path.is_file():
            found.append(_read(path))
        else:
            raise UsageError(f"There is no file or folder {name}.")
    return tuple(found)


def _as_applied(paths: Sequence[str]) -> list[str]:
    """Return the arguments without the ways down of files that are named too, a pattern's files in natural order."""
    up = [name for name in paths if not _DOWN.search(Path(name).as_posix())]
    chosen = up or list(paths)
    return sorted(chosen, key=_order) if len(chosen) > 2 and chosen == sorted(chosen) else chosen


def _in_folder(folder: Path) -> list[Path]:
    """Return a folder's migrations in the order they are applied."""
    files = [file for file in folder.rglob("*") if file.suffix.lower() in _ENDINGS and file.is_file()]
    names = {file: file.relative_to(folder).as_posix() for file in files}
    files = [file for file in files if not _DOWN.search(names[file])]
    flyway = {file: match for file in files if (match := _FLYWAY.search(names[file]))}
    if any(match["kind"] == "V" for match in flyway.values()):
        # A baseline is for empty databases: it does what versions there are have done.
        files = [file for file in files if file not in flyway or flyway[file]["kind"] != "B"]
    files.sort(key=lambda file: _order(names[file]))
    planned = _sqitch_plan(folder)
    if planned:
        last = len(planned)
        files.sort(key=lambda file: planned.get(names[file].removeprefix("deploy/").removesuffix(file.suffix), last))
    return files


def _order(name: str) -> tuple[int, tuple[tuple[int, int | str], ...]]:
    """Sort key: versions in natural order, Flyway's repeatable files after them."""
    match = _FLYWAY.search(Path(name).as_posix())
    # V2__x comes before V2_1__y, whatever x is.
    sortable = name if match is None else name.replace("__", " ", 1)
    return (int(match is not None and match["kind"] == "R"), natural_key(sortable))


def _sqitch_plan(folder: Path) -> dict[str, int]:
    """Return the changes of sqitch.plan (in the folder or the one above it) and their place; the name says no order."""
    for place in (folder, folder.parent):
        try:
            lines = (place / "sqitch.plan").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        names = [line.split()[0] for line in lines if line.strip() and line[0] not in "%#@ "]
        return {name: number for number, name in enumerate(names)}
    return {}


def _read(path: Path) -> MigrationText:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        return MigrationText(str(path), "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return MigrationText(str(path), "", "is not UTF-8 text")
    if "\x00" in text:
        return MigrationText(str(path), "", "is not a text file")
    found = _up_part(str(path), text)
    return replace(found, no_transaction=True) if _conf_says_no(path) else found


def _conf_says_no(path: Path) -> bool:
    """Whether Flyway's configuration of this one script (V1__x.sql.conf) takes it out of the transaction."""
    try:
        return bool(_NO_TRANSACTION.search(Path(f"{path}.conf").read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        return False


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _up_part(path: str, text: str) -> MigrationText:
    if _DRY_RUN.search(text):
        text = _DRY_TALK.sub(lambda match: _blank(match[0]), text)
    no_transaction = bool(_NO_TRANSACTION.search(text) or _PRINTED.search(text))
    wrapped = bool(_WRAPS.search(text))
    if _ANY_MARK.search(text):
        kept, down = [], False
        for line in text.split("\n"):
            down = not _UP_MARK.match(line) if down else bool(_DOWN_MARK.match(line))
            kept.append(_blank(line) if down else line)
        text = "\n".join(kept)
    if _LIQUIBASE.match(text):
        text, parts = _changesets(text)
        text = _LIQUIBASE_ROLLBACK.sub(lambda match: _blank(match[0]), text)
        return MigrationText(path, text, parts=parts)
    text = _LIQUIBASE_ROLLBACK.sub(lambda match: _blank(match[0]), text)
    return MigrationText(path, text, no_transaction=no_transaction, wrapped=wrapped)


def _changesets(text: str) -> tuple[str, tuple[Part, ...]]:
    """Return the text without the changesets that do not run on PostgreSQL, and where each of the others begins."""
    heads = list(_CHANGESET.finditer(text))
    kept, parts = [text[: heads[0].start()] if heads else text], []
    for number, head in enumerate(heads):
        body = text[head.start() : heads[number + 1].start() if number + 1 < len(heads) else len(text)]
        kept.append(body if _runs_here(head[0]) else _blank(body))
        parts.append(Part(text.count("\n", 0, head.start()) + 1, not _ALONE.search(head[0])))
    return "".join(kept), tuple(parts)


def _runs_here(head: str) -> bool:
    if _IGNORED.search(head):
        return False
    match = _DBMS.search(head)
    names = [name.strip().lower() for name in match[1].split(",")] if match is not None else []
    wanted = [name for name in names if not name.startswith("!")]
    return "!postgresql" not in names and (not wanted or "postgresql" in wanted)
