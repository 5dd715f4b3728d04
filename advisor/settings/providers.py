"""How a setting is changed where the server runs, how that is undone, and what cannot be changed there at all.

Lines that are not SQL (a provider's own tool) are SQL comments, so that a script of all changes still runs in psql.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.model.names import quote_ident, quote_literal
from advisor.settings.configuration import Present
from advisor.settings.facts import Fact
from advisor.settings.values import show

PROVIDERS = ("self-hosted", "patroni", "cloudnativepg", "rds", "aurora", "neon", "supabase", "cloudsql", "azure")
LABELS = {
    "self-hosted": "a self-hosted server",
    "patroni": "a cluster under Patroni",
    "cloudnativepg": "a cluster under CloudNativePG",
    "rds": "Amazon RDS",
    "aurora": "Amazon Aurora",
    "neon": "Neon",
    "supabase": "Supabase",
    "cloudsql": "Cloud SQL",
    "azure": "Azure Database for PostgreSQL",
}
RELOAD = "SELECT pg_reload_conf()"

# Storage of their own: checkpoints, WAL files and shared buffers are not what the settings say.
_OWN_STORAGE = frozenset(
    (
        *("max_wal_size", "min_wal_size", "wal_buffers", "wal_compression", "checkpoint_timeout"),
        *("checkpoint_completion_target", "full_page_writes", "fsync", "shared_buffers", "huge_pages"),
        "bgwriter_lru_maxpages",
    )
)
# The parameters of `supabase postgres-config update`; the rest goes through ALTER DATABASE or ALTER ROLE.
_SUPABASE = frozenset(
    (
        *("effective_cache_size", "logical_decoding_work_mem", "maintenance_work_mem", "max_connections"),
        *("max_locks_per_transaction", "max_parallel_maintenance_workers", "max_parallel_workers"),
        *("max_parallel_workers_per_gather", "max_replication_slots", "max_slot_wal_keep_size", "max_wal_size"),
        *("max_wal_senders", "max_worker_processes", "shared_buffers", "statement_timeout", "wal_keep_size"),
        *("track_activity_query_size", "track_commit_timestamp", "wal_sender_timeout", "work_mem"),
    )
)
# Azure: these follow the tier or are the service's own.
_AZURE_READ_ONLY = frozenset(("huge_pages", "wal_compression", "fsync", "full_page_writes", "io_method"))
_CLOUDSQL_READ_ONLY = frozenset(("huge_pages", "fsync", "full_page_writes", "io_method", "io_workers"))
_RDS_READ_ONLY = frozenset(("fsync", "full_page_writes"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the server's configuration; `value` is in the setting's unit, as pg_settings.setting."""

    present: Present
    value: str
    database: str  # the database advised on; providers without server-wide settings use it
    stored: str | None = None  # what ALTER DATABASE … SET has stored for it already, if anything
    alter_system: bool = True  # allow_alter_system, 17 on
    file: str | None = None  # the reviewed file: its lines are changed, not a server

    @property
    def fact(self) -> Fact:
        return self.present.fact

    @property
    def shown(self) -> str:
        return show(self.fact, self.value)


def refusal(provider: str, fact: Fact) -> str | None:
    """Return why `provider` does not let anyone set this, or None where it can be set."""
    name, label = fact.name, LABELS.get(provider, provider)
    if fact.context == "internal":
        return "fixed when the server was built or initialised"
    if provider == "neon" and not fact.per_session:
        return "Neon sets it from the compute size; only session settings can be changed, per database or role"
    if provider in ("neon", "aurora") and name in _OWN_STORAGE:
        return f"{label} has storage of its own and sizes this itself"
    if provider == "supabase" and name not in _SUPABASE and not fact.per_session:
        return "Supabase's configuration command does not offer it"
    if (
        (provider == "azure" and name in _AZURE_READ_ONLY)
        or (provider == "cloudsql" and name in _CLOUDSQL_READ_ONLY)
        or (provider == "rds" and name in _RDS_READ_ONLY)
    ):
        return f"{label} does not let anyone change it"
    return None


def sizes_itself(provider: str, name: str) -> bool:
    """Return whether the provider's own storage makes a value of ours meaningless there."""
    return provider in ("neon", "aurora") and name in _OWN_STORAGE


def apply_lines(provider: str, change: Change) -> tuple[str, ...]:
    """Return what to run for a change, in order."""
    if change.file is not None and provider in ("self-hosted", ""):
        return (_line_of_file(change, change.shown),)
    return _lines(provider, change, change.value, change.shown)


def together(provider: str, changes: Mapping[str, str]) -> str | None:
    """Return one command for all changes (name -> value in the unit), where several in turn would undo each other."""
    if provider != "cloudsql" or len(changes) < 2:
        return None
    flags = ",".join(f"{name}={value}" for name, value in changes.items())
    return (
        "A patch of Cloud SQL replaces all flags, so make the changes in one command: gcloud sql instances patch "
        f"YOUR_INSTANCE --database-flags=YOUR_PRESENT_FLAGS,{flags}"
    )


def undo_lines(provider: str, change: Change) -> tuple[str, ...]:
    """Return what brings the present value back, by where that value comes from."""
    name, old = change.fact.name, change.present.text
    if change.file is not None and provider in ("self-hosted", ""):
        return (_line_of_file(change, change.present.shown, undo=True),)
    if _goes_to_database(provider, change):
        if change.stored is not None:
            return (_alter_database(change.database, name, change.stored),)
        return (f"ALTER DATABASE {quote_ident(change.database)} RESET {name}",)
    if provider in ("self-hosted", "") and change.alter_system and not _from_command_line(change.present):
        if change.present.source in ("default", "file") or (
            change.present.sourcefile is not None and not change.present.sourcefile.endswith("postgresql.auto.conf")
        ):
            # The value of the file (or the default) shows again once ours is gone.
            return (f"ALTER SYSTEM RESET {name}", RELOAD)
        return (f"ALTER SYSTEM SET {name} = {quote_literal(change.present.shown)}", RELOAD)
    return _lines(provider, change, old, change.present.shown)


def _line_of_file(change: Change, shown: str, *, undo: bool = False) -> str:
    """Return what to write into a reviewed file, as a comment."""
    name = change.fact.name
    if change.present.source == "file":
        return f"-- {change.present.where}: {name} = {shown}"
    return f"-- take {name} out of {change.file} again" if undo else f"-- add to {change.file}: {name} = {shown}"


def _alter_database(database: str, name: str, shown: str) -> str:
    return f"ALTER DATABASE {quote_ident(database)} SET {name} = {quote_literal(shown)}"


def _goes_to_database(provider: str, change: Change) -> bool:
    """Whether ALTER DATABASE is the place: nothing else exists there, or a stored value hides the server's."""
    if not change.fact.per_session:
        return False
    return (
        provider == "neon"
        or change.present.source == "database"
        or (provider == "supabase" and change.fact.name not in _SUPABASE)
    )


def _from_command_line(present: Present) -> bool:
    return present.source == "command line"


def _lines(provider: str, change: Change, value: str, shown: str) -> tuple[str, ...]:
    name, waits = change.fact.name, change.fact.needs_restart
    if _goes_to_database(provider, change):
        return (_alter_database(change.database, name, shown),)
    when = "pending-reboot" if waits else "immediate"
    if provider in ("rds", "aurora"):
        if change.fact.vartype == "bool":
            value = "1" if value == "on" else "0"  # as parameter groups write switches
        return (
            "-- aws rds modify-db-parameter-group --db-parameter-group-name YOUR_GROUP --parameters "
            f'"ParameterName={name},ParameterValue={value},ApplyMethod={when}"',
            *(("-- aws rds reboot-db-instance --db-instance-identifier YOUR_INSTANCE",) if waits else ()),
        )
    if provider == "supabase":
        return (
            f"-- supabase --experimental --project-ref YOUR_PROJECT postgres-config update --config {name}={shown}",
        )
    if provider == "cloudsql":
        return (
            f"-- gcloud sql instances patch YOUR_INSTANCE --database-flags=YOUR_PRESENT_FLAGS,{name}={value}",
            "-- The patch replaces all flags: name those set now as well, which this lists:",
            "-- gcloud sql instances describe YOUR_INSTANCE --format='value(settings.databaseFlags)'",
            *(("-- It restarts the instance.",) if waits else ()),
        )
    if provider == "azure":
        return (
            "-- az postgres flexible-server parameter set --resource-group YOUR_GROUP --server-name YOUR_SERVER "
            f"--name {name} --value {value}",
            *(
                ("-- az postgres flexible-server restart --resource-group YOUR_GROUP --name YOUR_SERVER",)
                if waits
                else ()
            ),
        )
    if provider == "patroni":
        return (
            f"-- patronictl edit-config YOUR_CLUSTER --pg {name}='{shown}' --force",
            *(("-- patronictl restart YOUR_CLUSTER --pending",) if waits else ()),
        )
    if provider == "cloudnativepg":
        patch = f'{{"spec":{{"postgresql":{{"parameters":{{"{name}":"{shown}"}}}}}}}}'
        return (f"-- kubectl patch cluster YOUR_CLUSTER --type merge --patch '{patch}'",)
    if _from_command_line(change.present):
        return (
            f"-- {name} is set on the server's command line, which ALTER SYSTEM cannot override:",
            f"-- start the server with -c {name}={shown}",
        )
    if not change.alter_system:
        return (f"-- ALTER SYSTEM is switched off here; put into postgresql.conf: {name} = {shown}", RELOAD)
    return (f"ALTER SYSTEM SET {name} = {quote_literal(shown)}", RELOAD)
