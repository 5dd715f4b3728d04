"""The smaller commands: capture, doctor, grants, rules, explain, init, schema, demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as opt
from advisor.cli.app import app
from advisor.cli.config import find_config
from advisor.cli.console import check_format, note, print_text, show_progress, terminal_width, wants_color
from advisor.cli.demo import run_demo
from advisor.cli.flags import policy_from, report_options, source_from
from advisor.collect.doctor import examine, grants_sql
from advisor.connect import open_connection
from advisor.errors import UsageError
from advisor.gate import load_migration_rules
from advisor.model.lookup import Catalog
from advisor.model.redaction import redact as redact_snapshot
from advisor.model.snapshot import write_snapshot
from advisor.pipeline import SUBJECTS, make_report, open_source
from advisor.pipeline import capture as take_snapshot
from advisor.render import json_schema
from advisor.render.doctor import render_doctor
from advisor.render.explanation import render_explanation
from advisor.retention import draft_policy, policy_schema
from advisor.rulebook import find_rule, load_rules


@app.command()
def capture(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The snapshot file to write.")],
    dsn: opt.Dsn = None,
    replica: opt.Replicas = None,
    workload: opt.WorkloadFiles = None,
    log: opt.LogFiles = None,
    sample: opt.Sample = None,
    policy: opt.PolicyFile = None,
    config: opt.ConfigFile = None,
    provider: opt.Provider = None,
    redact: opt.Redact = False,
    quiet: opt.Quiet = False,
) -> None:
    """Read a server once into a file; every other command takes it with --snapshot instead of a server.

    The file holds statement texts and column statistics (sample values) and is readable by you alone; --redact
    leaves the values out.
    """
    flags = dict(locals())
    settings = find_config(Path.cwd(), config)
    with show_progress(quiet) as progress:
        snapshot = take_snapshot(source_from(flags, settings), policy_from(flags, settings), progress)
    if redact:
        snapshot = redact_snapshot(snapshot)
    try:
        write_snapshot(snapshot, output)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}.") from error
    note(
        f"wrote {output}: {len(snapshot.tables)} tables, {len(snapshot.statements)} statements, "
        f"{len(snapshot.gaps)} gaps",
        quiet,
    )
    for gap in snapshot.gaps:
        note(f"  gap: {gap.what}: {gap.why}", quiet)


@app.command()
def doctor(
    dsn: opt.Dsn = None,
    config: opt.ConfigFile = None,
    format: opt.Format = None,
    no_color: opt.NoColor = False,
) -> None:
    """What works with this connection and role, and what each missing grant costs the report."""
    name = check_format(format or "text", ("text", "json"))
    source = source_from({"dsn": dsn}, find_config(Path.cwd(), config))
    with open_connection(source.dsn) as connection:
        found = examine(connection)
    print_text(render_doctor(found, name, color=wants_color(no_color), width=terminal_width()))


@app.command()
def grants(
    dsn: opt.Dsn = None,
    role: Annotated[str, typer.Option("--role", metavar="NAME", help="The role to create.")] = "pgadvise",
    verify: Annotated[bool, typer.Option("--verify", help="Probe the present role instead of printing.")] = False,
    config: opt.ConfigFile = None,
    no_color: opt.NoColor = False,
) -> None:
    """The least privileges pgadvise needs, as SQL for a superuser to run; --verify probes them."""
    source = source_from({"dsn": dsn}, find_config(Path.cwd(), config))
    with open_connection(source.dsn) as connection:
        if verify:
            found = examine(connection)
            print_text(render_doctor(found, "text", color=wants_color(no_color), width=terminal_width()))
            raise typer.Exit(int(any(check.status == "missing" for check in found.checks)))
        schemas = [
            row[0]
            for row in connection.execute(
                "select nspname from pg_catalog.pg_namespace"
                " where nspname not like 'pg\\_%' and nspname <> 'information_schema' order by nspname"
            ).fetchall()
        ]
        statements = grants_sql(role, connection.info.dbname, tuple(schemas), connection.info.server_version // 10000)
    print_text("\n".join(statements) + "\n")


@app.command()
def rules(
    rule: Annotated[str | None, typer.Argument(metavar="[ID]", help="Show this rule's documentation.")] = None,
    format: opt.Format = None,
) -> None:
    """The rules, their parameters and their documentation."""
    name = check_format(format or "text", ("text", "json"))
    known = load_rules()
    migrations = [found for found in load_migration_rules() if rule in (None, found.name, found.id)]
    chosen = list(known) if rule is None else [] if migrations else [find_rule(known, rule)]
    if name == "json":
        rows = [found.describe() for found in chosen]
        rows += [found.describe() for found in migrations]
        print_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    elif rule is not None:
        text = chosen[0].readme if chosen else migrations[0].readme
        print_text(text.rstrip() + "\n")
    else:
        lines = [(found.id, found.severity, found.title) for found in chosen]
        lines += [(found.id, found.severity, found.title) for found in migrations]
        width = max(len(name) for name, _, _ in lines)
        for name, severity, title in lines:
            print_text(f"{name:<{width}}  {severity!s:<8}  {title}\n")


@app.command()
def explain(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A finding's key, or a part of it that fits only one.")],
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    policy: opt.PolicyFile = None,
    config: opt.ConfigFile = None,
    ram: opt.Ram = None,
    cores: opt.Cores = None,
    storage: opt.StorageOption = None,
    quiet: opt.Quiet = False,
) -> None:
    """One finding in full, with this database's own numbers."""
    flags = dict(locals()) | {"what_if": "auto", "max_width": 4}
    settings = find_config(Path.cwd(), config)
    options = report_options(flags, settings, SUBJECTS)
    with (
        show_progress(quiet) as progress,
        open_source(source_from(flags, settings), options.policy, progress) as (facts, connection),
    ):
        report = make_report(facts, options, connection, progress)
    rule = key.partition(":")[0]
    known = {found.id: found for found in load_rules()}
    print_text(render_explanation(report, key, known[rule].readme if rule in known else None))


@app.command()
def init(
    dsn: opt.Dsn = None,
    snapshot: opt.SnapshotFile = None,
    config: opt.ConfigFile = None,
    quiet: opt.Quiet = False,
) -> None:
    """A commented pgadvise.toml with a retention policy drafted from the database; print, look, save."""
    settings = find_config(Path.cwd(), config)
    source = source_from({"dsn": dsn, "snapshot": snapshot}, settings)
    with show_progress(quiet) as progress, open_source(source, None, progress) as (facts, _):
        draft = draft_policy(facts, Catalog(facts))
    print_text(_CONFIGURATION + "\n".join(_as_section(line) for line in draft.splitlines()) + "\n")


# What a policy file has at its top level stands below [retention] in pgadvise.toml.
_CONFIGURATION = """\
# pgadvise.toml: found upward from the working directory. Every key is optional; passwords do not belong here.

# ram = "16GB"            # of the server, where it cannot be seen
# cores = 4
# storage = "ssd"         # ssd nvme hdd san
# profile = "web"         # web oltp mixed dw
# fail_on = "high"        # exit code 1 from this severity on

# [rules."tables/dead_rows"]
# factor = 3

# [[ignore]]
# finding = "tables/no_primary_key:public.audit_log"
# reason = "append only"
# expires = "2027-06-30"

[retention]
"""


def _as_section(line: str) -> str:
    """Return a line of a policy file as it stands inside the section [retention]."""
    for prefix in ("# [[", "[[", "# [", "["):
        if line.startswith(prefix):
            return prefix + "retention." + line[len(prefix) :]
    return line


@app.command()
def schema(
    policy: Annotated[bool, typer.Option("--policy", help="Of a retention policy file instead.")] = False,
) -> None:
    """The JSON Schema of 'report --format json', or of a retention policy."""
    found = policy_schema() if policy else json_schema()
    print_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


@app.command()
def demo(
    application: Annotated[str, typer.Argument(help="The example application.")] = "school",
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.html", help="Where the HTML report goes.")
    ] = Path("pgadvise-demo.html"),
    quiet: opt.Quiet = False,
    no_color: opt.NoColor = False,
) -> None:
    """The report on an embedded server with an example application: no server of yours is touched."""
    run_demo(application, output, quiet=quiet, no_color=no_color)
