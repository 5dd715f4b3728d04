"""The gate against squawk: CPU seconds for a thousand files in one run, precision and recall on our own cases.

    .venv/bin/python -m tests.bench.bench_gate [path of a squawk binary]

squawk (PyPI: squawk-cli) is not a dependency; without its path only our own numbers are printed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.gate.test_measured import CASES, expected, judged, majors_of

FILES = 1000
# Style and timeouts: no hazard of a statement, and off or told once with us.
_STYLE = ("prefer-", "require-", "ban-char-field", "identifier-too-long", "transaction-nesting")
_HAZARDS = ("require-concurrent-",)


def write_files(folder: Path) -> None:
    """Write a thousand migrations, made of the cases again and again."""
    texts = [sql for _, _, sql in CASES]
    for number in range(FILES):
        (folder / f"{number:04}.sql").write_text(f"-- {number}\n{texts[number % len(texts)]}")


def seconds(*command: str) -> float:
    """Return the CPU seconds of a command: other work on the machine does not count. Exit 0 and 1 are verdicts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr.decode())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def alarms_of_squawk(binary: str, sql: str, folder: Path) -> list[str]:
    """Return the rules of squawk that a case violates, style left out."""
    path = folder / "case.sql"
    path.write_text(sql)
    done = subprocess.run([binary, "--reporter", "json", str(path)], capture_output=True, text=True, check=False)
    names = [violation["rule_name"] for violation in json.loads(done.stdout or "[]")]
    return [name for name in names if name.startswith(_HAZARDS) or not name.startswith(_STYLE)]


def score(verdicts: list[tuple[bool, bool]]) -> str:
    """Return precision and recall of (is bad, was found)."""
    right = sum(bad and found for bad, found in verdicts)
    precision = right / max(1, sum(found for _, found in verdicts))
    recall = right / max(1, sum(bad for bad, _ in verdicts))
    alarms = sum(found and not bad for bad, found in verdicts)
    harmless = sum(not bad for bad, _ in verdicts)
    return f"precision {precision:.3f}  recall {recall:.3f}  alarms on {alarms} of {harmless} harmless cases"


def main() -> None:
    """Print the comparison."""
    squawk = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        gate = [sys.executable, "-m", "advisor.cli", "gate", "--no-run", "--format", "json", "--quiet"]
        one = min(seconds(*gate, str(folder / "0001.sql")) for _ in range(3))
        many = min(seconds(*gate, "--each", name) for _ in range(3))
        print(f"pgadvise gate: one file {one:.2f} s, {FILES} files {many:.2f} s")
        ours = [
            (bool(expected(rule, head)), bool(judged(sql, max(majors_of(head)), rule))) for rule, head, sql in CASES
        ]
        print(f"  {len(CASES)} cases: {score(ours)}")
        if squawk is not None:
            paths = sorted(str(path) for path in folder.glob("*.sql"))
            theirs = min(seconds(squawk, "--reporter", "json", *paths) for _ in range(3))
            print(f"squawk: {FILES} files {theirs:.2f} s; ratio {many / theirs:.1f}")
            found = [
                (bool(expected(rule, head)), bool(alarms_of_squawk(squawk, sql, folder))) for rule, head, sql in CASES
            ]
            print(f"  {len(CASES)} cases: {score(found)}")


if __name__ == "__main__":
    main()
