"""Workload files as people write them, and the ones that are refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import UsageError
from advisor.workload.files import read_workload_file, split_statements


def texts(script: str) -> list[str]:
    return [piece.text for piece in split_statements(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("select 1; select 2;", ["select 1", "select 2"]),
        ("select ';' ; select 2", ["select ';'", "select 2"]),
        ("select 'it''s;'; select 2", ["select 'it''s;'", "select 2"]),
        (r"select E'\';' ; select 2", [r"select E'\';'", "select 2"]),
        (r"select type'\' ; select 2", [r"select type'\'", "select 2"]),
        ('select 1 as ";" ; select 2', ['select 1 as ";"', "select 2"]),
        ("select $$a;b$$; select $x$ $$;$$ $x$;", ["select $$a;b$$", "select $x$ $$;$$ $x$"]),
        ("select $1; select a$1", ["select $1", "select a$1"]),
        ("select 1 -- a; b\n; select 2", ["select 1 -- a; b", "select 2"]),
        ("select /* a; /* b; */ c */ 1; select 2", ["select /* a; /* b; */ c */ 1", "select 2"]),
        (
            "\\set x 1\nselect 1;\n\\echo hi\nselect 2 \\gset\nselect 3",
            ["\\set x 1", "select 1", "\\echo hi", "select 2", "\\gset", "select 3"],
        ),
        ("copy t from stdin;\n1;2\n\\.\nselect 1;", ["copy t from stdin", "select 1"]),
        (";;  ;", []),
        ("select 'never closed; select 2", ["select 'never closed; select 2"]),
    ],
)
def test_split(script: str, expected: list[str]) -> None:
    assert texts(script) == expected


def test_calls_weight_the_next_statement_only() -> None:
    pieces = list(split_statements("-- calls: 1,200\n-- by id\nselect 1;\nselect 2;\n-- CALLS = 2.5\nselect 3"))
    assert [piece.calls for piece in pieces] == [1200.0, 1.0, 2.5]
    assert [piece.line for piece in pieces] == [2, 4, 6]


def test_file_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "work load.sql"
    path.write_bytes("\ufeff-- calls: 3\r\nselect 'ü'\r\nfrom t;\r\nselct 1;\r\n".encode())
    found = read_workload_file(path)
    assert [item.query for item in found] == ["select 'ü'\nfrom t", "selct 1"]
    assert [item.calls for item in found] == [3.0, 1.0]
    assert {item.source for item in found} == {"work load.sql"}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "no valid SQL"),
        (b"hello world", "no valid SQL"),
        (b"\\d\n-- nothing", "no valid SQL"),
        (b"select 1;\n-- caf\xe9", "not UTF-8 (line 2)"),
        ("select 1".encode("utf-16"), "UTF-16"),
    ],
)
def test_refused_in_one_sentence(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "w.sql"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_workload_file(path)
    assert part in caught.value.message
    assert "\n" not in caught.value.message


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_workload_file(tmp_path / "none.sql")
