"""Statement texts for other eyes."""

from __future__ import annotations

import pytest

from advisor.workload.redact import without_credentials, without_literals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "select a from t where a = 'x' and b = $1 and c in (1, 2.5) -- Bob",
            "select a from t where a = $2 and b = $1 and c in ($3, $4)",
        ),
        ("select $$body$$, E'\\n', B'01'", "select $1, $2, $3"),
        ("/* api_key=abc */ select 1", " select $1"),
        ("select 'it''s' from \"Weird'Name\"", 'select $1 from "Weird\'Name"'),
    ],
)
def test_constants_and_comments_go(text: str, expected: str) -> None:
    assert without_literals(text) == expected


def test_a_text_that_does_not_scan_loses_its_strings() -> None:
    assert "secret" not in without_literals("select 'secret', 'unterminated")


@pytest.mark.parametrize(
    "text",
    [
        "create role x login password 's3cret'",
        "ALTER USER x WITH ENCRYPTED PASSWORD 's3cret'",
        "create user mapping for a server b options (user 'u', password 's3cret')",
        "create subscription s connection 'host=a password=s3cret' publication p",
    ],
)
def test_credentials_never_show(text: str) -> None:
    assert "s3cret" not in without_credentials(text)
