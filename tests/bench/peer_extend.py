"""Runs the Extend algorithm of the package `index-eab` on a loaded database: for bench_tpch.py, in an environment of
its own.

    python3 -m venv PEER && PEER/bin/pip install index-eab psycopg2-binary
    PEER/bin/python tests/bench/peer_extend.py HOST PORT USER DATABASE WORKLOAD BUDGET...

Prints one JSON line per budget (megabytes of 10^6 bytes, sizes as HypoPG estimates them): seconds, indexes as
[table, [columns]].
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import psycopg2
from index_eab.eab_utils.common_utils import get_columns_from_schema, read_row_query
from index_eab.eab_utils.postgres_dbms import PostgresDatabaseConnector
from index_eab.eab_utils.workload import Workload
from index_eab.index_advisor.extend_algorithm import ExtendAlgorithm


def schema_of(host: str, port: str, user: str, database: str) -> list[dict[str, object]]:
    """Return the tables of the schema public with their columns, as the package wants them."""
    with psycopg2.connect(host=host, port=port, user=user, dbname=database) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "select c.relname, c.reltuples, array_agg(a.attname::text order by a.attnum) from pg_class c"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
            " where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace group by 1, 2 order by 1"
        )
        return [
            {"table": name, "rows": rows, "columns": [{"name": column, "type": "text"} for column in columns]}
            for name, rows, columns in cursor.fetchall()
        ]


def main(host: str, port: str, user: str, database: str, workload: str, budgets: list[str]) -> None:
    text = re.sub(r"--[^\n]*", "", Path(workload).read_text(encoding="utf-8"))
    queries = [query.strip() for query in text.split(";") if query.strip()]
    _, columns = get_columns_from_schema(schema_of(host, port, user, database))
    for budget in budgets:
        connector = PostgresDatabaseConnector(
            autocommit=True, host=host, port=port, db_name=database, user=user, password=""
        )
        connector.exec_only("set jit = off")
        options = {"budget_MB": int(budget), "max_index_width": 2, "max_indexes": 1000, "constraint": "storage"}
        started = time.perf_counter()
        found = ExtendAlgorithm(connector, options).calculate_best_indexes(
            Workload(read_row_query(queries, columns)), columns=columns
        )
        seconds = time.perf_counter() - started
        indexes = [[index.table().name, [column.name for column in index.columns]] for index in found]
        print(json.dumps({"budget": int(budget), "seconds": seconds, "indexes": indexes}), flush=True)
        connector.close()


if __name__ == "__main__":
    main(*sys.argv[1:6], sys.argv[6:])  # type: ignore[misc]
