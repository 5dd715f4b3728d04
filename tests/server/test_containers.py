"""A report on a database in a throw-away container, and a twin in one; on an image built from Debian's packages."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.server.test_cli import pgadvise, sentence

pytestmark = [pytest.mark.docker, pytest.mark.server, pytest.mark.slow]
IMAGE = "pgadvise-test:15"

SCHEMA = """
create table orders (id bigserial primary key, customer_id int not null, state text not null, note text);
insert into orders (customer_id, state, note)
select i % 4000, case when i % 100 = 0 then 'open' else 'done' end, repeat('x', 60) from generate_series(1, 100000) i;
"""
WORKLOAD = """
-- calls: 40
select id, note from orders where customer_id = 17;
-- calls: 5
select count(*) from orders where state = 'open';
select broken from nowhere;
"""


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    if shutil.which("docker") is None:
        missing("Docker")
    known = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    if known.returncode != 0:
        missing(f"the image {IMAGE} (tests/docker/build-image)")


def containers() -> set[str]:
    listed = subprocess.run(["docker", "ps", "-aq"], capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def test_report_on_a_container(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(SCHEMA)
    (tmp_path / "queries.sql").write_text(WORKLOAD.replace("select broken from nowhere;\n", ""))
    before = containers()
    result = pgadvise(
        "report", "--testcontainer", IMAGE, "--schema", str(tmp_path / "schema.sql"),
        "--workload", str(tmp_path / "queries.sql"), "--format", "json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert any("(customer_id" in proposal["ddl"] for proposal in report["indexes"]["create"])
    assert report["server"]["version_num"] // 10000 == 15
    assert containers() <= before, "the container is gone"


def test_a_broken_statement_in_the_workload_is_told(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(SCHEMA)
    (tmp_path / "queries.sql").write_text(WORKLOAD)
    before = containers()
    result = pgadvise(
        "report", "--testcontainer", IMAGE, "--schema", str(tmp_path / "schema.sql"),
        "--workload", str(tmp_path / "queries.sql"), "--format", "json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "nowhere" in json.dumps(json.loads(result.stdout)["indexes"]["workload"]["unusable"])
    assert containers() <= before


def test_unknown_image_and_broken_schema_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table t (id int);\ncreate table t (id int);")
    before = containers()
    result = pgadvise("report", "--testcontainer", IMAGE, "--schema", str(tmp_path / "schema.sql"))
    assert result.returncode == 3
    assert "already exists" in sentence(result)
    result = pgadvise("report", "--testcontainer", "no-such-image:1", "--schema", str(tmp_path / "schema.sql"))
    assert result.returncode == 3
    sentence(result)
    assert containers() <= before


def test_twin_in_a_container(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(SCHEMA)
    (tmp_path / "queries.sql").write_text(WORKLOAD.replace("select broken from nowhere;\n", ""))
    before = containers()
    result = pgadvise(
        "report", "--testcontainer", IMAGE, "--schema", str(tmp_path / "schema.sql"),
        "--workload", str(tmp_path / "queries.sql"), "--twin-image", IMAGE, "--format", "json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert any("(customer_id" in proposal["ddl"] for proposal in json.loads(result.stdout)["indexes"]["create"])
    assert containers() <= before
