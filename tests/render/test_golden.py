"""Golden files: what a person sees changes only on purpose, and the published schema is the one in the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from advisor.render.schema_page import schema_page
from tests.render.regenerate import ROOT, golden_files

FILES = golden_files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_golden_file_is_up_to_date(path: Path) -> None:
    assert path.is_file(), "run: python -m tests.render.regenerate"
    assert path.read_bytes().decode() == FILES[path], "run: python -m tests.render.regenerate, then review"


def test_links_of_the_schema_page_lead_to_its_headings() -> None:
    page = schema_page()
    headings = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", page, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]+)\)", page)
    assert links
    assert set(links) <= headings
    for path in re.findall(r"\]\((schema/[^)]+)\)", page):
        assert (ROOT / "docs" / path).is_file()
