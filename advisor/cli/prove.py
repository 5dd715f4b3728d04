"""`pgadvise prove`: build the proposed indexes on a server that may be thrown away, and run the workload for real."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import find_config
from advisor.cli.console import check_format, format_of, note, print_text, show_progress, write_file
from advisor.cli.flags import report_options, source_from
from advisor.errors import UsageError
from advisor.pipeline import open_source
from advisor.proof import ProofOptions, advise_workload, open_disposable, open_generated, prove, reread
from advisor.render.proof import PROOF_FORMATS, render_proof
from advisor.units import parse_duration

_DISPOSABLE = "A copy that may be thrown away: indexes are built there and the workload is run. Never production."
_GENERATE = "Without a copy: on a private server, with rows made from production's statistics."
_ROWS = "With --generate: rows to make in all, about; larger tables get the same share of theirs."


@app.command("prove")
def prove_command(
    disposable: Annotated[str | None, typer.Option("--disposable", metavar="DSN", help=_DISPOSABLE)] = None,
    generate: Annotated[bool, typer.Option("--generate", help=_GENERATE)] = False,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=1000, help=_ROWS)] = 1_000_000,
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    workload: opt.WorkloadFiles = None,
    log: opt.LogFiles = None,
    config: opt.ConfigFile = None,
    what_if: opt.WhatIfOption = opt.WhatIf.AUTO,
    twin_dsn: opt.TwinDsn = None,
    twin_image: opt.TwinImage = None,
    budget: opt.Budget = None,
    max_indexes: opt.MaxIndexes = None,
    max_width: opt.MaxWidth = 4,
    time_limit: opt.TimeLimit = None,
    rounds: Annotated[int, typer.Option("--rounds", metavar="N", min=1, max=100, help="Runs per set of values.")] = 3,
    statement_limit: Annotated[
        str, typer.Option("--statement-limit", metavar="DURATION", help="A statement that takes longer is left out.")
    ] = "30s",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the indexes that helped in place.")] = False,
    format: opt.Format = None,
    output: opt.Outputs = None,
    quiet: opt.Quiet = False,
) -> None:
    """Prove index advice: real times before and after, on a disposable copy; what did not help is dropped."""
    flags = dict(locals())
    name = check_format(format or "text", PROOF_FORMATS)
    if (disposable is None) != generate or (generate and keep):
        raise UsageError(
            "A proof runs on a copy or on generated rows.",
            "Give --disposable DSN, or --generate (without --keep: its server is gone afterwards).",
        )
    settings = find_config(Path.cwd(), config)
    source = source_from(flags, settings)
    options = report_options(flags, settings, ("index",))
    seconds = parse_duration(statement_limit)
    examined = None if source.snapshot is not None else (source.dsn or "")
    how = ProofOptions(rounds=rounds, keep=keep)
    with show_progress(quiet) as progress, ExitStack() as stack:
        target = None if disposable is None else stack.enter_context(open_disposable(disposable, examined, seconds))
        facts, connection = stack.enter_context(open_source(source, None, progress))
        statements, advice = advise_workload(facts, options.what_if, options.search, connection, progress)
        if target is not None:
            report = prove(target, facts, statements, advice, how, progress)
        else:
            used = {relation for statement in statements.statements for relation in statement.relations}
            made = stack.enter_context(open_generated(facts, used, rows, seconds, progress))
            again = reread(made.snapshot, statements, made.connection, progress)
            report = prove(made.connection, made.snapshot, again, advice, how, progress, made.notes, generated=True)
    for path in output or []:
        write_file(path, render_proof(report, format_of(path, PROOF_FORMATS, format)))
        note(f"wrote {path}", quiet)
    if not output:
        print_text(render_proof(report, name))
    raise typer.Exit(0)
