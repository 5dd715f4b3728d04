"""Do the chosen values cost what production's values cost? Real executions with known literals against the recipe."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable

import psycopg
import pytest

from advisor.collect import collect
from advisor.connect import open_connection
from advisor.model.lookup import Catalog
from advisor.model.snapshot import Snapshot
from advisor.model.workload import Statement
from advisor.progress import Silent
from advisor.whatif.session import PlanningSession
from advisor.workload.parse import fingerprint
from advisor.workload.read import read_workload
from advisor.workload.session import ParseError

pytestmark = [pytest.mark.server, pytest.mark.slow]

SCHEMA = """
create extension pg_stat_statements;
create table users (id int primary key, country text not null, email text not null, created_at timestamptz not null);
create table orders (id int primary key, user_id int not null, status text not null, total numeric not null,
                     created_at timestamptz not null);
insert into users select i, case when i % 3 > 0 then 'DE' when i % 50 = 0 then 'IS' else 'FR' end, 'u' || i || '@x',
                         now() - i * interval '10 minutes' from generate_series(1, 30000) i;
insert into orders select i, 1 + (power(random(), 3) * 29999)::int,
                          case when i % 1000 = 0 then 'failed' when i % 100 = 0 then 'pending' else 'paid' end,
                          random() * 3000, now() - i * interval '2 minutes' from generate_series(1, 150000) i;
create index on orders (user_id);
create index on orders (status);
create index on orders (created_at);
create index on users (country);
create index on users (email);
vacuum analyze users;
vacuum analyze orders;
"""


def shapes(chance: random.Random) -> dict[str, tuple[str, Callable[[], dict[str, object]]]]:
    """Shapes with a generator of what the application asks for."""

    def user() -> int:
        return chance.randint(1, 30000)

    def hours() -> int:
        return math.ceil(math.exp(chance.uniform(0, 6)))

    return {
        "rare status": ("select id, total from orders where status = '{s}'", lambda: {"s": "pending"}),
        "rarest status": ("select id, total from orders where id > 0 and status = '{s}'", lambda: {"s": "failed"}),
        "frequent status": ("select user_id from orders where status = '{s}'", lambda: {"s": "paid"}),
        "orders of a user": (
            "select * from orders where user_id = {u} order by created_at desc",
            lambda: {"u": user()},
        ),
        "since": (
            "select id, user_id from orders where created_at > now() - interval '{h} hours'",
            lambda: {"h": hours()},
        ),
        "count since": (
            "select count(*) from orders where created_at > now() - interval '{h} hours'",
            lambda: {"h": 24},
        ),
        "rare country": ("select id, email from users where country = '{c}'", lambda: {"c": "IS"}),
        "email": ("select id from users where email = '{e}'", lambda: {"e": f"u{user()}@x"}),
        "join": (
            "select o.id, u.email from orders o join users u on u.id = o.user_id"
            " where o.status = '{s}' and u.country = '{c}'",
            lambda: {"s": "failed", "c": chance.choice(["DE", "FR"])},
        ),
        "list": (
            "select id from orders where user_id in ({a}, {b}, {c})",
            lambda: {"a": user(), "b": user(), "c": user()},
        ),
        "window": (
            "select sum(total) from orders"
            " where created_at between now() - interval '{a} hours' and now() - interval '{b} hours'",
            lambda: {"a": 200, "b": 190},
        ),
        "dear": ("select id from orders where total > {t}", lambda: {"t": chance.randint(2900, 2999)}),
    }


def cost(
    session: PlanningSession, text: str, types: tuple[str, ...] = (), values: tuple[str | None, ...] = ()
) -> float:
    plan = session.explain(text, types, values, ("public",))
    assert not isinstance(plan, ParseError), (text, plan)
    return float(plan["Total Cost"])


def mean_cost(session: PlanningSession, statement: Statement) -> float:
    return sum(
        binding.weight * cost(session, statement.text, statement.parameter_types, binding.values)
        for binding in statement.bindings
    )


def factor(one: float, other: float) -> float:
    return max(one, other) / min(one, other)


@pytest.mark.parametrize("major", [13, 15, 18])
def test_costs_are_those_of_the_values_asked_for(make_database: Callable[..., str], major: int) -> None:
    dsn = make_database(major)
    chance = random.Random(5)
    truth: dict[str, float] = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for command in SCHEMA.strip().split(";\n"):
            connection.execute(command.encode())
        connection.execute("select pg_stat_statements_reset()")
        session = PlanningSession(connection)
        asked: dict[str, list[str]] = {}
        for name, (text, values) in shapes(chance).items():
            asked[name] = [text.format(**values()) for _ in range(30)]
            for query in asked[name]:
                connection.execute(query.encode(), prepare=False)
        for name, queries in asked.items():
            truth[name] = statistics.mean(cost(session, query) for query in queries)
    with open_connection(dsn) as connection:
        snapshot: Snapshot = collect(connection)
    with psycopg.connect(dsn, autocommit=True) as connection:
        session = PlanningSession(connection)
        workload = read_workload(snapshot, Catalog(snapshot), session, Silent())
        factors = {}
        for name in asked:
            found = [s for s in workload.statements if s.fingerprint == fingerprint(asked[name][0]) and s.calls == 30]
            assert len(found) == 1, (name, [s.original for s in found])
            factors[name] = factor(mean_cost(session, found[0]), truth[name])
    assert statistics.median(factors.values()) <= 1.25, factors
    assert sum(value <= 2 for value in factors.values()) >= 9, factors
    assert max(factors.values()) <= 5, factors
    assert factors["rare status"] <= 2, factors
    assert factors["rare country"] <= 2, factors
