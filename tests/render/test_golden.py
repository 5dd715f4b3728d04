"""Golden files: what a person sees changes only on purpose, and the published schema is the one in the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.render.regenerate import ROOT, golden_files

FILES = golden_files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_golden_file_is_up_to_date(path: Path) -> None:
    assert path.is_file(), "run: python -m tests.render.regenerate"
    assert path.read_bytes().decode() == FILES[path], "run: python -m tests.render.regenerate, then review"
