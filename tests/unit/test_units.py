"""Sizes and durations, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import UsageError
from advisor.units import format_duration, format_setting_size, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GB", 8 << 30), ("512 MB", 512 << 20), ("128kB", 128 << 10), ("1.5GB", 3 << 29), ("42", 42), ("2tb", 2 << 40)],
)
def test_sizes_are_read_as_postgresql_writes_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "8 potatoes", "-1GB", "1e9", "8GB8"])
def test_nonsense_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "5", "5 minutes", "-3s"])
def test_durations_need_a_unit(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        parse_duration(text)


def test_durations() -> None:
    assert [parse_duration(t) for t in ("30s", "5min", "12h", "90d", "250ms")] == [30, 300, 43200, 7776000, 0.25]


@given(st.integers(min_value=1, max_value=1 << 50))
def test_a_setting_says_exactly_what_it_means(size: int) -> None:
    assert parse_size(format_setting_size(size)) == size


@given(st.floats(min_value=0, max_value=1e18))
def test_human_sizes_are_short(size: float) -> None:
    assert len(format_size(size)) <= 12


@given(st.floats(min_value=0, max_value=1e10))
def test_human_durations_are_short(seconds: float) -> None:
    assert len(format_duration(seconds)) <= 14
