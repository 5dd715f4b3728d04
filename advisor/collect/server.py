"""Reads the server, its settings, roles, extensions and counters."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

from advisor.collect.privileges import role_of
from advisor.collect.reader import Reader
from advisor.connect import Session
from advisor.errors import ConnectionFailed
from advisor.model.redaction import mask_role_setting, mask_setting
from advisor.model.server import (
    ClusterCounters,
    DatabaseCounters,
    Extension,
    Role,
    RoleSetting,
    Server,
    Setting,
)
from advisor.model.snapshot import Gap
from advisor.resources import sql_text


def collect_server(reader: Reader) -> Server:
    """Return the server and database; without them nothing can be said, so a refusal is ConnectionFailed."""
    found = reader.rows("server", Server, what="the server's own description")
    if len(found) != 1:
        why = reader.gaps[-1].why if reader.gaps else "no row"
        raise ConnectionFailed(f"The server does not describe itself: {why}.", "Is it PostgreSQL?")
    server = found[0]
    reader.role = server.user
    identifier = reader.dicts(
        sql_text("system_identifier", reader.major),
        name="system_identifier",
        what="the server's identifier (pg_control_system)",
        fix=f"GRANT pg_monitor TO {role_of(reader)};",
        costs="history recognises the server by its address only",
    )
    timeline = reader.dicts(
        sql_text("timeline", reader.major),
        name="timeline",
        what="the timeline (pg_walfile_name)",
        costs="history tells a failover only by the time the server was started",
    )
    size = reader.dicts(
        sql_text("database_size", reader.major),
        name="database_size",
        what="the size of the database (pg_database_size)",
        fix=f"GRANT pg_read_all_stats TO {role_of(reader)};",
        costs="the total size is missing",
    )
    return replace(
        server,
        system_identifier=identifier[0]["system_identifier"] if identifier else None,
        timeline=timeline[0]["timeline"] if timeline else None,
        database_size_bytes=size[0]["database_size_bytes"] if size else None,
    )


def collect_settings(reader: Reader) -> tuple[Setting, ...]:
    """Return the settings as this role gets them from the server, not as our own session has set them."""
    connection = reader.connection
    scope: AbstractContextManager[object] = (
        connection.server_settings() if isinstance(connection, Session) else connection.transaction()
    )
    with scope:
        found = reader.rows("settings", Setting, what="settings", costs="no setting is judged")
    settings = tuple(map(mask_setting, found))
    # The server keeps these from roles without the privilege; one of them that is always there tells.
    if settings and all(setting.name != "data_directory" for setting in settings):
        reader.gaps.append(
            Gap(
                what="some settings (pg_read_all_settings)",
                why="the server shows file names, preloaded libraries and a few more only to privileged roles",
                fix=f"GRANT pg_monitor TO {role_of(reader)};",
                costs="preloaded libraries and the files that settings come from are unknown",
            )
        )
    return settings


def collect_role_settings(reader: Reader) -> tuple[RoleSetting, ...]:
    """Return what ALTER ROLE and ALTER DATABASE … SET have stored."""
    found = reader.rows(
        "role_settings", RoleSetting, what="settings of roles and databases", costs="search paths of roles are unknown"
    )
    return tuple(map(mask_role_setting, found))


def collect_roles(reader: Reader) -> tuple[Role, ...]:
    """Return the roles that people made, and every role that may log in."""
    return reader.rows("roles", Role, what="roles", costs="connection limits and the provider are not judged")


def collect_extensions(reader: Reader) -> tuple[Extension, ...]:
    """Return the extensions installed here or available on the server."""
    return reader.rows("extensions", Extension, what="extensions", costs="rules that need an extension are skipped")


def collect_database_counters(reader: Reader) -> DatabaseCounters | None:
    """Return pg_stat_database of this database."""
    found = reader.rows(
        "database_counters",
        DatabaseCounters,
        what="database counters (pg_stat_database)",
        costs="cache hit ratio, temporary files and deadlocks are not judged",
    )
    return found[0] if found else None


def collect_cluster_counters(reader: Reader) -> ClusterCounters | None:
    """Return the counters of checkpoints, background writer, WAL and archiver."""
    found = reader.rows(
        "cluster_counters",
        ClusterCounters,
        what="cluster counters (checkpoints, WAL, archiver)",
        fix=f"GRANT pg_monitor TO {role_of(reader)};",
        costs="checkpoint, WAL and archiving settings are judged without evidence",
    )
    return found[0] if found else None
