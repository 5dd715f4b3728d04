"""The options that several commands share, and what they mean to the pipeline."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_SOURCE = "Source"
_HOST = "Facts about the host"
_WHAT_IF = "What-if and search"
_OUTPUT = "Output"


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


Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        metavar="DSN",
        help="URI or keywords; else PGADVISE_DSN, DATABASE_URL, else PGHOST, PGSERVICE, .pgpass as psql has them.",
        rich_help_panel=_SOURCE,
    ),
]
SnapshotFile = Annotated[
    Path | None,
    typer.Option(
        "--snapshot",
        metavar="FILE",
        help="A file made by 'pgadvise capture', instead of a server.",
        rich_help_panel=_SOURCE,
    ),
]
WorkloadFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--workload",
        metavar="FILE.sql",
        help="Statements with literals or $n; '-- calls: N' before one weights it. May repeat.",
        rich_help_panel=_SOURCE,
    ),
]
Sample = Annotated[
    str | None,
    typer.Option(
        "--sample",
        metavar="DURATION",
        help="Poll pg_stat_activity this long, e.g. 30s: literals and waits.",
        rich_help_panel=_SOURCE,
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Retention policy (TOML).", rich_help_panel=_SOURCE),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Configuration; else pgadvise.toml, found upward.", rich_help_panel=_SOURCE
    ),
]
TestContainer = Annotated[
    str | None,
    typer.Option(
        "--testcontainer",
        metavar="IMAGE",
        help="Start a container, load --schema files, run --workload files, report on it.",
        rich_help_panel=_SOURCE,
    ),
]
SchemaFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--schema", metavar="FILE.sql", help="For --testcontainer: files to load. May repeat.", rich_help_panel=_SOURCE
    ),
]
Ram = Annotated[
    str | None, typer.Option("--ram", metavar="SIZE", help="Memory of the server, e.g. 8GB.", rich_help_panel=_HOST)
]
Cores = Annotated[
    str | None, typer.Option("--cores", metavar="N", help="CPU cores of the server.", rich_help_panel=_HOST)
]
StorageOption = Annotated[
    Storage | None, typer.Option("--storage", help="What the data lies on.", rich_help_panel=_HOST)
]
ProfileOption = Annotated[
    Profile | None, typer.Option("--profile", help="What the server is used for.", rich_help_panel=_HOST)
]
Users = Annotated[
    str | None, typer.Option("--users", metavar="N", help="Users the application serves.", rich_help_panel=_HOST)
]
Provider = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help="self-hosted, rds, aurora, neon, supabase, cloudsql, azure.",
        rich_help_panel=_HOST,
    ),
]
WhatIfOption = Annotated[
    WhatIf, typer.Option("--what-if", help="Planner for what-if questions.", rich_help_panel=_WHAT_IF)
]
TwinDsn = Annotated[
    str | None,
    typer.Option(
        "--twin-dsn",
        metavar="DSN",
        help="An empty PostgreSQL to use as the twin (as superuser).",
        rich_help_panel=_WHAT_IF,
    ),
]
TwinImage = Annotated[
    str | None,
    typer.Option("--twin-image", metavar="IMAGE", help="A container image for the twin.", rich_help_panel=_WHAT_IF),
]
TwinMajor = Annotated[
    int | None,
    typer.Option(
        "--twin-major",
        metavar="N",
        help="Plan on this major version instead of the server's own.",
        rich_help_panel=_WHAT_IF,
    ),
]
Endpoints = Annotated[
    bool,
    typer.Option(
        "--endpoints",
        help="Also read min/max of indexed columns: exact costs for newest rows.",
        rich_help_panel=_WHAT_IF,
    ),
]
Budget = Annotated[
    str | None,
    typer.Option("--budget", metavar="SIZE", help="Sum of the new indexes' sizes, e.g. 2GB.", rich_help_panel=_WHAT_IF),
]
MaxIndexes = Annotated[
    int | None,
    typer.Option("--max-indexes", metavar="N", min=0, help="At most this many new indexes.", rich_help_panel=_WHAT_IF),
]
MaxWidth = Annotated[
    int, typer.Option("--max-width", metavar="N", min=1, max=8, help="Key columns per index.", rich_help_panel=_WHAT_IF)
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="DURATION",
        help="For the index search; the best found by then is reported.",
        rich_help_panel=_WHAT_IF,
    ),
]
Format = Annotated[
    str | None,
    typer.Option("--format", "-f", metavar="FORMAT", help="Of the standard output.", rich_help_panel=_OUTPUT),
]
Outputs = Annotated[
    list[Path] | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write here; the ending names the format. May repeat.",
        rich_help_panel=_OUTPUT,
    ),
]
Redact = Annotated[
    bool, typer.Option("--redact", help="No literals and no column values in the output.", rich_help_panel=_OUTPUT)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.", rich_help_panel=_OUTPUT)]
NoColor = Annotated[
    bool, typer.Option("--no-color", help="No colours (NO_COLOR is honoured too).", rich_help_panel=_OUTPUT)
]
FailOnOption = Annotated[
    FailOn,
    typer.Option(
        "--fail-on", help="Exit 1 when something at or above this severity is found.", rich_help_panel=_OUTPUT
    ),
]
