"""One careful session with the server that is examined: read-only, bounded, invisible to others.

A direct session has its limits set once. Behind a connection pooler nothing may be set on the session, because the
pooler would hand the setting on to the application: there every transaction sets its limits for itself
(`set local`). A pooler is recognised by the process id it invents: the one sent at connection time is not that of
the server process that answers. Therefore run every query inside `connection.transaction()`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from advisor import __version__
from advisor.dsn import choose_dsn, shown_host
from advisor.errors import ConnectionFailed, ServerLost
from advisor.model.snapshot import Gap
from advisor.tolerant import install_tolerant_loaders

OLDEST_MAJOR = 13
NEWEST_MAJOR = 18
_APPLICATION = f"pgadvise/{__version__}"
_SET_LIMITS = (
    "select /* pgadvise */ pg_catalog.set_config(limits.key, limits.value, %(local)s)"
    " from pg_catalog.json_each_text(%(limits)s::pg_catalog.json) as limits"
)


class Session(psycopg.Connection[Any]):
    """A psycopg connection that keeps pgadvise's promises; made by `open_connection`."""

    limits: dict[str, str]
    pooled: bool = False  # a pooler stands between: limits are set per transaction
    notices: tuple[Gap, ...] = ()  # what a reader of the report should know about the session

    @contextlib.contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """As psycopg's; behind a pooler the outermost transaction sets the limits for itself."""
        outermost = self.info.transaction_status == pq.TransactionStatus.IDLE
        with super().transaction(savepoint_name, force_rollback) as transaction:
            if outermost and self.pooled:
                self.apply_limits(local=True)
            yield transaction

    def apply_limits(self, *, local: bool) -> None:
        """Set the limits, for this transaction or for the session."""
        self.execute(_SET_LIMITS, {"local": local, "limits": json.dumps(self.limits)})

    @contextlib.contextmanager
    def server_settings(self) -> Iterator[None]:
        """A transaction in which the limits are off and every setting is what this role gets from the server."""
        with self.transaction(force_rollback=True):
            self.execute(";".join(f"reset {name}" for name in self.limits))
            yield


def _limits(statement_timeout: float, lock_timeout: float, version: int) -> dict[str, str]:
    limits = {
        "default_transaction_read_only": "on",
        "statement_timeout": str(round(statement_timeout * 1000)),
        "lock_timeout": str(round(lock_timeout * 1000)),
        # Longer than any pause of ours between two queries; a frozen client must not hold a snapshot for hours.
        "idle_in_transaction_session_timeout": "60000",
        "search_path": "",  # names print qualified, and nobody's objects come before pg_catalog's
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "postgres",
        "extra_float_digits": "1",
        "bytea_output": "hex",
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        # A query that row security would silently thin out fails instead, and the failure is reported.
        "row_security": "off",
    }
    if version >= 140000:
        # The session waits while the planner twin works; it must not wait for ever.
        limits["idle_session_timeout"] = "600000"
    return limits


@contextlib.contextmanager
def open_connection(
    dsn: str | None, *, statement_timeout: float = 15.0, lock_timeout: float = 0.2
) -> Iterator[Session]:
    """Yield the one session with the server; closed afterwards. Timeouts in seconds.

    `dsn` is a URI, keywords or None (see `choose_dsn`). The session is in autocommit mode and read-only. Raises
    ConnectionFailed with one sentence and a hint; ServerLost when the server goes away while it is used.
    """
    conninfo = choose_dsn(dsn)
    session = _connect(conninfo)
    try:
        _check_server(session)
        session.limits = _limits(statement_timeout, lock_timeout, session.info.server_version)
        _settle(session)
        yield session
        _leave(session)
    except psycopg.OperationalError as error:
        if session.closed:
            raise ServerLost(
                "The server closed the connection while it was being read.", "Look into its log, then try again."
            ) from error
        raise
    finally:
        session.close()


def _connect(conninfo: str) -> Session:
    given = conninfo_to_dict(conninfo)
    extra: dict[str, Any] = {"application_name": _APPLICATION, "client_encoding": "UTF8"}
    defaults = {
        # A host that answers nothing, and one that dies under a query, are noticed in seconds.
        "connect_timeout": ("PGCONNECT_TIMEOUT", 10),
        "keepalives_idle": (None, 30),
        "keepalives_interval": (None, 10),
        "keepalives_count": (None, 3),
        "tcp_user_timeout": (None, 30000),
    }
    for name, (variable, value) in defaults.items():
        if name not in given and not (variable and os.environ.get(variable)):
            extra[name] = value
    try:
        session = _open(conninfo, extra)
        if session.info.parameter_status("server_encoding") == "SQL_ASCII":
            # There the server checks what it sends as UTF8, and one odd byte would lose a whole result. Raw bytes
            # are asked for instead, by a new connection: a setting on a pooled session could reach others.
            session.close()
            session = _open(conninfo, extra | {"client_encoding": "SQL_ASCII"})
    except psycopg.OperationalError as error:
        raise _explain(error, given) from error
    return session


def _open(conninfo: str, extra: dict[str, Any]) -> Session:
    session = Session.connect(conninfo, autocommit=True, prepare_threshold=None, **extra)
    install_tolerant_loaders(session.adapters)
    session.read_only = True
    return session


def _check_server(session: Session) -> None:
    """Refuse what is not a PostgreSQL this program understands."""
    shown = session.info.parameter_status("server_version") or "unknown"
    if "bouncer" in shown:
        raise ConnectionFailed("This is PgBouncer's own console, not a database.", "Name the database in the DSN.")
    if session.info.parameter_status("crdb_version") is not None:
        raise ConnectionFailed("This is CockroachDB, whose catalog and planner are not PostgreSQL's.")
    if session.info.server_version < OLDEST_MAJOR * 10000:
        raise ConnectionFailed(
            f"The server is PostgreSQL {shown}; pgadvise reads {OLDEST_MAJOR} to {NEWEST_MAJOR}.",
            "That version has had no security fixes for years: upgrade it first.",
        )


def _settle(session: Session) -> None:
    """Find out whether a pooler stands between, and set the limits accordingly."""
    row = session.execute("select /* pgadvise */ pg_catalog.pg_backend_pid()").fetchone()
    session.pooled = row is None or row[0] != session.info.backend_pid
    notices = []
    if session.pooled:
        notices.append(
            Gap(
                what="a direct connection",
                why="a connection pooler stands between: what answers is not the process that was connected to",
                fix="connect to the server's own port where that is possible",
                costs="nothing in the report; limits are set per transaction, and what needs one session for longer"
                " (what-if by HypoPG) may be refused",
            )
        )
    else:
        with session.transaction():
            session.apply_limits(local=False)
    major = session.info.server_version // 10000
    if major > NEWEST_MAJOR:
        notices.append(
            Gap(
                what=f"PostgreSQL {major}",
                why=f"this pgadvise was written for {OLDEST_MAJOR} to {NEWEST_MAJOR} and does not know what is new",
                fix="update pgadvise",
                costs="new settings, views and planner changes are not judged",
            )
        )
    session.notices = tuple(notices)


def _leave(session: Session) -> None:
    """Give the session back as it was, in case something between us and the server keeps it for others."""
    if not session.pooled and session.info.transaction_status == pq.TransactionStatus.IDLE:
        # All work is done: a server that has meanwhile closed an idle session takes nothing away.
        with contextlib.suppress(psycopg.OperationalError):
            session.execute(";".join(f"reset {name}" for name in session.limits))


# What libpq and the server say, in the words of their English messages: pattern, sentence, hint. The first that
# matches wins; {host}, {port}, {user}, {dbname} come from the connection, {message} is the server's own line.
_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"translate host name|resolve host|Name or service not known|nodename nor servname",
        "The host '{host}' is not known.",
        "Check its spelling; a password with @, : or / in it must be percent-encoded in a URI.",
    ),
    (
        r"on socket .*(?:No such file or directory|Connection refused)",
        "No server listens on the Unix socket {socket}.",
        "Name the host with --dsn or PGHOST, or start the server.",
    ),
    (
        r"on socket .*Permission denied",
        "This operating system account may not use the Unix socket {socket}.",
        "Run pgadvise as an account that may enter that folder, or connect over TCP (host=localhost).",
    ),
    (
        r"Connection refused",
        "Nothing accepts connections at {host}, port {port}.",
        "Check the port, that the server runs, and its listen_addresses.",
    ),
    (
        r"timeout expired|timed out|Connection timed out",
        "{host}, port {port}, did not answer in time.",
        "A firewall or a wrong address is the usual cause; connect_timeout in the DSN waits longer.",
    ),
    (
        r"No route to host|Network is unreachable",
        "There is no network route to {host}.",
        "Check the address, the VPN and the firewall.",
    ),
    (
        r"no password supplied|fe_sendauth",
        "The server asks for a password for the role '{user}' and none was given.",
        "Put it in ~/.pgpass or PGPASSWORD.",
    ),
    (
        r"password authentication failed|(?:LDAP|RADIUS|PAM|SASL) authentication failed|wrong password",
        "The password of the role '{user}' was not accepted.",
        "Check the password in the DSN, PGPASSWORD or ~/.pgpass; a role that does not exist gives the same answer.",
    ),
    (
        r"[Pp]eer authentication failed|[Ii]dent authentication failed",
        "The server lets '{user}' in only from the operating system account of the same name.",
        "Run pgadvise as that account, or connect over TCP with a password (host=localhost).",
    ),
    (
        r'role ".*" does not exist|no such user',
        "The role '{user}' does not exist on the server.",
        "Name an existing role: user=… in the DSN or PGUSER.",
    ),
    (
        r"is not permitted to log in",
        "The role '{user}' may not log in.",
        "ALTER ROLE … LOGIN, or use another role.",
    ),
    (
        r"bouncer config error",
        "The pooler has no entry for the database '{dbname}'.",
        "Name a database of its [databases] section, or connect to the server itself.",
    ),
    (
        r'database ".*" does not exist|no such database',
        "The database '{dbname}' does not exist on the server.",
        "Name an existing one: psql -l lists them.",
    ),
    (
        r"permission denied for database|not currently accepting connections",
        "The role '{user}' may not connect to the database '{dbname}'.",
        "GRANT CONNECT ON DATABASE … TO …; a template database may have connections switched off.",
    ),
    (
        r"no pg_hba\.conf entry.*(?:SSL off|no encryption)",
        "The server's pg_hba.conf has no line that lets '{user}' into '{dbname}' from here without TLS.",
        "Try sslmode=require, or have a line added to pg_hba.conf.",
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        "The server's pg_hba.conf does not let '{user}' into '{dbname}' from this address.",
        "Have a line added to pg_hba.conf, or connect from an allowed host.",
    ),
    (
        r"server does not support SSL",
        "The DSN demands TLS (sslmode) and the server does not offer it.",
        "Switch TLS on there (ssl = on), or use sslmode=prefer on a network you trust.",
    ),
    (
        r"certificate verify failed|root certificate file|does not match host name|certificate",
        "The server's TLS certificate was not accepted: {message}",
        "Give the right sslrootcert, or the host name that the certificate was made for.",
    ),
    (
        r"SSL connection is required|SSL.* required|requires (?:SSL|TLS|encryption)|insecure connection",
        "The server demands TLS.",
        "Use sslmode=require in the DSN.",
    ),
    (
        r"too many clients|remaining connection slots|too many connections|no more connections allowed|sorry, too many",
        "The server has no free connection for '{user}'.",
        "Try again later, or raise the limit; pgadvise needs only one connection.",
    ),
    (
        r"starting up|not yet accepting connections|in recovery mode|shutting down|the database system is",
        "The server is not ready: {message}",
        "Try again when it has started; a standby needs hot_standby = on.",
    ),
    (
        r"invalid response to SSL|expected authentication request|server closed the connection unexpectedly|lost sync",
        "What answers at {host}, port {port}, does not speak as a PostgreSQL server does.",
        "Check the port; a proxy or another service may be listening there, or the server is just going down.",
    ),
    (
        r"unsupported startup parameter|command-line options",
        "A pooler in front of the server refuses a parameter of the connection: {message}",
        "Remove options=… from the DSN and PGOPTIONS.",
    ),
    (
        r"invalid (?:\w+ )?(?:value|number)|invalid .* for connection option",
        "The connection string has a value that libpq does not accept.",
        "Check port, sslmode and the timeouts in the DSN.",
    ),
    (
        r"definition of service|service file",
        "The service is not defined: {message}",
        "Check PGSERVICE and ~/.pg_service.conf.",
    ),
)


def _explain(error: psycopg.OperationalError, given: dict[str, Any]) -> ConnectionFailed:
    """Return the failure as one sentence without secrets."""
    text = str(error)
    places = {
        "host": shown_host(
            str(given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "the default")
        ),
        "port": given.get("port") or os.environ.get("PGPORT") or "5432",
        "user": given.get("user") or os.environ.get("PGUSER") or "of this operating system account",
        "dbname": given.get("dbname") or os.environ.get("PGDATABASE") or given.get("user") or "named like the role",
        "message": _server_message(text),
        "socket": (re.findall(r'socket "([^"]*)"', text) or ["of the default folder"])[0],
    }
    for pattern, sentence, hint in _REASONS:
        if re.search(pattern, text):
            return ConnectionFailed(sentence.format_map(places), hint)
    return ConnectionFailed("The connection failed: {message}".format_map(places), "See the server's log.")


def _server_message(text: str) -> str:
    """Return the telling part of a libpq error: after FATAL:, else the last clause of the first line."""
    fatal = re.findall(r"(?:FATAL|ERROR):\s+(.*)", text)
    first = fatal[-1] if fatal else text.strip().splitlines()[0].rpartition("failed: ")[2]
    return str(first).strip().rstrip(".") + "."
