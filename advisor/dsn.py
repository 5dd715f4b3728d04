"""Connection strings: where they come from, and how they are shown without their secrets."""

from __future__ import annotations

import os
import re

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from advisor.errors import ConnectionFailed

_SECRETS = frozenset({"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"})
_BARE_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_$-]*$")
# Schemes of frameworks' DATABASE_URL that mean plain PostgreSQL: postgresql+psycopg2://, postgis://, pgsql://.
_SCHEME = re.compile(r"^(?:postgres(?:ql)?|pgsql|postgis|psql|ecto|cockroachdb)(?:\+\w+)?://", re.IGNORECASE)
_QUERY = re.compile(r"^(.*)\?([^?@]*)$", re.DOTALL)
# user:pass/word@host, user:p@ss:word@host: libpq takes the password's tail for the host, port or database and would
# print it in its errors.
_SPILLED_PASSWORD = re.compile(r"^\w+://[^/@]*:(?:[^/@]*/[^?]*@|[^/@]*@[^?@]*[:/][^?]*@)")
_HOW_TO_WRITE = (
    "Write it as postgresql://user@host:5432/database (percent-encode @ : / % in a password) "
    "or as 'host=… dbname=… user=…'."
)


def choose_dsn(dsn: str | None) -> str:
    """Return the conninfo to connect with: `dsn`, else PGADVISE_DSN, else DATABASE_URL, else "" (libpq's own PG*
    variables, service file and .pgpass). A bare word is a database name, as for psql.

    Parameters that only a framework knows (?schema=, ?pool_timeout=) are left out. Raises ConnectionFailed for a
    string that cannot be understood; the message never repeats the string, which may hold a password.
    """
    text = next((t for t in (dsn, os.environ.get("PGADVISE_DSN"), os.environ.get("DATABASE_URL")) if t), "").strip()
    if _BARE_NAME.match(text):
        return make_conninfo(dbname=text)
    if "://" in text:
        text = _plain_uri(text)
        if _SPILLED_PASSWORD.match(text):
            raise ConnectionFailed("The password in the connection string is not percent-encoded.", _HOW_TO_WRITE)
    try:
        return make_conninfo("", **conninfo_to_dict(text))
    except psycopg.ProgrammingError as error:
        raise ConnectionFailed("The connection string cannot be understood.", _HOW_TO_WRITE) from error.with_traceback(
            None
        )


def _plain_uri(text: str) -> str:
    """Return the URI with libpq's scheme and without query parameters that libpq does not know."""
    text = _SCHEME.sub("postgresql://", text)
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()} | {"ssl"}
    match = _QUERY.match(text)
    if match is None:
        return text
    kept = "&".join(item for item in match[2].split("&") if item.partition("=")[0] in known)
    return f"{match[1]}?{kept}" if kept else match[1]


def redact_dsn(dsn: str) -> str:
    """Return `dsn` in keyword form without passwords; a string that cannot be parsed is not shown at all.

    >>> redact_dsn("postgresql://ann:s3cret@db.example/shop")
    'user=ann dbname=shop host=db.example password=***'
    """
    try:
        parameters = conninfo_to_dict(choose_dsn(dsn)) if dsn else {}
    except ConnectionFailed:
        return "(a connection string that cannot be read)"
    shown = {name: shown_host(str(value)) if name == "host" else value for name, value in parameters.items()}
    visible = {name: value for name, value in shown.items() if name not in _SECRETS}
    hidden = [f"{name}=***" for name in sorted(_SECRETS & shown.keys())]
    return " ".join(part for part in (make_conninfo("", **visible), *hidden) if part)


def shown_host(host: str) -> str:
    """Return the host without what an unescaped @ in a password has spilled into it.

    >>> shown_host("ss@db.example")
    'db.example'
    """
    return ",".join(item.rpartition("@")[2] for item in host.split(","))
