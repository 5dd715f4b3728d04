"""Every step as one line of a table, for spreadsheets."""

from __future__ import annotations

import csv
import io

from advisor.model.report import Report
from advisor.render.clean import visible
from advisor.render.order import items

COLUMNS = (
    "key", "rule", "subject", "severity", "confidence", "object", "title", "why", "wins", "costs", "share", "sql",
    "undo_sql",
)  # fmt: skip
# A cell that begins so is run as a formula by spreadsheet programs.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_csv(report: Report) -> str:
    """Return RFC 4180 CSV with a header line, in the order of the steps."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for item in items(report):
        writer.writerow(
            _cell(text)
            for text in (
                item.key,
                item.rule,
                item.subject,
                item.severity.value,
                item.confidence,
                item.object,
                item.title,
                item.why,
                item.win,
                item.costs,
                f"{item.share:.4f}",
                ";\n".join(item.sql),
                ";\n".join(item.undo_sql),
            )
        )
    return out.getvalue()


def _cell(text: str) -> str:
    shown = visible(text)
    return "'" + shown if shown.startswith(_FORMULA) else shown
