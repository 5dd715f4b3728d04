"""Writes the golden files and the published schema anew: `python -m tests.render.regenerate`. Review the difference."""

from __future__ import annotations

from pathlib import Path

from advisor.render import render
from advisor.render.schema_page import schema_page, schema_text
from tests.render.samples import SAMPLES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GOLDEN = HERE / "golden"
# Format and the ending of its files; HTML and the machine formats are tested by what they must hold instead.
FORMATS = {"text": "txt", "markdown": "md", "json": "json", "sql": "sql", "csv": "csv", "prometheus": "prom"}
DOCS = {"docs/schema/report-v1.json": schema_text, "docs/json.md": schema_page}


def golden_files() -> dict[Path, str]:
    """Return the text that every golden file must have, by path."""
    files = {ROOT / name: make() for name, make in DOCS.items()}
    for sample in ("rich", "changed", "healthy", "empty"):
        for format, ending in FORMATS.items():
            files[GOLDEN / f"{sample}.{ending}"] = render(SAMPLES[sample](), format, color=False, width=80)
    files[GOLDEN / "hostile.txt"] = render(SAMPLES["hostile"](), "text", color=False, width=80)
    return files


if __name__ == "__main__":
    for path, text in golden_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
