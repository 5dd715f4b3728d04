"""The server as it was found: version, settings, extensions, counters, host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One database of one server, from sql/server.sql."""

    version_num: int  # 150018
    version: str  # "15.18 (Debian 15.18-0+deb12u1)"
    database: str
    user: str
    is_superuser: bool
    in_recovery: bool  # a hot standby
    started_at: datetime | None
    collected_at: datetime
    encoding: str
    lc_collate: str
    lc_ctype: str
    locale_provider: str = "c"  # c libc, i ICU, b builtin (pg_database.datlocprovider; 15 on)
    icu_locale: str | None = None  # daticulocale (15, 16) or datlocale (17 on)
    system_identifier: str | None = None  # pg_control_system(); None without the privilege
    config_loaded_at: datetime | None = None  # when the settings' files were read last
    timeline: int | None = None  # that a primary writes; None on a standby, and where it is not told
    database_size_bytes: int | None = None
    datfrozenxid_age: int | None = None
    datminmxid_age: int | None = None
    block_size: int = 8192
    provider: str = "self-hosted"  # self-hosted rds aurora neon supabase cloudsql azure …
    provider_signals: tuple[str, ...] = ()  # what it was recognised by
    memberships: tuple[str, ...] = ()  # pg_monitor, pg_read_all_data, … that the role has

    @property
    def major(self) -> int:
        return self.version_num // 10000


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of pg_settings, from sql/settings.sql. Values are in `unit`."""

    name: str
    setting: str | None
    unit: str | None
    category: str
    context: str  # internal postmaster sighup superuser-backend backend superuser user
    vartype: str
    source: str  # default, configuration file, database, user, …
    min_val: str | None = None
    max_val: str | None = None
    enumvals: tuple[str, ...] | None = None
    boot_val: str | None = None
    reset_val: str | None = None
    sourcefile: str | None = None
    sourceline: int | None = None
    pending_restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSetting:
    """One item of pg_db_role_setting: ALTER ROLE / ALTER DATABASE … SET."""

    database: str | None
    role: str | None
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension: installed here (`version` set) or only available on the server."""

    name: str
    version: str | None
    schema: str | None
    default_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role, as far as the twin and the health rules need it."""

    name: str
    superuser: bool
    can_login: bool
    bypass_rls: bool
    connection_limit: int = -1
    create_role: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCounters:
    """pg_stat_database of this database; None where the version has no such column. Times in ms."""

    stats_reset: datetime | None
    numbackends: int
    xact_commit: int
    xact_rollback: int
    blks_read: int
    blks_hit: int
    tup_returned: int
    tup_fetched: int
    tup_inserted: int
    tup_updated: int
    tup_deleted: int
    temp_files: int
    temp_bytes: int
    deadlocks: int
    conflicts: int
    blk_read_time: float
    blk_write_time: float
    checksum_failures: int | None = None
    session_time: float | None = None  # 14 on
    active_time: float | None = None
    idle_in_transaction_time: float | None = None
    sessions: int | None = None
    sessions_abandoned: int | None = None
    sessions_fatal: int | None = None
    sessions_killed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCounters:
    """Checkpoints, background writer, WAL and archiver of the whole server. Times in ms."""

    checkpoints_timed: int | None = None
    checkpoints_req: int | None = None
    checkpoint_write_time: float | None = None
    checkpoint_sync_time: float | None = None
    buffers_checkpoint: int | None = None
    buffers_clean: int | None = None
    maxwritten_clean: int | None = None
    buffers_backend: int | None = None  # up to 16 pg_stat_bgwriter; from 17 pg_stat_io client backends
    buffers_backend_fsync: int | None = None
    buffers_alloc: int | None = None
    bgwriter_stats_reset: datetime | None = None
    wal_records: int | None = None  # pg_stat_wal, 14 on
    wal_fpi: int | None = None
    wal_bytes: int | None = None
    wal_buffers_full: int | None = None
    wal_stats_reset: datetime | None = None
    current_wal_lsn: int | None = None  # bytes since 0/0
    archived_count: int | None = None
    archive_failed_count: int | None = None
    last_archived_time: datetime | None = None
    last_failed_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What is known of the machine under the server; every value says where it is from, None means unknown."""

    ram_bytes: int | None = None
    ram_source: str | None = None  # "--ram", "cgroup v2", "/proc/meminfo", "provider formula", …
    cores: float | None = None
    cores_source: str | None = None
    storage: str | None = None  # ssd nvme hdd san
    storage_source: str | None = None
    local: bool = False  # the server runs on this machine
