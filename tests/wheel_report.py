"""Run by tests/test-wheel in an environment that has only the wheel: a report on a small server of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import psycopg

from advisor.cluster import embedded_binaries, start_cluster

binaries = embedded_binaries()
assert binaries is not None
with start_cluster(binaries, {"shared_preload_libraries": "pg_stat_statements"}) as cluster:
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        connection.execute("create table orders (id bigserial primary key, customer_id int not null, note text)")
        connection.execute(
            "insert into orders (customer_id, note) select i % 5000, repeat('x', 80) from generate_series(1, 100000) i"
        )
        connection.execute("vacuum analyze orders")
        for customer in range(50):
            connection.execute("select * from orders where customer_id = %s", (customer,))
    output = subprocess.run(
        [sys.argv[1], "report", "--dsn", cluster.dsn(), "--format", "json"], capture_output=True, text=True, check=False
    )
    assert output.returncode == 0, output.stderr
    report = json.loads(output.stdout)
    created = [proposal["ddl"] for proposal in report["indexes"]["create"]]
    assert any("(customer_id)" in ddl and "CONCURRENTLY" in ddl for ddl in created), created
    assert report["findings"], "the health rules are in the wheel"
    print("proposed:", created[0])
