"""What broke once when the whole command was used in odd surroundings, and must not again."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from advisor.dsn import choose_dsn
from advisor.errors import ConnectionFailed
from advisor.model.redaction import mask_secrets
from advisor.whatif.gaps import twin_gaps
from advisor.workload.files import read_workload_file
from advisor.workload.placeholders import numbered
from tests.server.test_cli import pgadvise, sentence, started, statistics

MAJOR = 15


@pytest.fixture
def shop(make_database: Callable[..., str]) -> str:
    """DSN of a database with one table and a little workload."""
    dsn = make_database(MAJOR)
    statistics(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table users (id int primary key, email text)")
        connection.execute("insert into users select n, 'u' || n from generate_series(1, 20000) n")
        connection.execute("analyze")
        connection.execute("select * from users where email = 'u5'")
    return dsn


@pytest.mark.server
@pytest.mark.parametrize(("streams", "code"), [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0), (">/dev/full", 3)])
def test_output_that_goes_nowhere(shop: str, streams: str, code: int) -> None:
    """A closed stream is no bug, and a full disk is told in one sentence."""
    program = f"{sys.executable} -c 'from advisor.cli import main; main()'"
    command = f"{program} health --dsn {shlex.quote(shop)} -f text {streams}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == code, result.stderr
    assert "bug" not in result.stderr
    if code:
        assert "No space left" in result.stderr
    elif ">&-" not in streams.split():
        assert "PostgreSQL" in result.stdout, "standard output is open, and holds the report"


@pytest.mark.server
def test_placeholders_of_drivers_in_a_workload_file(shop: str, tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_bytes(
        b"\xef\xbb\xbf-- calls: 900\r\nselect id from users where email = :mail and id > :least;\r\nselec broken;\r\n"
    )
    result = pgadvise("index", "--dsn", shop, "--workload", str(file), "--what-if", "twin", "-f", "json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    row = next(row for row in report["workload"] if row["calls"] == 900)
    assert row["query"] == "select id from users where email = $1 and id > $2"
    assert row["cost_before"] > 100


@pytest.mark.server
def test_a_function_that_shadows_the_catalog_costs_at_most_the_index_part(shop: str) -> None:
    """The database's search_path puts a schema before pg_catalog whose operator on oid raises an error."""
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("create schema evil")
        connection.execute(
            "create function evil.eq(oid, oid) returns bool language plpgsql as $$ begin raise exception 'EVIL'; end $$"
        )
        connection.execute("create operator evil.= (leftarg = oid, rightarg = oid, function = evil.eq)")
        name = connection.info.dbname
        connection.execute(f"alter database {name} set search_path = evil, pg_catalog, public".encode())
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("select * from users where email = 'u6'")
    result = pgadvise("report", "--dsn", shop, "-f", "json")
    assert result.returncode == 0, sentence(result)
    assert json.loads(result.stdout)["passed"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "do $$ begin execute 'alter role a password ''hunter2'''; end $$",
            "do $$ begin execute 'alter role a password ''***'''; end $$",
        ),
        ("select 1 /* token abc, user 7 */", "select 1 /* token ***, user 7 */"),
        ("select 1 -- password: hunter2\nfrom t", "select 1 -- password: ***\nfrom t"),
        ("select 1 /* the password of users */", "select 1 /* the password of users */"),
        ("select token from t where a = 'x'", "select token from t where a = 'x'"),
    ],
)
def test_secrets_in_dynamic_sql_and_comments(text: str, expected: str) -> None:
    assert mask_secrets(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = ? and b = ?", "a = $1 and b = $2"),
        ("a = %s and b = %(x)s and c = %(x)s", "a = $1 and b = $2 and c = $2"),
        ("a = $2 and b = :n::int and c = :'n'", "a = $2 and b = $3::int and c = $3"),
        ("a = '?' and \":x\" = @p -- ?", "a = '?' and \":x\" = $1 -- ?"),
        ("a[l:u] = :v and b = E'\\':w'", "a[l:u] = $1 and b = E'\\':w'"),
    ],
)
def test_placeholders_become_numbers(text: str, expected: str) -> None:
    assert numbered(text) == expected


def test_operators_are_no_placeholders(tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_text("select 1 from t where doc ? 'a' and @ x > 1;")
    assert read_workload_file(file)[0].query == "select 1 from t where doc ? 'a' and @ x > 1"


def test_three_hundred_failures_alike_are_a_few_gaps() -> None:
    lines = [f'partition public.p_{n}: table "p" is not partitioned' for n in range(300)]
    gaps = twin_gaps((*lines, "collation c: gone"), MAJOR)
    assert len(gaps) == 7
    assert gaps[5].why == "295 more like these (partition …)"


@pytest.mark.server
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_removes_the_twin(shop: str, number: signal.Signals) -> None:
    command = [sys.executable, "-c", "from advisor.cli import main; main()", "report", "--dsn", shop]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (places := directories_of(servers := started(process))) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    assert errors == "pgadvise: Interrupted. Nothing was changed and nothing is left on the server.\n"
    assert output == ""
    _, alive = psutil.wait_procs(servers, timeout=20)
    assert not alive
    assert places and not any(place.exists() for place in places)


def directories_of(servers: list[psutil.Process]) -> set[Path]:
    """Return the private clusters' directories that the processes work in."""
    found = set()
    for server in servers:
        with contextlib.suppress(psutil.Error):
            here = Path(server.cwd())
            found |= {place for place in (here, here.parent) if place.name.startswith("pgadvise-")}
    return found


@pytest.mark.server
def test_devices_pipes_and_links_are_written_to_not_replaced(shop: str, tmp_path: Path) -> None:
    """Run as root, a rename over /dev/stdout would take it from everybody."""
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    standard = tmp_path / "standard.txt"
    standard.symlink_to("/dev/stdout")
    result = pgadvise("health", "--dsn", shop, "-q", "-o", str(link), "-o", str(standard))
    assert result.returncode == 0, result.stderr
    assert link.is_symlink() and standard.is_symlink()
    assert json.loads(target.read_text())["subjects"] == ["health"]
    assert result.stdout.startswith("pgadvise ")
    assert pgadvise("capture", "--dsn", shop, "-q", "-o", str(link)).returncode == 0
    assert link.is_symlink() and target.read_bytes()[:2] == b"\x1f\x8b"


@pytest.mark.parametrize("password", ["pl@nted:pw", "pl@nted/pw", "pl/nted@pw", "pl@nted:pw/"])
def test_a_password_that_is_not_encoded_is_never_repeated(password: str) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        choose_dsn(f"postgresql://bob:{password}@db.example:5432/shop?sslmode=require")
    assert "percent-encode" in str(caught.value)
    assert "nted" not in str(caught.value)


@pytest.mark.parametrize("rest", ["db.example:5432/shop", "db.example/shop?application_name=a@b", "[::1]:5432/shop"])
def test_an_ordinary_address_is_taken(rest: str) -> None:
    assert "secret" in choose_dsn(f"postgresql://bob:secret@{rest}")


@pytest.mark.server
def test_limits_are_not_taken_for_a_verdict(shop: str) -> None:
    """An index that would pay and is over the limit is not called one that would not pay."""
    limited = pgadvise("index", "--dsn", shop, "--max-indexes", "0")
    assert "limits given leave no room" in " ".join(limited.stdout.split())
    blind = pgadvise("index", "--dsn", shop, "--what-if", "none")
    assert "All is well" not in blind.stdout
