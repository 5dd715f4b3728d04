"""Column uses: names resolved through every construct that can hide a column."""

from __future__ import annotations

from datetime import UTC, datetime

import pglast
import pytest

from advisor.model.catalog import Column, Table
from advisor.model.lookup import Catalog
from advisor.model.names import RelationName
from advisor.model.server import Server
from advisor.model.snapshot import Snapshot
from advisor.model.statistics import SchemaObject
from advisor.workload.resolve import resolve_uses

TABLES = {
    "public.users": "id email:text status:text active:bool age created_at:timestamptz name:varchar",
    "public.orders": "id user_id status:text total created_at:timestamptz note:text paid:bool data:jsonb tags:_text",
    "public.items": "id order_id product_id qty",
    "public.nodes": "id parent_id name:text",
    "public.Odd Name": "id Col",
    "app.users": "id login:text",
}
VIEWS = {
    "public.open_orders": "create view public.open_orders as select o.id, o.user_id as uid, lower(o.note) as n "
    "from public.orders o where o.status = 'open'",
    "public.per_user": "create view public.per_user as "
    "select user_id, count(*) as c from public.orders group by user_id",
}


def make_catalog() -> Catalog:
    tables, columns = [], []
    for oid, (name, spec) in enumerate(TABLES.items()):
        relation = RelationName(*name.split("."))
        tables.append(Table(oid=oid, schema=relation.schema, name=relation.name, kind="r", owner="x"))
        for number, part in enumerate(spec.split() if "Odd" not in name else spec.split(" "), start=1):
            column, _, type_name = part.partition(":")
            kind = RelationName("pg_catalog", type_name or "int4")
            columns.append(
                Column(table=relation, attnum=number, name=column, type=kind.name, type_name=kind, base_type=kind,
                       type_category="X", not_null=False)
            )  # fmt: skip
    server = Server(
        version_num=150000, version="15", database="d", user="u", is_superuser=False, in_recovery=False,
        started_at=None, collected_at=datetime.now(UTC), encoding="UTF8", lc_collate="C", lc_ctype="C",
    )  # fmt: skip
    views = tuple(
        SchemaObject(kind="view", schema=n.split(".")[0], name=n.split(".")[1], ddl=ddl, order=0)
        for n, ddl in VIEWS.items()
    )
    return Catalog(
        Snapshot(tool_version="0", server=server, settings=(), tables=tuple(tables), columns=tuple(columns),
                 schema_objects=views)
    )  # fmt: skip


CATALOG = make_catalog()


def uses(sql: str, *path: str) -> set[str]:
    """Return the uses in a short form: 'orders.status equality = $1'."""
    found, _ = resolve_uses(pglast.parse_sql(sql), CATALOG, path or ("public",))
    lines = set()
    for use in found:
        key = use.expression or ",".join(use.columns)
        number = f"#{use.occurrence}" if use.occurrence else ""
        parts = [f"{use.relation.name}{number}.{key}", use.role]
        parts += [use.operator] if use.operator else []
        parts += [f"${use.parameter}"] if use.parameter else []
        parts += [use.constant] if use.constant else []
        if use.other:
            parts.append(f"{use.other[0].name}{f'#{use.other[1]}' if use.other[1] else ''}.{use.other[2]}")
        if use.role in ("order", "group", "distinct"):
            parts.append(f"@{use.position}" + (" desc" if use.descending else ""))
            parts += [] if use.nulls_first is None else ["nulls first" if use.nulls_first else "nulls last"]
        parts += [f"[{use.branch}]"] if use.branch else []
        lines.add(" ".join(parts))
    return lines


def predicates(sql: str, *path: str) -> set[str]:
    return {line for line in uses(sql, *path) if " output" not in line}


CASES = {
    "alias": ("select o.id from orders o where o.status = $1", {"orders.status equality = $1"}),
    "constant kept as written": (
        "select 1 from orders where status = 'open' and total > -5",
        {"orders.status equality = 'open'", "orders.total range > -5"},
    ),
    "commuted": ("select 1 from orders where $1 < total", {"orders.total range > $1"}),
    "between": (
        "select 1 from orders where total between $1 and $2",
        {"orders.total range >= $1", "orders.total range <= $2"},
    ),
    "in list": (
        "select 1 from orders where status in ('a', 'b') and user_id = any($1)",
        {"orders.status in = ('a', 'b')", "orders.user_id in = ANY $1"},
    ),
    "single in": ("select 1 from orders where status in ($1)", {"orders.status equality = $1"}),
    "in parameters": (
        "select 1 from orders where user_id in ($1, $2)",
        {"orders.user_id in = $1", "orders.user_id in = $2"},
    ),
    "not in": ("select 1 from orders where status not in ('a','b')", {"orders.status inequality NOT IN ('a', 'b')"}),
    "booleans": (
        "select 1 from users, orders where active and not paid",
        {"users.active equality = true", "orders.paid equality = false"},
    ),
    "boolean tests": (
        "select 1 from users where active is true and active is not false",
        {"users.active equality IS TRUE true", "users.active inequality IS NOT FALSE false"},
    ),
    "nulls": (
        "select 1 from orders where note is null and total is not null",
        {"orders.note equality IS NULL NULL", "orders.total not_null IS NOT NULL NULL"},
    ),
    "join": (
        "select 1 from users u join orders o on o.user_id = u.id where u.email = $1",
        {"orders.user_id join = users.id", "users.id join = orders.user_id", "users.email equality = $1"},
    ),
    "self join": (
        "select 1 from nodes a, nodes b where a.id = b.parent_id and b.name = $1",
        {"nodes.id join = nodes#1.parent_id", "nodes#1.parent_id join = nodes.id", "nodes#1.name equality = $1"},
    ),
    "using": (
        "select 1 from orders join items using (id) where id = $1",
        {"orders.id join = items.id", "items.id join = orders.id", "orders.id equality = $1"},
    ),
    "natural": (
        "select 1 from items natural join nodes where parent_id = 1",
        {"items.id join = nodes.id", "nodes.id join = items.id", "nodes.parent_id equality = 1"},
    ),
    "join alias": (
        "select j.status from (users join items on items.qty = users.age) as j where j.order_id = $1",
        {"items.qty join = users.age", "users.age join = items.qty", "items.order_id equality = $1"},
    ),
    "expression": (
        "select 1 from users u where lower(u.email) = $1 and date_part('year', u.created_at) > 2020",
        {"users.lower(email) equality = $1", "users.date_part('year', created_at) range > 2020"},
    ),
    "json": (
        "select 1 from orders o where o.data ->> 'k' = $1 and (o.data ->> 'n')::int > 5 and o.data @> $2",
        {"orders.data ->> 'k' equality = $1", "orders.CAST(data ->> 'n' AS integer) range > 5",
         "orders.data contains @> $2"},
    ),
    "relabel": ("select 1 from users where name::text = $1", {"users.name equality = $1"}),
    "like": (
        "select 1 from users where name like 'ab%' and email ilike $1 and name ~ '^x' and starts_with(email, 'q')",
        {"users.name like ~~ 'ab%'", "users.email ilike ~~* $1", "users.name regex ~ '^x'", "users.email like ^@ 'q'"},
    ),
    "array operators": (
        "select 1 from orders where tags && $1 and $2 = any(tags)",
        {"orders.tags contains && $1"},
    ),
    "or arms": (
        "select 1 from orders where total > 1 and (status = $1 or (note = $2 and user_id = 3))",
        {"orders.total range > 1", "orders.status equality = $1 [1]", "orders.note equality = $2 [2]",
         "orders.user_id equality = 3 [2]"},
    ),
    "row comparison": (
        "select 1 from orders where (created_at, id) < ($1, $2)",
        {"orders.created_at range < $1", "orders.id range < $2"},
    ),
    "row in": (
        "select 1 from items where (order_id, product_id) in (($1, $2), ($3, $4))",
        {"items.order_id in = $1", "items.order_id in = $3", "items.product_id in = $2", "items.product_id in = $4"},
    ),
    "row equality": (
        "select 1 from items where (order_id, product_id) = ($1, $2)",
        {"items.order_id equality = $1", "items.product_id equality = $2"},
    ),
    "order": (
        "select id, created_at as c from orders where user_id = $1 order by c desc nulls last, 1 limit 5",
        {"orders.user_id equality = $1", "orders.created_at order @1 desc nulls last", "orders.id order @2"},
    ),
    "group and order by count": (
        "select status, count(*) from orders group by status order by count(*) desc",
        {"orders.status group @1"},
    ),
    "group by number, order by group": (
        "select user_id u, sum(total) from orders group by 1 order by u",
        {"orders.user_id group @1", "orders.user_id order @1"},
    ),
    "distinct on": (
        "select distinct on (user_id) id from orders order by user_id, created_at desc",
        {"orders.user_id distinct @1", "orders.user_id order @1", "orders.created_at order @2 desc"},
    ),
    "max": (
        "select max(created_at) from orders where user_id = $1",
        {"orders.user_id equality = $1", "orders.created_at order max @1 desc"},
    ),
    "max beside count": ("select max(created_at), count(*) from orders", set()),
    "window": (
        "select row_number() over (partition by user_id order by created_at desc) from orders",
        {"orders.user_id order @1", "orders.created_at order @2 desc"},
    ),
    "subquery pushed down": (
        "select * from (select user_id as u, total from orders) s where s.u = $1",
        {"orders.user_id equality = $1"},
    ),
    "limit is a fence": ("select * from (select user_id as u from orders limit 5) s where s.u = $1", set()),
    "grouped column passes, aggregate does not": (
        "select * from (select user_id u, count(*) c from orders group by user_id) s where u = $1 and c > 5",
        {"orders.user_id group @1", "orders.user_id equality = $1"},
    ),
    "window partition passes": (
        "select * from (select user_id u, total t, rank() over (partition by user_id order by total) r from orders) s "
        "where u = $1 and t = 5 and r = 1",
        {"orders.user_id equality = $1", "orders.user_id order @1", "orders.total order @2"},
    ),
    "exists": (
        "select 1 from users u where exists (select 1 from orders o where o.user_id = u.id and o.status = 'x')",
        {"orders.user_id join = users.id", "users.id join = orders.user_id", "orders.status equality = 'x'"},
    ),
    "not exists": (
        "select 1 from users u where not exists (select 1 from orders o where o.user_id = u.id)",
        {"orders.user_id join = users.id", "users.id join = orders.user_id"},
    ),
    "in subquery": (
        "select 1 from users u where u.id in (select o.user_id from orders o where o.total > 5)",
        {"orders.user_id join = users.id", "users.id join = orders.user_id", "orders.total range > 5"},
    ),
    "scalar subquery": (
        "select 1 from orders where user_id = (select id from users where email = $1)",
        {"orders.user_id equality =", "users.email equality = $1"},
    ),
    "cte inlined": (
        "with s as (select * from orders where status = 'x') select * from s where user_id = $1",
        {"orders.status equality = 'x'", "orders.user_id equality = $1"},
    ),
    "cte materialized": (
        "with s as materialized (select * from orders) select * from s where user_id = $1",
        set(),
    ),
    "recursive": (
        "with recursive t as (select id from nodes where id = $1 union all "
        "select n.id from nodes n join t on n.parent_id = t.id) select * from t",
        {"nodes.id equality = $1", "nodes#1.parent_id join = nodes.id"},
    ),
    "lateral": (
        "select 1 from users u cross join lateral (select * from orders o where o.user_id = u.id "
        "order by o.created_at desc limit 3) l",
        {"orders.user_id join = users.id", "users.id join = orders.user_id", "orders.created_at order @1 desc"},
    ),
    "union": (
        "select * from (select user_id from orders union all select id from users) x(k) where k = $1 ",
        {"orders.user_id equality = $1", "users.id equality = $1"},
    ),
    "view": (
        "select * from open_orders where uid = $1 and n = 'q'",
        {"orders.status equality = 'open'", "orders.user_id equality = $1", "orders.lower(note) equality = 'q'"},
    ),
    "grouped view": ("select * from per_user where user_id = $1 and c > 2",
                     {"orders.user_id group @1", "orders.user_id equality = $1"}),
    "unnest join": (
        "select 1 from orders o join unnest($1::int[]) as k(id) on o.id = k.id",
        {"orders.id join ="},
    ),
    "range join": (
        "select 1 from users u, orders o where o.created_at > u.created_at",
        {"orders.created_at range > users.created_at", "users.created_at range < orders.created_at"},
    ),
    "update": (
        "update orders set status = $1, total = total + $2 where id = $3",
        {"orders.status set $1", "orders.total set $2", "orders.id equality = $3"},
    ),
    "update from": (
        "update orders o set (status, note) = ($1, $2) from users u where u.id = o.user_id and u.email = $3",
        {"orders.status set $1", "orders.note set $2", "orders.user_id join = users.id",
         "users.id join = orders.user_id", "users.email equality = $3"},
    ),
    "delete using": (
        "delete from items i using orders o where o.id = i.order_id and o.status = 'x'",
        {"items.order_id join = orders.id", "orders.id join = items.order_id", "orders.status equality = 'x'"},
    ),
    "insert": (
        "insert into items (order_id, qty) values ($1, $2), ($3, 4)",
        {"items.order_id insert $1", "items.order_id insert $3", "items.qty insert $2", "items.qty insert"},
    ),
    "upsert": (
        "insert into users as u (id, email) values ($1, $2) on conflict (id) do update "
        "set email = excluded.email where u.status = $3",
        {"users.id insert $1", "users.email insert $2", "users.email set", "users.status equality = $3"},
    ),
    "merge": (
        "merge into users u using orders o on u.id = o.user_id when matched then update set status = o.status "
        "when not matched then insert (id) values (o.user_id)",
        {"users.id join = orders.user_id", "orders.user_id join = users.id", "users.status set", "users.id insert"},
    ),
    "quoted": ('select 1 from "Odd Name" x where x."Col" = $1', {"Odd Name.Col equality = $1"}),
    "unknown table": ("select 1 from nowhere n join orders o on o.id = n.x where n.y = $1", {"orders.id join ="}),
    "case reads only": ("select 1 from orders where case when paid then total else 0 end = 1",
                        {"orders.CASE WHEN paid THEN total ELSE 0 END equality = 1"}),
    "explain": ("explain select 1 from orders where id = 3", {"orders.id equality = 3"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_uses(name: str) -> None:
    sql, expected = CASES[name]
    assert predicates(sql) == expected


def test_search_path_decides() -> None:
    assert predicates("select 1 from users where login = $1", "app", "public") == {"users.login equality = $1"}
    _, relations = resolve_uses(pglast.parse_sql("select 1 from users"), CATALOG, ("app", "public"))
    assert relations == (RelationName("app", "users"),)
    _, relations = resolve_uses(pglast.parse_sql("select 1 from public.users"), CATALOG, ("app",))
    assert relations == (RelationName("public", "users"),)


def test_reads_are_complete() -> None:
    read = {
        (use.relation.name, use.occurrence): set(use.columns)
        for use in resolve_uses(
            pglast.parse_sql(
                "select u.*, sum(o.total) over () from users u join orders o on o.user_id = u.id where o.paid "
                "order by o.created_at"
            ),
            CATALOG,
            ("public",),
        )[0]
        if use.role == "output" and use.operator is None
    }
    assert read["users", 0] == {"id", "email", "status", "active", "age", "created_at", "name"}
    assert read["orders", 0] == {"total", "user_id", "paid", "created_at"}


def test_value_in_any_of_column_is_told() -> None:
    assert "orders.tags output = ANY $2" in uses("select 1 from orders where $2 = any(tags)")


def test_parameter_facts_outside_conditions() -> None:
    assert "orders.status output = $1" in uses("select count(*) filter (where status = $1) from orders")
    assert "orders.status output = $1" in uses("select sum(case when status = $1 then 1 end) from orders")


def test_deep_and_long_texts_do_not_break() -> None:
    deep = "(" * 300 + "status = 'a'" + " or total = 1)" * 300
    uses(f"select 1 from orders where {deep}")
    many = ", ".join(f"${n}" for n in range(1, 2001))
    assert len(predicates(f"select 1 from orders where user_id in ({many})")) == 2000
    chain = " || ".join(["note"] * 3000)
    assert predicates(f"select 1 from orders where {chain} = 'x' and id = 1") == {"orders.id equality = 1"}
    sums = "+".join(["1"] * 3000)
    assert predicates(f"select 1 from orders where id = {sums}") == {"orders.id equality ="}
    nested = "select id from orders"
    for _ in range(150):
        nested = f"select id from ({nested}) s"
    uses(nested)
