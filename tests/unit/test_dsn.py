"""Connection strings are understood generously and shown without secrets."""

from __future__ import annotations

import doctest

import pytest
from psycopg.conninfo import conninfo_to_dict

from advisor import dsn as module
from advisor.collect import index_definitions, privileges
from advisor.dsn import choose_dsn, redact_dsn
from advisor.errors import ConnectionFailed
from advisor.model import redaction

SECRET = "s3cret"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGADVISE_DSN", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.mark.parametrize("mod", [module, index_definitions, privileges, redaction])
def test_examples_in_docstrings(mod: object) -> None:
    result = doctest.testmod(mod)  # type: ignore[arg-type]
    assert result.attempted and not result.failed


@pytest.mark.parametrize(("given", "expected"), [
    ("shop", {"dbname": "shop"}),
    ("postgis://ann@h:5433/shop?schema=public&sslmode=require&pool=5",
     {"user": "ann", "host": "h", "port": "5433", "dbname": "shop", "sslmode": "require"}),
    ("postgresql+asyncpg://u:p%40ss@h/d", {"user": "u", "password": "p@ss", "host": "h", "dbname": "d"}),
    ("postgresql:///d?host=/tmp", {"dbname": "d", "host": "/tmp"}),
    ("host=h  dbname='my db'", {"host": "h", "dbname": "my db"}),
    ("postgresql://[::1]:5/d", {"host": "::1", "port": "5", "dbname": "d"}),
])  # fmt: skip
def test_understood(given: str, expected: dict[str, str]) -> None:
    assert conninfo_to_dict(choose_dsn(given)) == expected


def test_order_of_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_dsn(None) == ""
    monkeypatch.setenv("DATABASE_URL", "postgresql:///third")
    assert choose_dsn(None) == "dbname=third"
    monkeypatch.setenv("PGADVISE_DSN", "dbname=second")
    assert choose_dsn(None) == "dbname=second"
    assert choose_dsn("first") == "dbname=first"


@pytest.mark.parametrize("given", [
    f"postgresql://u:{SECRET}@h/d",
    f"postgres://u:x@{SECRET}@h/d",
    f"postgresql://u:x/{SECRET}@h/d",
    f"postgresql://u:x%zz{SECRET}@h/d",
    f"postgresql://u@h/d?password={SECRET}",
    f"postgresql://u@h/d?sslpassword={SECRET}&pgbouncer=true",
    f"host=h password={SECRET}",
    f"host=h password='a {SECRET}",
    f"postgres//u:{SECRET}@h",
    f"postgresql://u:x[{SECRET}@h/d",
])  # fmt: skip
def test_never_shown(given: str) -> None:
    assert SECRET not in redact_dsn(given)
    try:
        choose_dsn(given)
    except ConnectionFailed as error:
        assert SECRET not in str(error)
