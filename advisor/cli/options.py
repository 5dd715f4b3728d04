"""The options that several commands share, and what they mean to the pipeline."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class WhatIf(StrEnum):
    """Which planner answers what-if questions."""

    AUTO = "auto"
    TWIN = "twin"
    HYPOPG = "hypopg"
    NONE = "none"


class FailOn(StrEnum):
    """The severity at which exit code 1 begins."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"


class Profile(StrEnum):
    """What the server is used for."""

    WEB = "web"
    OLTP = "oltp"
    MIXED = "mixed"
    DW = "dw"


class Storage(StrEnum):
    """What the data lies on."""

    SSD = "ssd"
    NVME = "nvme"
    HDD = "hdd"
    SAN = "san"


def _option(panel: str, flags: str, help_text: str, metavar: str | None = None, **more: Any) -> Any:
    return typer.Option(*flags.split(), help=help_text, metavar=metavar, rich_help_panel=panel, **more)


_SOURCE = "Source"
_HOST = "Facts about the host"
_WHAT_IF = "What-if and search"
_OUTPUT = "Output"
_UNATTENDED = "Unattended runs"

_MAIL_HELP = "Send the report there; the server is in [mail] or PGADVISE_SMTP_*. May repeat."
_WEBHOOK_HELP = "POST a summary as JSON; env:NAME takes the URL from that variable. May repeat."
_TEXTFILE_HELP = "Metrics for node_exporter's textfile collector, also when the run fails."
_MAX_TIME_HELP = "For the whole run, e.g. 10min; what is finished by then is delivered."
_TARGETS_HELP = "Many databases from a file (TOML); -o 'DIR/{name}.html' writes each one's report."
_WORKERS_HELP = "With --targets: so many at once; else one for each core."
_SHARD_HELP = "With --targets: only this part of them, from 0 on: 0/4 … 3/4."
_DSN_HELP = "URI or keywords; else PGADVISE_DSN, DATABASE_URL, else PGHOST, PGSERVICE, .pgpass as psql has them."
_WORKLOAD_HELP = "Statements with literals or $n; '-- calls: N' before one weights it. May repeat."
_LOG_HELP = "A log of this server (stderr, csvlog, jsonlog; .gz): literals and durations. May repeat."
_SAMPLE_HELP = "Poll pg_stat_activity this long, e.g. 30s: literals and waits."
_REPLICA_HELP = "A standby of the server: its statements, scans, conflicts and lag count too. May repeat."
_SNAPSHOT_HELP = "A file made by 'pgadvise capture', instead of a server."
_PREVIOUS_HELP = "An older snapshot of the same database: the window of the report begins there."
_HISTORY_HELP = "Keep this run and say what changed since the last: a file or DSN; bare: a file in the state folder."
_KEEP_HELP = "Remove runs older than this from the history, e.g. 180d."
_DISK_HELP = "Size of the database's disk, e.g. 500GB: history says when it is full."
_CONFIG_HELP = "Configuration; else pgadvise.toml, found upward."
_CONTAINER_HELP = "Start a container, load --schema files, run --workload files, report on it."
_SCHEMA_HELP = "For --testcontainer: a file to load. May repeat."
_PROVIDER_HELP = "self-hosted, rds, aurora, neon, supabase, cloudsql, azure."
_ENDPOINTS_HELP = "Also read min/max of indexed columns: exact costs for the newest rows."
_TIME_LIMIT_HELP = "For the index search; the best found by then is reported."
_QUIET_HELP = "No progress, no notes; nothing at all when nothing is at or above --fail-on or new (--history)."
_OUTPUT_HELP = "Write here; the ending names the format, unless --format does. May repeat."
_FAIL_ON_HELP = "Exit 1 when something at or above this severity is found."

Dsn = Annotated[str | None, _option(_SOURCE, "--dsn", _DSN_HELP, "DSN")]
Replicas = Annotated[list[str] | None, _option(_SOURCE, "--replica", _REPLICA_HELP, "DSN")]
SnapshotFile = Annotated[Path | None, _option(_SOURCE, "--snapshot", _SNAPSHOT_HELP, "FILE")]
WorkloadFiles = Annotated[list[Path] | None, _option(_SOURCE, "--workload", _WORKLOAD_HELP, "FILE.sql")]
LogFiles = Annotated[list[Path] | None, _option(_SOURCE, "--log", _LOG_HELP, "FILE")]
Sample = Annotated[str | None, _option(_SOURCE, "--sample", _SAMPLE_HELP, "DURATION")]
Previous = Annotated[Path | None, _option(_SOURCE, "--previous", _PREVIOUS_HELP, "FILE")]
History = Annotated[str | None, _option(_SOURCE, "--history", _HISTORY_HELP, "[PATH|DSN]")]
Keep = Annotated[str | None, _option(_SOURCE, "--keep", _KEEP_HELP, "DURATION")]
PolicyFile = Annotated[Path | None, _option(_SOURCE, "--policy", "Retention policy (TOML).", "FILE")]
ConfigFile = Annotated[Path | None, _option(_SOURCE, "--config", _CONFIG_HELP, "FILE")]
TestContainer = Annotated[str | None, _option(_SOURCE, "--testcontainer", _CONTAINER_HELP, "IMAGE")]
SchemaFiles = Annotated[list[Path] | None, _option(_SOURCE, "--schema", _SCHEMA_HELP, "FILE.sql")]

Ram = Annotated[str | None, _option(_HOST, "--ram", "Memory of the server, e.g. 8GB.", "SIZE")]
RamShare = Annotated[str | None, _option(_HOST, "--ram-share", "PostgreSQL's part of it, e.g. 50%.", "PERCENT")]
WalDisk = Annotated[str | None, _option(_HOST, "--wal-disk-free", "Free space for WAL, e.g. 20GB.", "SIZE")]
Cores = Annotated[str | None, _option(_HOST, "--cores", "CPU cores of the server.", "N")]
StorageOption = Annotated[Storage | None, _option(_HOST, "--storage", "What the data lies on.")]
ProfileOption = Annotated[Profile | None, _option(_HOST, "--profile", "What the server is used for.")]
Users = Annotated[str | None, _option(_HOST, "--users", "Users the application serves.", "N")]
Disk = Annotated[str | None, _option(_HOST, "--disk", _DISK_HELP, "SIZE")]
Provider = Annotated[str | None, _option(_HOST, "--provider", _PROVIDER_HELP, "NAME")]

WhatIfOption = Annotated[WhatIf, _option(_WHAT_IF, "--what-if", "Planner for what-if questions.")]
TwinDsn = Annotated[str | None, _option(_WHAT_IF, "--twin-dsn", "A PostgreSQL for the twin, as superuser.", "DSN")]
TwinImage = Annotated[str | None, _option(_WHAT_IF, "--twin-image", "A container image for the twin.", "IMAGE")]
TwinMajor = Annotated[int | None, _option(_WHAT_IF, "--twin-major", "Plan on this major instead of the server's.", "N")]
Endpoints = Annotated[bool, _option(_WHAT_IF, "--endpoints", _ENDPOINTS_HELP)]
Budget = Annotated[str | None, _option(_WHAT_IF, "--budget", "Sum of the new indexes' sizes, e.g. 2GB.", "SIZE")]
MaxIndexes = Annotated[int | None, _option(_WHAT_IF, "--max-indexes", "At most this many new indexes.", "N", min=0)]
MaxWidth = Annotated[int, _option(_WHAT_IF, "--max-width", "Key columns per index.", "N", min=1, max=8)]
TimeLimit = Annotated[str | None, _option(_WHAT_IF, "--time-limit", _TIME_LIMIT_HELP, "DURATION")]

Targets = Annotated[Path | None, _option(_SOURCE, "--targets", _TARGETS_HELP, "FILE")]
Workers = Annotated[int | None, _option(_UNATTENDED, "--workers", _WORKERS_HELP, "N", min=1, max=256)]
ShardOption = Annotated[str | None, _option(_UNATTENDED, "--shard", _SHARD_HELP, "I/N")]
MailTo = Annotated[list[str] | None, _option(_UNATTENDED, "--mail-to", _MAIL_HELP, "ADDRESS")]
WebhookUrls = Annotated[list[str] | None, _option(_UNATTENDED, "--webhook", _WEBHOOK_HELP, "URL")]
Textfile = Annotated[Path | None, _option(_UNATTENDED, "--textfile", _TEXTFILE_HELP, "FILE.prom")]
MaxTime = Annotated[str | None, _option(_UNATTENDED, "--max-time", _MAX_TIME_HELP, "DURATION")]

Format = Annotated[str | None, _option(_OUTPUT, "--format -f", "Of the output; else by the file's ending.", "FORMAT")]
Outputs = Annotated[list[Path] | None, _option(_OUTPUT, "-o --output", _OUTPUT_HELP, "FILE")]
Redact = Annotated[bool, _option(_OUTPUT, "--redact", "No literals and no column values in the output.")]
Quiet = Annotated[
    bool,
    _option(
        _OUTPUT,
        "--quiet -q",
        _QUIET_HELP,
    ),
]
NoColor = Annotated[bool, _option(_OUTPUT, "--no-color", "No colours (NO_COLOR is honoured too).")]
FailOnOption = Annotated[FailOn, _option(_OUTPUT, "--fail-on", _FAIL_ON_HELP)]
