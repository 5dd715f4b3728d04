"""Word lists, written as text so that they stay readable."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the words of `text`.

    >>> sorted(words("lat latitude"))
    ['lat', 'latitude']
    """
    return frozenset(text.split())
