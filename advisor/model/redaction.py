"""What must not leave: passwords never, column values and literals not in a redacted snapshot.

Nothing here parses SQL; where a text cannot be cleaned for certain it is dropped.
"""

from __future__ import annotations

import re
from dataclasses import replace

from advisor.model.activity import Session, StatementCounters
from advisor.model.server import RoleSetting, Setting
from advisor.model.snapshot import Gap, Snapshot
from advisor.model.statistics import ColumnStatistics, ExtendedStatistics

HIDDEN = "***"
_LITERAL = re.compile(r"'(?:[^']|'')*'")
# password 's3cret', PASSWORD = E's3cret', "password": 's3cret', and password ''s3cret'' inside another literal.
_AFTER_PASSWORD = re.compile(
    r"""(?i)(passw(?:or)?d\w*["']?\s*(?:=|:|,|\s)\s*)"""
    r"""(?:(?P<doubled>''+)[^']+(?P=doubled)|(?P<escape>E)'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*')""",
    re.DOTALL,
)
_IN_CONNINFO = re.compile(r"(?i)(passw(?:or)?d\s*=\s*)(?:\\?''(?:[^'])*''|[^\s'&;]+)")
_IN_URI = re.compile(r"(://[^\s:/@']+:)[^\s'@/]+@")
# Settings that hold command lines or connection strings: NAME=value pairs whose name says "secret".
_SECRET_WORD = r"(?:secret|passw(?:or)?d|passphrase|token|credential|api_?key|access_?key|jwt|private_?key)"
_SECRET_PAIR = re.compile(rf"(?i)(\w*{_SECRET_WORD}\w*\s*=\s*)('[^']*'|\"[^\"]*\"|\S+)")
_SECRET_NAME = re.compile(rf"(?i){_SECRET_WORD}")
# In a comment nothing is quoted: /* token abc, password=x */
_SECRET_SAID = re.compile(rf"(?i)(\b{_SECRET_WORD}(?:\s*[=:]\s*|\s+))(?!is\b|of\b|for\b|in\b|and\b|or\b)[^\s*,;]+")
# Settings whose names have such a word without holding a secret.
_HARMLESS = frozenset({"password_encryption", "ssl_passphrase_command_supports_reload"})
# A text after normalisation: quoted identifiers stay, comments go.
_COMMENT = re.compile(r'("(?:[^"]|"")*")|/\*.*?\*/|--[^\n]*', re.DOTALL)
_DATA_COMMAND = re.compile(r"[\s(]*(?:select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)
_CONSTANT = re.compile(r"'|\$[A-Za-z_]*\$")


def mask_secrets(text: str | None) -> str | None:
    """Return a statement without passwords in its literals; everything else, literals too, stays.

    >>> mask_secrets("ALTER ROLE ann PASSWORD 's3cret'")
    "ALTER ROLE ann PASSWORD '***'"
    >>> mask_secrets("select dblink('host=a password=s3cret')")
    "select dblink('host=a password=***')"
    """
    if text is None or ("://" not in text and not _SECRET_NAME.search(text)):
        return text
    text = _COMMENT.sub(lambda match: match[0] if match[1] else _SECRET_SAID.sub(rf"\1{HIDDEN}", match[0]), text)
    text = _AFTER_PASSWORD.sub(_hide_password, text)
    return _LITERAL.sub(lambda match: _mask_connection(match[0]), text)


def _hide_password(match: re.Match[str]) -> str:
    quote = match["doubled"] or "'"
    return f"{match[1]}{match['escape'] or ''}{quote}{HIDDEN}{quote}"


def _mask_connection(text: str) -> str:
    return _IN_URI.sub(rf"\1{HIDDEN}@", _IN_CONNINFO.sub(rf"\1{HIDDEN}", text))


def mask_setting(setting: Setting) -> Setting:
    """Return the setting without secrets: primary_conninfo, command lines, names like app.jwt_secret."""
    if setting.vartype != "string":
        return setting
    return replace(
        setting,
        setting=_mask_value(setting.name, setting.setting),
        boot_val=_mask_value(setting.name, setting.boot_val),
        reset_val=_mask_value(setting.name, setting.reset_val),
    )


def mask_role_setting(item: RoleSetting) -> RoleSetting:
    """Return the stored setting of a role or database without secrets."""
    return replace(item, value=_mask_value(item.name, item.value) or "")


def _mask_value(name: str, value: str | None) -> str | None:
    if not value or name in _HARMLESS:
        return value
    if _SECRET_NAME.search(name) and not name.endswith("_command"):
        return HIDDEN
    return _IN_URI.sub(rf"\1{HIDDEN}@", _SECRET_PAIR.sub(rf"\1{HIDDEN}", value))


def redact(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without column values, literals of statements, comments and addresses.

    What remains: names, types, counters, sizes, frequencies without their values, rows of the rules' queries, and
    definitions (constants in defaults, checks, index conditions, views and partition bounds are part of the schema).
    Statements keep their normalised text; one that still has a quoted constant, or is no data command, loses it.
    Costs: the planner twin then guesses selectivities, and observed values cannot lead to partial indexes.
    """
    dropped = len(snapshot.workload_texts)
    gaps = (
        Gap(
            what="column values and literals",
            why="the snapshot was redacted" + (f"; {dropped} texts of workload files were left out" if dropped else ""),
            fix="capture again without --redact",
            costs="selectivities are guessed from frequencies; partial indexes need observed values",
        ),
    )
    return replace(
        snapshot,
        tables=tuple(replace(table, comment=None) for table in snapshot.tables),
        columns=tuple(replace(column, comment=None) for column in snapshot.columns),
        statistics=tuple(map(_without_values, snapshot.statistics)),
        extended_statistics=tuple(map(_without_extended_values, snapshot.extended_statistics)),
        statements=tuple(map(_without_constants, snapshot.statements)),
        sessions=tuple(map(_without_text, snapshot.sessions)),
        replicas=tuple(
            replace(
                replica,
                statements=tuple(map(_without_constants, replica.statements)),
                sessions=tuple(map(_without_text, replica.sessions)),
            )
            for replica in snapshot.replicas
        ),
        workload_texts=(),
        gaps=snapshot.gaps + gaps,
        redacted=True,
    )


def _without_values(row: ColumnStatistics) -> ColumnStatistics:
    return replace(
        row,
        most_common_vals=None,
        histogram_bounds=None,
        most_common_elems=None,
        range_length_histogram=None,
        range_bounds_histogram=None,
    )


def _without_extended_values(row: ExtendedStatistics) -> ExtendedStatistics:
    return replace(row, most_common_vals=None, most_common_freqs=None, most_common_base_freqs=None)


def _without_constants(row: StatementCounters) -> StatementCounters:
    if row.query is None:
        return row
    bare = _COMMENT.sub(lambda match: match[1] or " ", row.query)
    if _CONSTANT.search(bare) or not _DATA_COMMAND.match(bare):
        return replace(row, query=None)
    return replace(row, query=bare)


def _without_text(row: Session) -> Session:
    return replace(row, query=None, client_addr=None)
