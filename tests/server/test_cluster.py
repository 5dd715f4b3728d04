"""Private clusters start on every major, as root too, and leave nothing behind."""

from __future__ import annotations

import psycopg
import pytest

from advisor.cluster import start_cluster
from tests.conftest import binaries_for

pytestmark = pytest.mark.server


def test_database_is_fresh(database: str, major: int) -> None:
    with psycopg.connect(database) as connection:
        assert connection.info.server_version // 10000 == major
        assert connection.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)


def test_cluster_is_gone_after_an_error() -> None:
    binaries = binaries_for(15)
    assert binaries is not None
    with pytest.raises(KeyboardInterrupt), start_cluster(binaries) as cluster:
        directory = cluster.directory
        raise KeyboardInterrupt
    assert not directory.exists()
