"""Whatever a file holds, it is judged or refused in plain sentences."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import UsageError
from advisor.settings import SettingsOptions, review_conf
from advisor.settings.facts import MAJORS, settings_of
from advisor.settings.options import PROFILES
from advisor.settings.providers import PROVIDERS

names = st.one_of(
    st.sampled_from(sorted(settings_of(17))),
    st.sampled_from(["work_mem", "shared_buffers", "max_connections", "autovacuum_max_workers", "include", "x.y"]),
    st.text("abc_", min_size=1, max_size=8),
)
values = st.one_of(
    st.sampled_from(
        ["on", "off", "-1", "0", "1", "64MB", "2GB", "1TB", "64mb", "5min", "1e9", "'quoted'", "''", "0x10"]
    ),
    st.integers(-5, 1 << 40).map(str),
    st.floats(allow_nan=False).map(str),
    st.text(max_size=10),
)
lines = st.one_of(
    st.builds(lambda n, s, v, c: f"{n}{s}{v}{c}", names, st.sampled_from([" = ", "=", " ", ": ", " TO "]), values,
              st.sampled_from(["", " # why", ";", " -- x"])),
    st.text(max_size=30),
    st.sampled_from(["=", "```", "```conf", "| work_mem | 64MB |", "- jit: off", "ALTER SYSTEM SET work_mem = '1GB';"]),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(lines, max_size=15).map("\n".join).map(lambda text: text + "\n"),
    st.sampled_from(list(MAJORS)),
    st.sampled_from(PROVIDERS),
    st.sampled_from(PROFILES),
    st.one_of(st.none(), st.sampled_from([512 << 20, 8 << 30, 1 << 40])),
    st.one_of(st.none(), st.sampled_from([1, 4, 128])),
)
def test_anything(text: str, major: int, provider: str, profile: str, ram: int | None, cores: int | None) -> None:
    options = SettingsOptions(ram_bytes=ram, cores=cores, provider=provider, profile=profile, storage="ssd")
    try:
        advice = review_conf(text, options, major)
    except UsageError as error:
        assert error.message.endswith(".") and "\n" not in error.message
        return
    for finding in advice.findings:
        assert finding.title and "\n" not in finding.title
        assert finding.detail[-1] in ".?", finding.detail
    for proposal in advice.proposals:
        assert proposal.reason.endswith(".") and proposal.current != proposal.proposed
    if ram is not None and provider == "self-hosted" and advice.worst_case_bytes_proposed is not None:
        assert advice.worst_case_bytes_proposed <= 0.9 * ram
