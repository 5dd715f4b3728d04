"""Statement texts for other eyes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.model.report import IndexAdvice
from advisor.model.workload import UnusableStatement
from advisor.workload.redact import redact_report, without_credentials, without_literals
from tests.render.samples import healthy_report


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


@pytest.mark.parametrize(
    "text",
    [
        "select 'secret', 'unterminated",
        "select * from t where a = 'the secret",
        "select * from t where a = 'x' and b = 'it''s a secret",
        "select * from t where a = $body$ a secret",
        "select 'x' /* a secret",
    ],
)
def test_a_text_that_does_not_scan_loses_its_strings(text: str) -> None:
    assert "secret" not in without_literals(text)


def test_what_a_message_quotes_of_a_constant_is_not_repeated() -> None:
    texts = (
        ("select id from orders where id = 'bob'", 'invalid input syntax for type integer: "bob"'),
        ("select 1 from orders where 'bob' 'x", "syntax error at or near \"'bob'\""),
        ("select id from gone", 'relation "gone" does not exist'),
    )
    rows = tuple(
        UnusableStatement(text=text, calls=1, total_exec_time=None, reason=reason, category="unplannable")
        for text, reason in texts
    )
    redacted = redact_report(replace(healthy_report(), indexes=IndexAdvice(unusable=rows)))
    assert redacted.indexes is not None
    shown = [row.reason for row in redacted.indexes.unusable]
    assert not any("bob" in reason for reason in shown), shown
    assert shown[2] == 'relation "gone" does not exist'


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
