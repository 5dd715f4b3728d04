"""Server logs read without a server: formats, damage, and every execution counted once."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.errors import UsageError
from advisor.model.activity import WorkloadText
from advisor.workload.logs import LogReading, read_log_file
from advisor.workload.logs.executions import Execution
from advisor.workload.logs.messages import executed, read_message, read_parameters
from advisor.workload.logs.prefix import choose_pattern, pattern_of
from advisor.workload.logs.sample import Sampler, kind_of

WHEN = "2026-01-02 03:04:05.678 UTC"


def plain(*messages: str, process: int = 7, who: str = "ann@shop ") -> str:
    """Return messages as the default stderr log has them; 'DETAIL|text' names another severity."""
    lines = []
    for message in messages:
        severity, bar, text = message.partition("|")
        if not bar or not severity.isupper():
            severity, text = "LOG", message
        lines.append(f"{WHEN} [{process}] {who}{severity}:  " + text.replace("\n", "\n\t") + "\n")
    return "".join(lines)


@pytest.fixture
def reading(tmp_path: Path) -> Callable[..., LogReading]:
    def read(text: str | bytes, name: str = "pg.log", prefix: str | None = None, database: str = "shop") -> LogReading:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_log_file(path, log_line_prefix=prefix, database=database)

    return read


def ran(found: LogReading) -> list[tuple[str, float, tuple[tuple[int, str | None], ...]]]:
    return [(text.query, text.calls, text.parameters) for text in found.texts]


def test_steps_of_the_extended_protocol_are_one_execution(reading: Callable[..., LogReading]) -> None:
    text = "select a\nfrom t where b = $1"
    found = reading(
        plain(
            f"duration: 0.5 ms  parse S_1: {text}",
            f"duration: 0.5 ms  bind S_1: {text}",
            "DETAIL|Parameters: $1 = 'it''s\nnew'",
            f"duration: 2.5 ms  execute S_1: {text}",
            "DETAIL|parameters: $1 = 'it''s\nnew'",
            f"duration: 1.5 ms  execute fetch from S_1/C_2: {text}",
        )
    )
    assert ran(found) == [(text, 1.0, ((1, "it's\nnew"),))]
    assert found.texts[0].total_exec_time == pytest.approx(4.0)
    assert found.texts[0].role == "ann"


def test_a_text_logged_before_its_duration(reading: Callable[..., LogReading]) -> None:
    found = reading(
        plain("statement: select 1 from t", process=1)
        + plain("execute <unnamed>: select 2 from t where a = $1", "DETAIL|parameters: $1 = NULL", process=2)
        + plain("duration: 4.0 ms", process=2)
        + plain("duration: 3.0 ms", process=1)
        + plain("duration: 9.0 ms", process=1)
        + plain("statement: select 3 from t", process=1)
    )
    assert {text.query: text.total_exec_time for text in found.texts if "3" not in text.query} == {
        "select 1 from t": pytest.approx(3.0),
        "select 2 from t where a = $1": pytest.approx(4.0),
    }
    assert found.statements == 3


def test_failed_statements_do_not_count(reading: Callable[..., LogReading]) -> None:
    found = reading(
        plain(
            "statement: select 1/0 from t", "ERROR|division by zero", "STATEMENT|select 1/0 from t",
            "statement: select pg_sleep(9) from t", "ERROR|canceling statement due to user request",
            "statement: select 1 from t", "duration: 1.0 ms",
            "ERROR|duration: 5.0 ms  statement: select 9 from t",
        )
    )  # fmt: skip
    assert [text.query for text in found.texts] == ["select 1 from t"]
    assert found.passed.failed == 2


@pytest.mark.parametrize("plan_first", [True, False])
def test_a_plan_beside_its_statement_counts_once(reading: Callable[..., LogReading], plan_first: bool) -> None:
    text = "select a\nfrom t where b = $1"
    plan = f"duration: 2.0 ms  plan:\nQuery Text: {text}\nQuery Parameters: $1 = '5'\nSeq Scan on t  (cost=0.0..1.0)"
    statement = [f"duration: 2.1 ms  execute <unnamed>: {text}", "DETAIL|Parameters: $1 = '5'"]
    found = reading(plain(*([plan, *statement] if plan_first else [*statement, plan])))
    assert ran(found) == [(text, 1.0, ((1, "5"),))]
    alone = reading(plain(plan))
    assert ran(alone) == [(text, 1.0, ((1, "5"),))]


@pytest.mark.parametrize(
    "plan",
    [
        "Query Text: select '<&\"'\n from t where b = $1\nQuery Parameters: $1 = '5'\nSeq Scan on t  (cost=0.0..1.0)",
        '{\n  "Query Text": "select \'<&\\"\'\\n from t where b = $1",\n  "Query Parameters": "$1 = \'5\'"}',
        "<explain>\n <Query-Text>select '&lt;&amp;\"'\n from t where b = $1</Query-Text>\n"
        " <Query-Parameters>$1 = '5'</Query-Parameters>\n</explain>",
        'Query Text: "select \'<&\\"\'\\n from t where b = $1"\nQuery Parameters: "$1 = \'5\'"\nPlan: \n  Node Type: x',
    ],
    ids=["text", "json", "xml", "yaml"],
)
def test_plans_in_every_format(plan: str) -> None:
    said = read_message(f"duration: 2.0 ms  plan:\n{plan}", None)
    assert said is not None
    assert (said.text, said.parameters) == ("select '<&\"'\n from t where b = $1", {1: "5"})


def test_prepared_statements_of_sql() -> None:
    prepare = 'PREPARE "P q"(int, varchar(10)) AS\nselect 1 from t where a = $1 and b = $2;'
    assert executed("execute \"P q\"(-7, 'x''y')", prepare) == (
        "select 1 from t where a = $1 and b = $2",
        {1: "-7", 2: "x'y"},
    )
    assert executed('execute "P q"(1 + 1, now())', prepare)[1] == {}
    assert read_message("duration: 1.0 ms  statement: " + prepare, None) is None


def test_parameters() -> None:
    assert read_parameters("$1 = 'a, $2 = ''x''', $2 = NULL, $10 = '', $11 = 'cu...', $12 = 'm'") == (
        {1: "a, $2 = 'x'", 2: None, 10: "", 12: "m"},
        1,
    )


@pytest.mark.parametrize(
    ("prefix", "line", "groups"),
    [
        ("%m [%p] ", f"{WHEN} [12] ", {"process": "12"}),
        ("%m [%p] %q%u@%d ", f"{WHEN} [12] a b@c@d ", {"process": "12", "user": "a b", "database": "c@d"}),
        ("%m [%p] %q%u@%d ", f"{WHEN} [12] ", {"process": "12", "user": None, "database": None}),
        (
            "%t:%r:%u@%d:[%p]:",
            "2026-01-02 03:04:05 UTC:10.0.0.1(5432):ann@shop:[12]:",
            {"process": "12", "user": "ann", "database": "shop"},
        ),
        (
            "%-8u|%5p|%p|%% %a ",
            "ann     |   12|12|% my (app) ",
            {"user": "ann", "process": "12", "application": "my (app)"},
        ),
        ("<%c %l %e %x %v %Q %n>", "<6a.1f 3 00000 0 3/0 -99 1767323045.678>", {"session": "6a.1f"}),
    ],
)
def test_prefixes(prefix: str, line: str, groups: dict[str, str | None]) -> None:
    match = pattern_of(prefix).match(line + "LOG:  duration: 1.0 ms")
    assert match is not None
    assert {name: match[name] for name in groups} == groups
    assert match.end() == len(line) + len("LOG:  ")


def test_a_prefix_that_does_not_fit_is_replaced() -> None:
    lines = [f"{WHEN} [12] ann@shop LOG:  statement: x", f"{WHEN} [13] LOG:  checkpoint"]
    assert "database" in choose_pattern("%t wrong ", lines).groupindex
    assert choose_pattern(None, ["somehow [9] here LOG:  statement: x"]).match("somehow [9] else LOG:  x")


def test_a_foreign_line_without_end_takes_no_time(reading: Callable[..., LogReading]) -> None:
    log = plain("duration: 1.0 ms  statement: select 1 from t") + "a@b/c " * 500_000 + "\n"
    assert reading(log, prefix="%u@%d/%a ").statements == 1


def test_only_the_database_asked_for_and_not_our_own(reading: Callable[..., LogReading]) -> None:
    statement = "duration: 1.0 ms  statement: select 1 from t"
    prefix = "%m [%p] %q%u@%d %a "
    log = "".join(
        plain(statement, who=who, process=number)
        for number, who in enumerate(("ann@shop web ", "ann@other web ", "bob@shop pgadvise ", "bob@shop web "))
    )
    found = reading(log, prefix=prefix)
    assert Counter(text.role for text in found.texts) == {"ann": 1, "bob": 1}
    assert (found.passed.other_databases, found.passed.own) == (1, 1)
    assert "other databases" in reading(plain(statement, who="ann@other ")).gaps[0].why


def csv_line(message: str, detail: str = "", database: str = "shop") -> str:
    quoted = [f'"{value.replace(chr(34), chr(34) * 2)}"' if value else "" for value in (message, detail)]
    return (
        f'{WHEN},"ann","{database}",12,"[local]",6a.1f,3,"SELECT",{WHEN[:19]} UTC,3/4,0,LOG,00000,'
        f'{quoted[0]},{quoted[1]},,,,,,,,"psql","client backend",,-99\n'
    )


def test_csv_and_json_and_compression(reading: Callable[..., LogReading]) -> None:
    text, detail = 'select "A"\nfrom t where b = $1', "Parameters: $1 = 'x\",\ny'"
    message = f"duration: 1.5 ms  execute s: {text}"
    record = {"timestamp": WHEN, "user": "ann", "dbname": "shop", "pid": 12, "error_severity": "LOG"}
    line = json.dumps(record | {"message": message, "detail": detail}) + "\n"
    wrapped = json.dumps({"level": "info", "record": {
        "log_time": WHEN, "user_name": "ann", "database_name": "shop", "process_id": "12", "error_severity": "LOG",
        "message": message, "detail": detail,
    }}) + "\n"  # fmt: skip
    expected = [(text, 1.0, ((1, 'x",\ny'),))]
    for log in (csv_line(message, detail), "t where\n" + csv_line(message, detail), line, "{broken\n" + line, wrapped):
        assert ran(reading(log)) == expected
        assert ran(reading(gzip.compress(log.encode()), name="pg.gz")) == expected


def test_bytes_that_are_not_utf8(reading: Callable[..., LogReading]) -> None:
    raw = plain("duration: 1.0 ms  statement: select 1 from t where a = '#'").encode().replace(b"#", b"\xe9\x00")
    assert ran(reading(raw))[0][0].startswith("select 1 from t where a = '\\xe9")
    record = b'{"error_severity":"LOG","pid":1,"message":"duration: 1.0 ms  statement: select \'\xe9\\"\' from t"}\n'
    assert ran(reading(record))[0][0] == "select '\\xe9\"' from t"


def test_carriage_returns_and_foreign_lines(reading: Callable[..., LogReading]) -> None:
    log = plain("duration: 1.0 ms  statement: select 1\nfrom t") + "rsync: something\n" + plain("checkpoint starting")
    assert ran(reading(log.replace("\n", "\r\n"))) == [("select 1\nfrom t", 1.0, ())]
    own = plain("duration: 1.0 ms  statement: select 1\r\nfrom t", *["checkpoint starting"] * 20)
    assert ran(reading(own)) == [("select 1\r\nfrom t", 1.0, ())]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bytes(range(256)) * 100, "binary"),
        ("duration".encode("utf-16"), "UTF-16"),
        (gzip.compress(b"x" * 100_000, mtime=0)[:60], "damaged"),
    ],
)
def test_files_that_are_no_logs(reading: Callable[..., LogReading], data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        reading(data)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.log"):
        with pytest.raises(UsageError, match="cannot be read"):
            read_log_file(path, log_line_prefix=None)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "empty"),
        (plain("checkpoint starting: time"), "reports a statement"),
        (plain("Dauer: 0.123 ms  Anweisung: select 1"), "language"),
        (f"{WHEN} [7] LOG:  durée : 0.123 ms, instruction : select 1\n", "language"),
        ("hello\nworld\n" * 20, "do not look like"),
    ],
)
def test_logs_without_statements_are_gaps(reading: Callable[..., LogReading], log: str, words: str) -> None:
    found = reading(log)
    assert found.texts == ()
    (gap,) = found.gaps
    assert words in gap.why


def test_huge_logs_stay_small_and_add_up() -> None:
    sampler = Sampler()
    for number in range(30_000):
        sampler.add(Execution(text=f"select * from t{number % 3} where a = {number}", user=None, ms=2.0))
    texts = tuple(sampler.texts("pg.log"))
    assert len(texts) < 300
    assert sum(text.calls for text in texts) == pytest.approx(30_000)
    assert sum(text.total_exec_time or 0 for text in texts) == pytest.approx(60_000)
    values = [int(text.query.rpartition(" ")[2]) for text in texts]
    assert min(values) < 10_000 < 20_000 < max(values)  # from all of the log, not from its beginning


def test_long_texts_are_thinned() -> None:
    sampler, long = Sampler(), "'" + "x" * 290_000 + "'"
    for number in range(70):
        for kind in range(4):
            sampler.add(Execution(text=f"select {long} from t{kind} where b = {number}", user=None, ms=1.0))
    texts: tuple[WorkloadText, ...] = tuple(sampler.texts("pg.log"))
    assert sum(len(text.query) for text in texts) <= 50 << 20
    assert sum(text.calls for text in texts) == pytest.approx(280)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("select 1 from t where a = 5", "select 2\nfrom t where a = 'x''y'", True),
        ("select 1 from t where a in (1,2)", "select 1 from t where a in (1, 2, 3)", True),
        ("select 1 from t1", "select 1 from t2", False),
        ('select 1 from "t 1"', 'select 1 from "t 2"', False),
        ("select 1 from t /* trace 1 */ where a = 1", "select 1 from t /* trace 2 */ where a = 1", True),
        ("select 1 from t where a = $1", "select 1 from t where a = $2", False),
        ("select e'\\'a', $q$ 'x $q$", "select e'b', $q$y$q$", True),
    ],
)
def test_kinds(one: str, other: str, alike: bool) -> None:
    assert (kind_of(one) == kind_of(other)) is alike
