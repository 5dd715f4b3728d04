"""The published comparison: ours never above 90 % of RAM on any of the 72 hosts."""

from __future__ import annotations

from tests.bench.bench_settings_matrix import TUNERS, full_share, hosts, plain_share, table


def test_ours_fits_everywhere() -> None:
    places = list(hosts())
    assert len(places) == 72
    for host in places:
        plan = TUNERS["pgadvise"](host)
        assert full_share(plan, host.ram) <= 0.9, host
        assert plan.work_mem >= 1 << 20


def test_the_others_do_not() -> None:
    for name in ("pgtune", "pgconfig", "timescaledb-tune"):
        assert max(full_share(TUNERS[name](host), host.ram) for host in hosts()) > 1, name
    assert table(plain_share)[2].startswith("| pgadvise |")
