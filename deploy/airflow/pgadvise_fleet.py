"""An Airflow DAG (2.4 or later): the fleet in eight parts every night, one mapped task for each.

The workers need pgadvise, /etc/pgadvise/fleet.toml and a pg_service.conf with [history].
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow import DAG

try:
    from airflow.providers.standard.operators.bash import BashOperator  # Airflow 3
except ModuleNotFoundError:
    from airflow.operators.bash import BashOperator

SHARDS = 8

with DAG(
    dag_id="pgadvise_fleet",
    schedule="17 4 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=15), "execution_timeout": timedelta(hours=2)},
) as dag:
    BashOperator.partial(
        task_id="look",
        bash_command=(
            'exec pgadvise report --targets /etc/pgadvise/fleet.toml --shard "$SHARD"'
            " --history service=history --keep 400d --quiet --max-time 100min"
        ),
        append_env=True,
    ).expand(env=[{"SHARD": f"{index}/{SHARDS}"} for index in range(SHARDS)])
