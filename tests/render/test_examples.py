"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["clean", "phrases", "sqltext"])
def test_docstring_examples(name: str) -> None:
    failed, tried = doctest.testmod(import_module(f"advisor.render.{name}"))
    assert tried > 0
    assert failed == 0
