"""The file of targets: what it says, and the line of what is wrong in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from advisor.errors import UsageError
from advisor.fleet.shard import Shard, parse_shard
from advisor.fleet.targets import read_targets

GOOD = """
[defaults]
labels = { env = "prod" }
password_command = "pass show pg"
storage = "ssd"
policy = "keep.toml"

[[target]]
name = "shop"
dsn = "host=db1 dbname=shop user=pgadvise"
labels = { team = "web" }
replicas = ["host=db2", "host=db3"]
ram = "64GB"
cores = 16

[[target]]
name = "many"
service = "warehouse"
databases = "*"
exclude = ["test_*"]
password_env = "WAREHOUSE_PASSWORD"
"""


def _read(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    return path


def test_what_a_file_says(tmp_path: Path) -> None:
    shop, many = read_targets(_read(tmp_path, GOOD))
    assert shop.dsn == "host=db1 dbname=shop user=pgadvise"
    assert dict(shop.labels) == {"env": "prod", "team": "web"}
    assert shop.replicas == ("host=db2", "host=db3")
    assert shop.overrides == {
        "storage": "ssd", "policy": str(tmp_path / "keep.toml"), "ram": "64GB", "cores": 16,
    }  # fmt: skip
    assert (shop.password_command, shop.password_env, shop.databases) == ("pass show pg", None, None)
    assert many.dsn == "service=warehouse"
    assert (many.databases, many.exclude) == (("*",), ("test_*",))
    assert (many.password_command, many.password_env) == (None, "WAREHOUSE_PASSWORD"), (
        "its own way replaces the default"
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[target]]\nname = "a"\ndsn = "host=x password=s3cret"\n', 3, "contains a password"),
        ('[[target]]\nname = "a"\n\ndsn = "postgresql://u:s3cret@x/y"\n', 4, "contains a password"),
        ('[[target]]\nname = "a"\ndsn = "host=x"\nreplicas = ["host=y", "postgresql://u:s3cret@x/y"]\n', 4, "password"),
        ('[[target]]\nname = "a"\ndsn = "host=x"\npassword = "s3cret"\n', 4, "no place"),
        ('[defaults]\npassword = "s3cret"\n[[target]]\nname = "a"\ndsn = "x"\n', 2, "no place"),
        ('[[target]]\nname = "a"\ndsn = "x"\n[[target]]\nname = "b"\ndsn = "x"\ncolour = "red"\n', 7, "unknown key"),
        ('[[target]]\nname = "a"\ndsn = "x"\n[[target]]\nname = "a"\ndsn = "x"\n', 5, "two targets named 'a'"),
        ('[[target]]\nname = "../etc"\ndsn = "x"\n', 2, "cannot name files"),
        ('[[target]]\ndsn = "x"\n', 1, "no name"),
        ('[[target]]\nname = "a"\n', 1, "either dsn or service"),
        ('[[target]]\nname = "a"\ndsn = "x"\nservice = "y"\n', 3, "either dsn or service"),
        ('[[target]]\nname = "a"\ndsn = "x"\ncores = true\n', 4, "wrong type"),
        ('[[target]]\nname = "a"\ndsn = "x"\nlabels = { n = 1 }\n', 4, "labels must be texts"),
        ('[[target]]\nname = "a"\ndsn = "host=x nonsense"\n', 3, "cannot be understood"),
        ('[[target]]\nname = "a"\ndsn = "x"\npassword_env = "A"\npassword_command = "b"\n', 4, "not both"),
    ],
)  # fmt: skip
def test_the_line_of_what_is_wrong(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = _read(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read_targets(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[[target", "x = 1", "target = 3", "[defaults]\nram = '1GB'"])
def test_files_that_are_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError):
        read_targets(_read(tmp_path, text))
    with pytest.raises(UsageError, match="cannot be read"):
        read_targets(tmp_path / "missing.toml")


def test_shards_are_a_partition_and_the_same_everywhere() -> None:
    names = [f"db{number}" for number in range(1000)]
    owners = Counter(sum(Shard(index, 8).has(name) for index in range(8)) for name in names)
    assert owners == {1: 1000}
    sizes = [sum(Shard(index, 8).has(name) for name in names) for index in range(8)]
    assert min(sizes) > 90
    # Fixed for ever: another machine, another Python, another day.
    assert [Shard(index, 4).has("shop") for index in range(4)] == [False, True, False, False]


@pytest.mark.parametrize("text", ["", "4/4", "-1/4", "1", "1/0", "a/b", "1/4/2", "0.5/2"])
def test_shards_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_shard(text)
