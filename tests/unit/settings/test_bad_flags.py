"""Impossible flags of settings and capacity: one sentence, exit code 2, and nothing on standard output."""

from __future__ import annotations

import pytest

from advisor.cli import capacity, settings_commands
from advisor.cli.app import app
from advisor.errors import UsageError

assert capacity and settings_commands, "importing them registers the commands"

HOST = ("settings", "--major", "17", "--ram", "8GB")
LOAD = ("capacity", "--load", "--may-load-server")
BAD = {
    "no RAM": ("settings", "--major", "17", "--ram", "0"),
    "RAM without a unit": ("settings", "--major", "17", "--ram", "8"),
    "little RAM": ("settings", "--major", "17", "--ram", "1MB"),
    "negative RAM": ("settings", "--major", "17", "--ram", "-8GB"),
    "unbelievable RAM": ("settings", "--major", "17", "--ram", "99999999PB"),
    "negative cores": (*HOST, "--cores", "-1"),
    "no cores": (*HOST, "--cores", "0"),
    "cores in words": (*HOST, "--cores", "four"),
    "endless cores": (*HOST, "--cores", "inf"),
    "no number of cores": (*HOST, "--cores", "nan"),
    "users in words": (*HOST, "--users", "many"),
    "no users": (*HOST, "--users", "0"),
    "too many users": (*HOST, "--users", "9" * 30),
    "a share beyond the whole": (*HOST, "--ram-share", "150%"),
    "no share": (*HOST, "--ram-share", "half"),
    "no WAL disk": (*HOST, "--wal-disk-free", "0"),
    "old major": ("settings", "--major", "12", "--ram", "8GB"),
    "no connections": (*HOST, "--connections", "0"),
    "unknown provider": (*HOST, "--provider", "mainframe"),
    "missing file": ("settings", "--review", "no such file.conf"),
    "capacity without users": ("capacity",),
    "capacity for words": ("capacity", "--users", "many"),
    "more than a server has": ("capacity", "--users", "999999999"),
    "no database time": ("capacity", "--users", "5", "--database-seconds", "0"),
    "endless peak": ("capacity", "--users", "5", "--peak-factor", "inf"),
    "no peak": ("capacity", "--users", "5", "--peak", "morning"),
    "no processes": ("capacity", "--users", "5", "--processes", "0"),
    "a target without load": ("capacity", "--users", "5", "--target-p95", "1s"),
    "load unasked": ("capacity", "--load"),
    "no clients": (*LOAD, "--clients", "0"),
    "no time": (*LOAD, "--step", "0s"),
    "no target": (*LOAD, "--target-p95", "fast"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_sentence(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as error:
        app(list(BAD[case]), standalone_mode=False)
    assert error.value.exit_code == 2
    sentence = error.value.message
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 200, sentence
    assert capsys.readouterr().out == ""
