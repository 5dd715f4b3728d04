"""The container twin: what is asked of Docker, and one sentence where there is none."""

from __future__ import annotations

import pytest
from docker.errors import DockerException

from advisor.errors import TwinFailed
from advisor.whatif.container import _checksum_option, container_server


@pytest.mark.parametrize(
    ("image", "turned_off"),
    [
        ("postgres:15", False),
        ("postgres:17.2-alpine", False),
        ("postgres:18", True),
        ("postgres", True),
        ("registry.example:5000/postgres", True),
        ("registry.example:5000/postgres:13-bookworm", False),
    ],
)
def test_checksums_are_turned_off_where_initdb_would_turn_them_on(image: str, turned_off: bool) -> None:
    assert ("--no-data-checksums" in _checksum_option(image)) == turned_off


def test_without_docker_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(image: str) -> None:
        raise DockerException("Error while fetching server API version: no such file")

    monkeypatch.setattr("testcontainers.core.container.DockerContainer", refused)
    with pytest.raises(TwinFailed, match=r"container postgres:15 .*Docker"), container_server("postgres:15"):
        pytest.fail("there is no Docker to start it")
