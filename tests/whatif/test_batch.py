"""Commands that travel together, however much they and their answers weigh."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from advisor.whatif.batch import OK, Command, run_groups

pytestmark = pytest.mark.server

# Both directions hold more than a socket's buffers, so that neither side can send everything before it reads.
_QUESTION = b"select repeat('answer ', 20000) /* " + b"question " * 8000 + b" */"


@pytest.fixture
def connection(make_database: Callable[..., str], major: int) -> psycopg.Connection[Any]:
    return psycopg.connect(make_database(major), autocommit=True)


@pytest.mark.timeout(60)
def test_large_questions_and_large_answers_do_not_wait_for_each_other(connection: psycopg.Connection[Any]) -> None:
    groups = [[Command(b"begin"), Command(_QUESTION), Command(_QUESTION)], [Command(b"rollback")]] * 20
    with connection, closing(run_groups(connection.pgconn, groups)) as results:
        sizes = [len(result.get_value(0, 0) or b"") for _, place, result in results if place and result.ntuples]
    assert sizes == [140_000] * 40


@pytest.mark.timeout(60)
def test_an_error_ends_its_group_only_and_the_connection_goes_on(connection: psycopg.Connection[Any]) -> None:
    groups = [[Command(b"select 1"), Command(b"select no_such_column"), Command(b"select 2")], [Command(b"select 3")]]
    with connection:
        with closing(run_groups(connection.pgconn, groups)) as results:
            seen = [(number, place, result.status in OK) for number, place, result in results]
        assert seen == [(0, 0, True), (0, 1, False), (1, 0, True)]
        assert connection.execute("select 4").fetchone() == (4,)


@pytest.mark.timeout(60)
def test_who_stops_reading_early_leaves_a_usable_connection(connection: psycopg.Connection[Any]) -> None:
    with connection:
        with closing(run_groups(connection.pgconn, [[Command(_QUESTION)]] * 20)) as results:
            next(results)
        assert connection.execute("select 4").fetchone() == (4,)
