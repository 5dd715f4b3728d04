"""Server logs as a source of the workload: statements with their durations and, above all, with their values.

stderr, csvlog and jsonlog; log_min_duration_statement, log_statement, log_duration and auto_explain; the simple and
the extended protocol. A log is read line by line, so that its size does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from advisor.model.activity import ScanRows, WorkloadText
from advisor.model.snapshot import Gap
from advisor.workload.logs.executions import Executions, Passed
from advisor.workload.logs.formats import records_of
from advisor.workload.logs.lines import open_lines
from advisor.workload.logs.records import Lines
from advisor.workload.logs.sample import Sampler

_HEAD_LINES = 300
_MANY = 0.2  # of the lines


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReading:
    """A log's statements, weighted, and what became of its lines."""

    texts: tuple[WorkloadText, ...]
    name: str
    lines: Lines
    statements: int  # executions counted
    parameter_sets: int  # of them, how many came with values beside the text
    cut_values: int  # values the server shortened; they are not used
    passed: Passed
    left_out: int  # executions of kinds beyond what can be kept
    scans: tuple[ScanRows, ...] = ()  # that found far more rows than the planner expected

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What the log could not give, and how it can."""
        return tuple(_gaps(self))


def read_log_file(path: Path, *, log_line_prefix: str | None, database: str | None = None) -> LogReading:
    """Return the statements in a server log, plain or gzipped.

    `log_line_prefix` is the server's setting, None where it is not known. Where the log names databases only the
    statements of `database` count. Statements that failed, and pgadvise's own, are left out. Raises UsageError for a
    file that cannot be read or is no text.
    """
    counts, sampler, executions = Lines(), Sampler(), Executions(database)
    statements = parameter_sets = cut = 0
    with open_lines(path) as lines:
        head = list(islice(lines, _HEAD_LINES))
        records = records_of(head, chain(head, lines), log_line_prefix, counts)
        for execution in chain(chain.from_iterable(map(executions.take, records)), executions.rest()):
            statements += execution.calls > 0
            parameter_sets += bool(execution.parameters)
            cut += execution.cut
            sampler.add(execution)
    return LogReading(
        texts=tuple(sampler.texts(path.name)),
        name=path.name,
        lines=counts,
        statements=statements,
        parameter_sets=parameter_sets,
        cut_values=cut,
        passed=executions.passed,
        left_out=sampler.left_out,
        scans=executions.scans.found,
    )


def _gaps(found: LogReading) -> Iterator[Gap]:
    lines = found.lines
    what = f"log {found.name}"
    if not found.statements:
        yield _nothing(found, what)
    elif lines.not_understood > _MANY * lines.read:
        yield Gap(
            what=what,
            why=f"{lines.not_understood} of its {lines.read} lines do not begin as log_line_prefix says",
            fix="give a log written under the server's present log_line_prefix, or a csvlog or jsonlog",
            costs="the statements on these lines",
        )
    if found.cut_values:
        yield Gap(
            what=what,
            why=f"{found.cut_values} parameter values are cut at log_parameter_max_length",
            fix="set log_parameter_max_length = -1",
            costs="these values are taken from the statistics instead",
        )
    if found.left_out:
        yield Gap(
            what=what,
            why=f"{found.left_out} executions are of rare kinds of statements beyond what is kept in memory",
            fix="give a log of a shorter time",
            costs="these statements",
        )


def _nothing(found: LogReading, what: str) -> Gap:
    lines, others = found.lines, found.passed.other_databases
    if not lines.read:
        why, fix = "the file is empty", "give a log that covers some of the application's work"
    elif lines.translated:
        why = "its messages are in another language than English, which is not supported"
        fix = "set lc_messages = 'C' and log again"
    elif others:
        why, fix = f"its {others} statements are all of other databases", "give a log of this database's server"
    elif lines.not_understood > (1 - _MANY) * lines.read:
        why = "its lines do not look like a log of PostgreSQL"
        fix = "give a stderr, csvlog or jsonlog file of log_directory"
    else:
        why = f"none of its {lines.read} lines reports a statement"
        fix = "set log_min_duration_statement = 100 (ms), or 0 for a short while"
    return Gap(what=what, why=why, fix=fix, costs="the literal values a log would have given")


__all__ = ["LogReading", "read_log_file"]
