"""Who runs the server: recognised by at least two independent signals, because a restored dump brings fake roles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from advisor.collect.reader import Reader
from advisor.model.server import Extension, Role, Setting
from advisor.resources import sql_text


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the signals are looked for in."""

    settings: dict[str, Setting]
    roles: frozenset[str]
    extensions: frozenset[str]
    functions: frozenset[str]
    host: str

    def setting(self, name: str) -> str:
        found = self.settings.get(name)
        return (found.setting or "") if found else ""

    def any_setting(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self.settings)

    def from_command_line(self, *names: str) -> bool:
        return all(n in self.settings and self.settings[n].source == "command line" for n in names)


_Signal = tuple[str, Callable[[_Seen], bool]]

# Most particular first: Aurora shows everything RDS does, Supabase may run elsewhere.
_PROVIDERS: tuple[tuple[str, tuple[_Signal, ...]], ...] = (
    (
        "aurora",
        (
            ("function aurora_version()", lambda s: "aurora_version" in s.functions),
            ("settings apg_* or aurora*", lambda s: s.any_setting("apg_") or s.any_setting("aurora")),
            ("settings rds.*", lambda s: s.any_setting("rds.") and "aurora_version" in s.functions),
            ("host name of a cluster", lambda s: ".cluster-" in s.host and s.host.endswith(".rds.amazonaws.com")),
        ),
    ),
    (
        "rds",
        (
            ("settings rds.*", lambda s: s.any_setting("rds.")),
            ("role rdsadmin", lambda s: "rdsadmin" in s.roles),
            ("data directory /rdsdbdata", lambda s: s.setting("data_directory").startswith("/rdsdbdata")),
            ("host name", lambda s: s.host.endswith((".rds.amazonaws.com", ".rds.amazonaws.com.cn"))),
        ),
    ),
    (
        "neon",
        (
            ("settings neon.*", lambda s: s.any_setting("neon.")),
            ("role neon_superuser", lambda s: "neon_superuser" in s.roles),
            ("library neon preloaded", lambda s: "neon" in _libraries(s)),
            ("host name", lambda s: s.host.endswith(".neon.tech")),
        ),
    ),
    (
        "supabase",
        (
            ("role supabase_admin", lambda s: "supabase_admin" in s.roles),
            ("supautils", lambda s: "supautils" in _libraries(s) or s.any_setting("supautils.")),
            ("host name", lambda s: s.host.endswith((".supabase.co", ".supabase.com"))),
        ),
    ),
    (
        "cloudsql",
        (
            ("settings cloudsql.*", lambda s: s.any_setting("cloudsql.")),
            ("role cloudsqlsuperuser", lambda s: "cloudsqlsuperuser" in s.roles),
            ("role cloudsqladmin", lambda s: "cloudsqladmin" in s.roles),
        ),
    ),
    (
        "azure",
        (
            ("settings azure.*", lambda s: s.any_setting("azure.")),
            ("role azure_pg_admin", lambda s: "azure_pg_admin" in s.roles),
            ("role azuresu", lambda s: "azuresu" in s.roles),
            ("host name", lambda s: s.host.endswith(".postgres.database.azure.com")),
        ),
    ),
    (
        "cloudnativepg",
        (
            ("sockets in /controller/run", lambda s: "/controller/run" in s.setting("unix_socket_directories")),
            ("certificates in /controller", lambda s: s.setting("ssl_cert_file").startswith("/controller/")),
            ("archiving by /controller/manager", lambda s: s.setting("archive_command").startswith("/controller/")),
            ("role streaming_replica", lambda s: "streaming_replica" in s.roles),
        ),
    ),
    (
        "patroni",
        (
            # Patroni starts the server with these, all of them, on the command line.
            (
                "settings on the command line",
                lambda s: s.from_command_line(
                    "max_connections", "max_locks_per_transaction", "max_prepared_transactions", "wal_log_hints"
                ),
            ),
            ("cluster_name on the command line", lambda s: s.from_command_line("cluster_name")),
            ("a session named Patroni", lambda s: "Patroni" in s.functions),
        ),
    ),
)


def _libraries(seen: _Seen) -> tuple[str, ...]:
    return tuple(part.strip().strip('"') for part in seen.setting("shared_preload_libraries").split(","))


def detect_provider(
    reader: Reader | None,
    settings: Iterable[Setting],
    roles: Iterable[Role],
    extensions: Iterable[Extension],
    dsn_host: str | None,
) -> tuple[str, tuple[str, ...]]:
    """Return the provider and the signals it was recognised by; 'self-hosted' without two of them.

    A single signal is reported with 'self-hosted', so that a doubtful case can be seen. Names: self-hosted patroni
    cloudnativepg rds aurora neon supabase cloudsql azure.
    """
    seen = _Seen(
        settings={s.name: s for s in settings},
        roles=frozenset(r.name for r in roles),
        extensions=frozenset(e.name for e in extensions if e.version is not None),
        functions=_marks(reader) if reader is not None else frozenset(),
        host=(dsn_host or "").lower().rstrip("."),
    )
    lone: tuple[str, ...] = ()
    for provider, signals in _PROVIDERS:
        found = tuple(label for label, test in signals if test(seen))
        if len(found) >= 2:
            return provider, found
        if found and not lone:
            lone = (f"only one sign of {provider}: {found[0]}",)
    return "self-hosted", lone


def _marks(reader: Reader) -> frozenset[str]:
    """Return functions and sessions that only a provider or a cluster manager has."""
    rows = reader.dicts(sql_text("provider_marks"), name="provider", what="signs of a provider")
    return frozenset(str(row["mark"]) for row in rows)
