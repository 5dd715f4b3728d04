"""`pgadvise upgrade`: the workload on the next major, before anybody upgrades."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import find_config
from advisor.cli.console import check_format, format_of, note, print_text, show_progress, write_file
from advisor.cli.flags import source_from
from advisor.pipeline import open_source
from advisor.render.upgrade import UPGRADE_FORMATS, render_upgrade
from advisor.upgrade import rehearse_upgrade
from advisor.whatif import WhatIfOptions


@app.command()
def upgrade(
    to: Annotated[int, typer.Option("--to", metavar="N", min=14, max=18, help="The major to upgrade to.")],
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    workload: opt.WorkloadFiles = None,
    twin_image: opt.TwinImage = None,
    config: opt.ConfigFile = None,
    format: opt.Format = None,
    output: opt.Outputs = None,
    quiet: opt.Quiet = False,
    fail_on_worse: Annotated[
        bool, typer.Option("--fail-on-worse", help="Exit 1 when a statement gets dearer or is refused.")
    ] = False,
) -> None:
    """Plan the workload on the next major: what gets better and worse, and which settings and features change."""
    name = check_format(format or "text", UPGRADE_FORMATS)
    settings = find_config(Path.cwd(), config)
    source = source_from({"dsn": dsn, "snapshot": snapshot, "workload": workload}, settings)
    with show_progress(quiet) as progress, open_source(source, None, progress) as (facts, _):
        report = rehearse_upgrade(facts, to, WhatIfOptions(twin_image=twin_image), progress)
    for path in output or []:
        write_file(path, render_upgrade(report, format_of(path, UPGRADE_FORMATS, format)))
        note(f"wrote {path}", quiet)
    if not output:
        print_text(render_upgrade(report, name))
    raise typer.Exit(int(fail_on_worse and bool(report.worse or report.failed)))
