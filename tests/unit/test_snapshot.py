"""The snapshot file: whole or absent, private, and honest about what is not one."""

from __future__ import annotations

import dataclasses
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from advisor.errors import SnapshotInvalid
from advisor.model.activity import Session, StatementCounters, WorkloadText
from advisor.model.catalog import Column, Table
from advisor.model.names import RelationName
from advisor.model.redaction import mask_role_setting, mask_secrets, mask_setting, redact
from advisor.model.server import RoleSetting, Server, Setting
from advisor.model.snapshot import (
    FORMAT_VERSION,
    Gap,
    Snapshot,
    decode_snapshot,
    encode_snapshot,
    read_snapshot,
    write_snapshot,
)
from advisor.model.statistics import ColumnStatistics

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
T = RelationName("public", 'we"ird\nünï')


def filled(record: type, **given: object) -> Any:
    """Return a record with 1 or None in every field that must be given."""
    fields = [field for field in dataclasses.fields(record) if field.default is dataclasses.MISSING]
    numbers = {field.name: 1 for field in fields if "int" in str(field.type) or "float" in str(field.type)}
    return msgspec.convert({field.name: None for field in fields} | numbers | given, record)


def statement(query: str | None) -> StatementCounters:
    return filled(StatementCounters, queryid=-(1 << 62), role="ann", toplevel=True, query=query)  # type: ignore[no-any-return]


def session(query: str | None) -> Session:
    return filled(  # type: ignore[no-any-return]
        Session, sampled_at=NOW, client_addr="10.0.0.1", backend_type="client backend", query=query
    )


@pytest.fixture
def snapshot() -> Snapshot:
    return Snapshot(
        tool_version="1",
        server=Server(
            version_num=150018, version="15.18", database="shop", user="ann", is_superuser=False, in_recovery=False,
            started_at=NOW, collected_at=NOW, encoding="UTF8", lc_collate="C", lc_ctype="C",
        ),
        settings=(),
        tables=(Table(oid=1, schema=T.schema, name=T.name, kind="r", owner="ann", comment="Bob's"),),
        columns=(
            Column(
                table=T, attnum=1, name="a", type="text", type_name=RelationName("pg_catalog", "text"),
                base_type=RelationName("pg_catalog", "text"), type_category="S", not_null=True, comment="secret note",
            ),
        ),
        statistics=(
            ColumnStatistics(
                relation=T, column="a", attnum=1, inherited=False, null_frac=0.0, avg_width=4, n_distinct=-1.0,
                most_common_vals="{Bob}", most_common_freqs=(0.5,), histogram_bounds="{Alice,Zoe}",
            ),
        ),
        statements=(statement("select 1"),),
        sessions=(session("select * from t where name = 'Bob'"),),
        workload_texts=(WorkloadText(query="select 'Bob'"),),
        facts={"a/b": ({"n": 1, "x": None, "list": [1, 2]},)},
        gaps=(Gap(what="x", why="y"),),
    )  # fmt: skip


def test_round_trip(snapshot: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "one.snapshot"
    write_snapshot(snapshot, path)
    assert read_snapshot(path) == snapshot
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert encode_snapshot(snapshot) == encode_snapshot(decode_snapshot(encode_snapshot(snapshot)))


def test_overwrites_a_readable_file_privately(snapshot: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "one.snapshot"
    path.write_text("old")
    path.chmod(0o644)
    write_snapshot(snapshot, path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_plain_json_is_read_too(snapshot: Snapshot) -> None:
    assert decode_snapshot(gzip.decompress(encode_snapshot(snapshot))) == snapshot


def test_file_of_an_older_program_lacks_newer_fields(snapshot: Snapshot) -> None:
    data = json.loads(gzip.decompress(encode_snapshot(snapshot)))
    for name in ("facts", "timings", "redacted", "sizes"):
        del data[name]
    data["unknown_field"] = 1
    assert decode_snapshot(json.dumps(data).encode()).tables == snapshot.tables


@pytest.mark.parametrize("damage", [
    lambda data: data[: len(data) // 2],
    lambda data: data[:20] + b"\x00\x01\x02" + data[23:],
    lambda data: b"",
    lambda data: b"\x1f\x8b",
    lambda data: b"hello",
    lambda data: b"[1, 2]",
    lambda data: b'{"format_version": "one"}',
    lambda data: b'{"format_version": 1}',
    lambda data: b'{"format_version": true}',
    lambda data: b"\xff\xfe{}",
    lambda data: gzip.compress(b"\xff\xfe"),
])  # fmt: skip
def test_damaged_files(snapshot: Snapshot, tmp_path: Path, damage: object) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(damage(encode_snapshot(snapshot)))  # type: ignore[operator]
    with pytest.raises(SnapshotInvalid) as caught:
        read_snapshot(path)
    assert str(path) in caught.value.message


def test_newer_format_and_missing_file(snapshot: Snapshot, tmp_path: Path) -> None:
    newer = encode_snapshot(replace(snapshot, format_version=FORMAT_VERSION + 1))
    with pytest.raises(SnapshotInvalid, match="Update pgadvise"):
        decode_snapshot(newer)
    with pytest.raises(SnapshotInvalid, match="cannot be read"):
        read_snapshot(tmp_path / "absent")
    with pytest.raises(SnapshotInvalid, match="cannot be read"):
        read_snapshot(tmp_path)


def test_redacted_snapshot_holds_no_value(snapshot: Snapshot) -> None:
    redacted = redact(snapshot)
    text = gzip.decompress(encode_snapshot(redacted)).decode()
    for secret in ("Bob", "Alice", "Zoe", "secret note", "10.0.0.1"):
        assert secret not in text
    assert redacted.redacted
    assert redacted.statistics[0].most_common_freqs == (0.5,)
    assert redacted.gaps[-1].what == "column values and literals"
    assert decode_snapshot(encode_snapshot(redacted)) == redacted


@pytest.mark.parametrize(("query", "left"), [
    ('select "a--b" from t where a = $1 -- Bob', 'select "a--b" from t where a = $1  '),
    ("/* trace='Bob' */ update t set a = $1", "  update t set a = $1"),
    ("select 'Bob'", None),
    ("select $x$Bob$x$", None),
    ("create role bob password $1", None),
    ("copy t from stdin", None),
    ("(select a from t) union select $1", "(select a from t) union select $1"),
    (None, None),
])  # fmt: skip
def test_redacted_statements(snapshot: Snapshot, query: str | None, left: str | None) -> None:
    found = redact(replace(snapshot, statements=(statement(query),))).statements[0].query
    assert (found.strip() if found else found) == (left.strip() if left else left)


@pytest.mark.parametrize(("text", "masked"), [
    ("ALTER ROLE a PASSWORD E's3''cret' LOGIN", "ALTER ROLE a PASSWORD E'***' LOGIN"),
    ("create user mapping for a server b options (user 'x', password 's3cret')",
     "create user mapping for a server b options (user 'x', password '***')"),
    ("create subscription s connection 'host=h password=s3cret dbname=d' publication p",
     "create subscription s connection 'host=h password=*** dbname=d' publication p"),
    ("select dblink_connect('postgresql://u:s3cret@h/d')", "select dblink_connect('postgresql://u:***@h/d')"),
    ("update users set password = crypt($1, $2) where id = $3", None),
    ("select * from users where password = $1 and name = 'x'", None),
    ("alter role a password E'it\\'s3cret' login", "alter role a password E'***' login"),
    ("select 1 where password = 'a\\' and b = 'c'", "select 1 where password = '***' and b = 'c'"),
    ("select 1", None),
])  # fmt: skip
def test_mask_secrets(text: str, masked: str | None) -> None:
    assert mask_secrets(text) == (masked or text)


@pytest.mark.parametrize(("name", "value", "masked"), [
    ("primary_conninfo", "host=h password=s3cret user=r", "host=h password=*** user=r"),
    ("primary_conninfo", "host=h password='s3 cret' user=r", "host=h password=*** user=r"),
    ("archive_command", "AWS_SECRET_ACCESS_KEY=s3cret wal-g push %p", "AWS_SECRET_ACCESS_KEY=*** wal-g push %p"),
    ("app.settings.jwt_secret", "s3cret", "***"),
    ("password_encryption", "scram-sha-256", "scram-sha-256"),
    ("search_path", '"$user", public', '"$user", public'),
    ("shared_preload_libraries", "pg_stat_statements,auto_explain", "pg_stat_statements,auto_explain"),
    ("primary_conninfo", "postgresql://r:s3cret@h/d", "postgresql://r:***@h/d"),
])  # fmt: skip
def test_mask_settings(name: str, value: str, masked: str) -> None:
    setting = Setting(name=name, setting=value, reset_val=value, unit=None, category="", context="", vartype="string",
                      source="default")  # fmt: skip
    assert (mask_setting(setting).setting, mask_setting(setting).reset_val) == (masked, masked)
    assert mask_role_setting(RoleSetting(database=None, role=None, name=name, value=value)).value == masked
