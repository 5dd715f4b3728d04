"""RAM and cores out of /proc and control groups, in made-up trees; disks out of /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.collect.host import local_host_facts, storage_of_device
from advisor.model.server import HostFacts

GB = 1 << 30
MEMINFO = "MemTotal:       16384000 kB\nMemFree:         1000000 kB\n"
TOTAL = 16384000 * 1024
V1_UNLIMITED = "9223372036854771712\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    base = {"proc/meminfo": MEMINFO, "proc/self/status": "Name:\tpostgres\nCpus_allowed_list:\t0-7\n"}
    for name, text in (base | files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def facts(tmp_path: Path, files: dict[str, str], pid: int | None = None) -> HostFacts:
    return local_host_facts(tree(tmp_path, files), pid=pid)


def test_no_limit(tmp_path: Path) -> None:
    found = facts(tmp_path, {"proc/self/cgroup": "0::/\n"})
    assert (found.ram_bytes, found.ram_source) == (TOTAL, "/proc/meminfo")
    assert (found.cores, found.cores_source) == (8, "processors the server may run on")
    assert found.local


def test_v2_limit_in_a_container(tmp_path: Path) -> None:
    """A container with a control group namespace sees its own group as the root."""
    found = facts(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{2 * GB}\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
        },
    )
    assert (found.ram_bytes, found.ram_source) == (2 * GB, "cgroup v2 limit")
    assert (found.cores, found.cores_source) == (1.5, "cgroup v2 quota")


def test_v2_max_is_no_limit(tmp_path: Path) -> None:
    found = facts(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a\n",
            "sys/fs/cgroup/a/memory.max": "max\n",
            "sys/fs/cgroup/a/cpu.max": "max 100000\n",
        },
    )
    assert (found.ram_bytes, found.ram_source, found.cores) == (TOTAL, "/proc/meminfo", 8)


def test_v2_nested_groups_the_smallest_counts(tmp_path: Path) -> None:
    found = facts(
        tmp_path,
        {
            "proc/self/cgroup": "0::/system.slice/postgresql.service/worker\n",
            "sys/fs/cgroup/system.slice/memory.max": f"{4 * GB}\n",
            "sys/fs/cgroup/system.slice/cpu.max": "200000 100000\n",
            "sys/fs/cgroup/system.slice/postgresql.service/memory.max": f"{6 * GB}\n",
            "sys/fs/cgroup/system.slice/postgresql.service/worker/memory.max": "max\n",
            "sys/fs/cgroup/system.slice/postgresql.service/worker/cpu.max": "400000 100000\n",
        },
    )
    assert (found.ram_bytes, found.cores) == (4 * GB, 2)


def test_v1_limit(tmp_path: Path) -> None:
    found = facts(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n0::/x\n",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": f"{3 * GB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": V1_UNLIMITED,
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
        },
    )
    assert (found.ram_bytes, found.ram_source) == (3 * GB, "cgroup v1 limit")
    assert (found.cores, found.cores_source) == (3, "cgroup v1 quota")


def test_v1_inside_the_container_shows_the_hosts_path(tmp_path: Path) -> None:
    """Without a namespace the path is the host's, and the limit lies at the root of the mount."""
    found = facts(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu:/docker/abc\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{1 * GB}\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert (found.ram_bytes, found.cores) == (1 * GB, 8)


def test_v1_unlimited(tmp_path: Path) -> None:
    found = facts(
        tmp_path,
        {"proc/self/cgroup": "5:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": V1_UNLIMITED},
    )
    assert (found.ram_bytes, found.ram_source) == (TOTAL, "/proc/meminfo")


def test_the_servers_group_counts_not_ours(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/user.slice\n",
        "sys/fs/cgroup/user.slice/memory.max": f"{1 * GB}\n",
        "proc/77/cgroup": "0::/system.slice/pg\n",
        "proc/77/status": "Cpus_allowed_list:\t0,2,4-5\n",
        "sys/fs/cgroup/system.slice/pg/memory.max": f"{5 * GB}\n",
    }
    found = facts(tmp_path, files, pid=77)
    assert (found.ram_bytes, found.cores) == (5 * GB, 4)


def test_a_group_outside_our_namespace_is_unknown(tmp_path: Path) -> None:
    """Its limit cannot be seen; the machine's memory would be a guess."""
    files = {"proc/77/cgroup": "0::/../sibling\n", "sys/fs/cgroup/memory.max": f"{1 * GB}\n"}
    found = facts(tmp_path, files, pid=77)
    assert found.ram_bytes is None and found.cores is None and found.ram_source is None


@pytest.mark.parametrize("text", ["", "\n", "garbage\n", "-5\n", "0\n"])
def test_half_written_limits(tmp_path: Path, text: str) -> None:
    found = facts(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": text})
    assert found.ram_bytes == TOTAL


def test_not_linux(tmp_path: Path) -> None:
    found = local_host_facts(tmp_path)
    assert (found.ram_bytes, found.cores, found.storage) == (None, None, None)


def disk(root: Path, name: str, rotational: str, vendor: str | None = None, partition: bool = False) -> None:
    whole = root / "sys/devices/pci/block" / name
    (whole / "queue").mkdir(parents=True)
    (whole / "queue/rotational").write_text(rotational + "\n")
    if vendor is not None:
        (whole / "device").mkdir()
        (whole / "device/vendor").write_text(vendor + "\n")
    target = whole
    if partition:
        target = whole / f"{name}1"
        target.mkdir()
    links = root / "sys/dev/block"
    links.mkdir(parents=True, exist_ok=True)
    (links / "8:1").symlink_to(target)


@pytest.mark.parametrize(
    ("name", "rotational", "vendor", "kind"),
    [
        ("nvme0n1", "0", None, "nvme"),
        ("sda", "0", "ATA", "ssd"),
        ("sda", "1", "ATA", "hdd"),
        ("vda", "1", None, None),  # a virtual disk calls itself rotating whatever it is
        ("sda", "1", "QEMU", None),
        ("vda", "0", None, "ssd"),
    ],
)
@pytest.mark.parametrize("partition", [False, True])
def test_disks(
    tmp_path: Path, name: str, rotational: str, vendor: str | None, kind: str | None, partition: bool
) -> None:
    disk(tmp_path, name, rotational, vendor, partition)
    assert storage_of_device(tmp_path, 8, 1) == kind


def test_mapped_disks(tmp_path: Path) -> None:
    disk(tmp_path, "sda", "0", "ATA")
    mapped = tmp_path / "sys/devices/virtual/block/dm-0"
    (mapped / "slaves").mkdir(parents=True)
    (mapped / "slaves/sda").symlink_to(tmp_path / "sys/devices/pci/block/sda")
    (tmp_path / "sys/dev/block/253:0").symlink_to(mapped)
    assert storage_of_device(tmp_path, 253, 0) == "ssd"
    assert storage_of_device(tmp_path, 0, 99) is None  # an overlay has no block device
