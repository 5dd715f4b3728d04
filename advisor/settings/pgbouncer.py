"""A pgbouncer.ini that PgBouncer accepts as it stands, but for the names to fill in."""

from __future__ import annotations


def pgbouncer_ini(
    *,
    pool: int,
    max_client_connections: int,
    users: int = 1,
    databases: int = 1,
    acquire_timeout: float = 30,
    idle_timeout: float = 600,
    host: str = "127.0.0.1",
    port: int = 5432,
    listen_port: int = 6432,
    auth_file: str = "/etc/pgbouncer/userlist.txt",
    auth_type: str = "scram-sha-256",
    socket_dir: str = "",
    version: tuple[int, int] | None = None,
) -> str:
    """Return the fragment. `pool` server connections in all; timeouts in seconds; `version` of PgBouncer, if known.

    Pools are per user and database: `max_db_connections` keeps their sum at `pool`, whatever the number of users.
    """
    each = max(1, -(-pool // (users * databases)))
    files = max_client_connections + pool * databases * users + 100
    wait = max(1, int(acquire_timeout * 0.9))
    return f"""\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir = {socket_dir}
auth_type = {auth_type}
auth_file = {auth_file}

; A server connection is lent for one transaction. Session state (SET, LISTEN, advisory locks held
; across transactions, temporary tables) does not survive; use a session pool for what needs it.
pool_mode = transaction
; Prepared statements of the protocol work in transaction mode from PgBouncer 1.21 on; older ones refuse the line.
{"" if version is not None and version >= (1, 21) else ";"}max_prepared_statements = 200
; Clients wait here; the process needs nofile >= {files} (LimitNOFILE= of its service).
max_client_conn = {max_client_connections}
; Per user and database; the sum is limited below.
default_pool_size = {each}
reserve_pool_size = 0
max_db_connections = {pool}
; Shorter than the application waits ({acquire_timeout:g} s), so that the pooler gives up first and says why.
query_wait_timeout = {wait}
; Server connections that nobody used for this long are closed.
server_idle_timeout = {int(idle_timeout)}
; JDBC and others send this at start; PgBouncer cannot pass it on.
ignore_startup_parameters = extra_float_digits
"""
