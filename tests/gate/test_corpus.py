"""The static verdict on labelled files: `-- expect: rule, rule` stands before each statement that has a hazard.

Half of the files are harmless. A first line `-- options: …` says how the file is run: in-transaction, major=N,
schema=NAME (a file of corpus/schemas that makes the database before it).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from advisor.gate import judge_migrations
from advisor.gate.files import find_migrations

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted([*(CORPUS / "bad").glob("*.sql"), *(CORPUS / "good").glob("*.sql")])
LEAST = 0.97
_EXPECT = re.compile(r"^\s*-- expect: (.*)$")

Alarm = tuple[int, str]


def expected(text: str) -> Counter[Alarm]:
    """Return (line, rule) of the labels: the line of the first statement after them."""
    found: Counter[Alarm] = Counter()
    waiting: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        label = _EXPECT.match(line)
        if label is not None:
            waiting += [rule.strip() for rule in label[1].split(",")]
        elif waiting and line.strip() and not line.lstrip().startswith("--"):
            found.update((number, rule) for rule in waiting)
            waiting = []
    return found


def alarms(path: Path) -> Counter[Alarm]:
    """Return (line, rule) of what the gate finds; severity info is no alarm."""
    text = path.read_text()
    options = dict(
        option.partition("=")[::2]
        for line in text.splitlines()[:1]
        if line.startswith("-- options: ")
        for option in line.removeprefix("-- options: ").split()
    )
    schema = (CORPUS / "schemas" / f"{options['schema']}.sql").read_text() if "schema" in options else None
    (file,) = judge_migrations(
        find_migrations([str(path)]), int(options.get("major", 16)), schema=schema,
        in_transaction="in-transaction" in options,
    )  # fmt: skip
    return Counter({(f.line, f.rule): 1 for f in file.findings if f.severity != "info"})


def test_half_of_the_corpus_is_harmless() -> None:
    harmless = [path for path in FILES if not expected(path.read_text())]
    assert len(FILES) >= 80
    assert {path.parent.name for path in harmless} == {"good"}
    assert 0.4 < len(harmless) / len(FILES) < 0.6


def test_precision_and_recall() -> None:
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    lines = []
    for path in FILES:
        labels, found = expected(path.read_text()), alarms(path)
        right.update(rule for _, rule in labels & found)
        wrong.update(rule for _, rule in found - labels)
        missed.update(rule for _, rule in labels - found)
        lines += [f"{path.name}:{line} false alarm {rule}" for line, rule in sorted(found - labels)]
        lines += [f"{path.name}:{line} missed {rule}" for line, rule in sorted(labels - found)]
    precision = right.total() / (right.total() + wrong.total())
    recall = right.total() / (right.total() + missed.total())
    numbers = f"precision {precision:.3f}, recall {recall:.3f} over {right.total() + missed.total()} labels"
    assert precision >= LEAST and recall >= LEAST, "\n".join([numbers, *lines])


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "good"], ids=lambda path: path.stem)
def test_harmless_files_are_silent(path: Path) -> None:
    assert not alarms(path)
