"""The proof of index advice, as text and JSON."""

from __future__ import annotations

from advisor.model.proof import IndexProof, ProofReport, StatementProof
from advisor.render.clean import one_line
from advisor.render.plain import FORMATS, text_or_json
from advisor.units import format_size

PROOF_FORMATS = FORMATS
_SHOWN = 12


def render_proof(report: ProofReport, format: str) -> str:
    """Return the proof in `format`. Raises UsageError for a format that does not exist."""
    return text_or_json(report, format, _lines)


def _lines(report: ProofReport) -> list[str]:
    good = [index for index in report.indexes if index.helped]
    where = "A private server with made rows" if report.generated else one_line(report.database)
    lines = [
        f"{where}, PostgreSQL {one_line(report.version)}: {len(report.statements)} statements run "
        f"with and without {len(report.indexes)} proposed indexes.",
        f"The workload took {report.seconds_before:.3f} s before and {report.seconds_after:.3f} s with the "
        f"{len(good)} that helped.",
    ]
    for note in report.notes:
        lines.append(f"note: {one_line(note)}")
    for title, indexes in (("HELPED", good), ("DID NOT HELP", [i for i in report.indexes if not i.helped])):
        if indexes:
            lines += ["", title]
        for index in sorted(indexes, key=lambda i: i.seconds_after - i.seconds_before):
            lines += _index(index, compare=not report.generated)
    faster = sorted(report.statements, key=lambda s: (s.after_ms - s.before_ms) * s.calls)
    lines += ["", "STATEMENTS (ms per call before -> after, calls)"]
    for statement in faster[:_SHOWN]:
        if statement.after_ms < statement.before_ms:
            lines.append(_statement(statement))
    slower = [statement for statement in reversed(faster) if statement.slower]
    if slower:
        lines += ["", "SLOWER WITH THEM"]
        lines += [_statement(statement) for statement in slower[:_SHOWN]]
    if report.not_run:
        lines += ["", f"NOT RUN ({len(report.not_run)})"]
        for query, why in report.not_run[:_SHOWN]:
            lines += [f"  {one_line(query, 100)}", f"    {one_line(why, 200)}"]
    end = "The indexes that helped were left there." if report.kept else "All of them were dropped again."
    lines += ["", "The private server is gone." if report.generated else end]
    return lines


def _index(index: IndexProof, *, compare: bool) -> list[str]:
    lines = [f"  {one_line(index.ddl.partition(';')[0], 400)}", f"    {one_line(index.reason, 300)}"]
    if index.real_bytes is not None and index.build_seconds is not None:
        # With fewer rows than production has, its size is no measure.
        expected = f" ({format_size(index.estimated_bytes)} was expected)" if compare else ""
        lines.append(f"    {format_size(index.real_bytes)}{expected}, built in {index.build_seconds:.1f} s")
    return lines


def _statement(statement: StatementProof) -> str:
    return (
        f"  {statement.before_ms:10.3f} -> {statement.after_ms:8.3f}  {statement.calls:8.0f}  "
        f"{one_line(statement.query, 90)}"
    )
