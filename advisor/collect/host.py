"""RAM, cores and storage of the machine under the server, when it is this machine or the server may read its files.

A Unix socket or a loopback address proves nothing by itself: behind it may be a container, a tunnel or a pooler. The
server counts as local only when its own process can be seen from here, and then the limits of *its* control group
count, not ours. Only Linux offers that proof; elsewhere the machine stays unknown and flags settle it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import psycopg

from advisor.collect.reader import Reader
from advisor.model.server import HostFacts, Setting
from advisor.resources import sql_text

# Absolute path -> text, None where there is no such file or it may not be read.
ReadFile = Callable[[str], str | None]

_SERVER_PROGRAMS = ("postgres", "postmaster", "edb-postgres")
# cgroup v1 writes "no limit" as the largest multiple of the page size: 9223372036854771712 with pages of 4 kB.
_UNLIMITED = 1 << 60
# Virtual disks call themselves rotating whatever they are made of.
_VIRTUAL_DISKS = ("vd", "xvd", "hv", "nbd", "rbd", "loop", "zd")
_VIRTUAL_VENDORS = ("qemu", "vmware", "msft", "google", "virtio", "amazon", "vbox", "nutanix")


def find_host_facts(reader: Reader, settings: Iterable[Setting] = (), root: Path = Path("/")) -> HostFacts:
    """Return what can be known of the server's machine: seen from here, or read through the server."""
    pid = server_process(reader.connection, root)
    if pid is not None:
        directory = next((s.setting for s in settings if s.name == "data_directory"), None)
        facts = local_host_facts(root, pid=pid, data_directory=directory)
        if facts.ram_bytes is not None:
            return facts
    through_server = _server_files(reader)
    return HostFacts() if through_server is None else facts_from_files(through_server, by="read through the server")


def server_is_local(connection: psycopg.Connection[Any], root: Path = Path("/")) -> bool:
    """Return whether the server's own process is visible on this machine."""
    return server_process(connection, root) is not None


def local_host_facts(root: Path = Path("/"), *, pid: int | None = None, data_directory: str | None = None) -> HostFacts:
    """Return the facts of this machine as process `pid` (default: ourselves) may use it.

    `root` holds proc/ and sys/; `data_directory` tells which disk counts.
    """
    facts = facts_from_files(_files_below(root), process=str(pid) if pid is not None else "self")
    storage = _storage_of(root, data_directory) if data_directory else None
    return replace(
        facts, local=True, storage=storage, storage_source="the data directory's disk" if storage is not None else None
    )


def server_process(connection: psycopg.Connection[Any], root: Path = Path("/")) -> int | None:
    """Return the id, as seen from here, of a process of the server behind `connection`; None without proof."""
    if not sys.platform.startswith("linux"):
        return None
    read = _files_below(root)
    try:
        # A copy of the descriptor: closing it leaves libpq's own open.
        with socket.socket(fileno=os.dup(connection.pgconn.socket)) as peer:
            if peer.family == socket.AF_UNIX:
                # The process that listens, translated into our process namespace; 0 when it lives in another one.
                pid, _, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
                return pid if pid > 0 and _is_server(read, pid) else None
            address, port = peer.getsockname()[:2]
    except (OSError, psycopg.OperationalError):
        return None
    # Over TCP the backend's title names the client's address and port: "postgres: app shop 127.0.0.1(50718) idle".
    pid = connection.info.backend_pid
    title = read(f"/proc/{pid}/cmdline") or ""
    return pid if title.startswith("postgres:") and f" {address}({port}) " in title.replace("\0", " ") else None


def _is_server(read: ReadFile, pid: int) -> bool:
    return (read(f"/proc/{pid}/comm") or "").strip() in _SERVER_PROGRAMS


def _files_below(root: Path) -> ReadFile:
    def read(path: str) -> str | None:
        try:
            return (root / path.lstrip("/")).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None  # no such file here, or not for us: simply unknown

    return read


def _server_files(reader: Reader) -> ReadFile | None:
    """Return a reader of the server's files, or None where the role may not (asked first: a refusal is an error)."""
    allowed = reader.dicts(sql_text("host_files_allowed"), name="host", what="the right to read the server's files")
    if not allowed or not allowed[0]["allowed"]:
        return None

    def read(path: str) -> str | None:
        rows = reader.dicts(sql_text("host_files"), name="host", what=f"{path} on the server", params={"path": path})
        return str(rows[0]["content"]) if rows and rows[0]["content"] is not None else None

    return read


def facts_from_files(read: ReadFile, process: str = "self", by: str | None = None) -> HostFacts:
    """Return RAM and cores from /proc and /sys/fs/cgroup as `process` has them; `by` is added to the sources."""
    suffix = f", {by}" if by else ""
    groups = _control_groups(read(f"/proc/{process}/cgroup") or "")
    if groups is None:
        return HostFacts()  # the process lives in a control group that cannot be seen from here
    ram, ram_source = _memory(read, groups)
    cores, cores_source = _cores(read, groups, process)
    return HostFacts(
        ram_bytes=ram,
        ram_source=f"{ram_source}{suffix}" if ram is not None else None,
        cores=cores,
        cores_source=f"{cores_source}{suffix}" if cores is not None else None,
    )


def _control_groups(text: str) -> dict[str, str] | None:
    """Return controller -> path from /proc/…/cgroup, '' being version 2; None for a group outside our namespace."""
    groups = {}
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if ".." in PurePosixPath(path).parts:
            return None
        for controller in controllers.split(",") if number != "0" else [""]:
            groups[controller] = path
    return groups


def _upwards(path: str) -> list[str]:
    """Return a group's path and those above it, the root last as ''."""
    pure = PurePosixPath("/") / path.lstrip("/")
    return [str(p).rstrip("/") for p in (pure, *pure.parents)]


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return int(text.split()[0]) if text.split() else None
    return None  # "max": no limit


def _memory(read: ReadFile, groups: dict[str, str]) -> tuple[int | None, str]:
    limits: list[tuple[int, str]] = []
    for above in _upwards(groups.get("", "/")):
        if (limit := _number(read(f"/sys/fs/cgroup{above}/memory.max"))) is not None:
            limits.append((limit, "cgroup v2 limit"))
    if "memory" in groups:
        for above in _upwards(groups["memory"]):
            limit = _number(read(f"/sys/fs/cgroup/memory{above}/memory.limit_in_bytes"))
            if limit is not None and limit < _UNLIMITED:
                limits.append((limit, "cgroup v1 limit"))
    for line in (read("/proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            total = _number(line.removeprefix("MemTotal:"))
            if total:
                limits.append((total * 1024, "/proc/meminfo"))
    if not any(source == "/proc/meminfo" for _, source in limits):
        return None, ""  # a limit alone may be far above the machine's memory
    # A limit of 0 would stop the process at once: it is no limit but a half-written file.
    return min((limit for limit in limits if limit[0] > 0), key=lambda limit: limit[0], default=(None, ""))


def _cores(read: ReadFile, groups: dict[str, str], process: str) -> tuple[float | None, str]:
    count = _allowed_cpus(read(f"/proc/{process}/status") or "")
    if count is None:
        lines = (read("/proc/cpuinfo") or "").splitlines()
        count = sum(line.startswith("processor") for line in lines) or None
    if count is None:
        return None, ""
    quotas: list[tuple[float, str]] = [(float(count), "processors the server may run on")]
    for above in _upwards(groups.get("", "/")):
        parts = (read(f"/sys/fs/cgroup{above}/cpu.max") or "").split()
        if len(parts) == 2 and parts[0].isdigit() and parts[1].isdigit() and int(parts[1]):
            quotas.append((int(parts[0]) / int(parts[1]), "cgroup v2 quota"))
    for above in _upwards(groups["cpu"]) if "cpu" in groups else []:
        for mount in ("cpu", "cpu,cpuacct"):
            quota = _number(read(f"/sys/fs/cgroup/{mount}{above}/cpu.cfs_quota_us"))
            period = _number(read(f"/sys/fs/cgroup/{mount}{above}/cpu.cfs_period_us"))
            if quota and period and quota > 0:
                quotas.append((quota / period, "cgroup v1 quota"))
    return min(quotas, key=lambda quota: quota[0])


def _allowed_cpus(status: str) -> int | None:
    """Return how many processors '0-3,8' are."""
    for line in status.splitlines():
        if line.startswith("Cpus_allowed_list:"):
            count = 0
            for part in line.partition(":")[2].strip().split(","):
                first, _, last = part.partition("-")
                if first.isdigit():
                    count += int(last or first) - int(first) + 1
            return count or None
    return None


def _storage_of(root: Path, data_directory: str) -> str | None:
    try:
        device = (root / data_directory.lstrip("/")).stat().st_dev
    except OSError:
        return None  # the directory belongs to another account: its disk stays unknown
    return storage_of_device(root, os.major(device), os.minor(device))


def storage_of_device(root: Path, major: int, minor: int) -> str | None:
    """Return nvme, ssd or hdd for a block device, None where the system cannot know (virtual disks, overlays)."""
    entry = root / f"sys/dev/block/{major}:{minor}"
    try:
        disk = entry.resolve(strict=True)
    except OSError:
        return None
    slaves = disk / "slaves"
    kinds = set()
    if slaves.is_dir() and any(slaves.iterdir()):
        kinds = {_kind_of_disk(slave.resolve()) for slave in slaves.iterdir()}
    else:
        kinds = {_kind_of_disk(disk)}
    return kinds.pop() if len(kinds) == 1 else None


def _kind_of_disk(disk: Path) -> str | None:
    # A partition has no queue of its own; its disk is the folder above.
    whole = next((d for d in (disk, disk.parent) if (d / "queue/rotational").is_file()), None)
    if whole is None:
        return None
    if whole.name.startswith("nvme"):
        return "nvme"
    try:
        rotational = (whole / "queue/rotational").read_text().strip() == "1"
        vendor_file = whole / "device/vendor"
        vendor = vendor_file.read_text().strip().lower() if vendor_file.is_file() else ""
    except OSError:
        return None
    if not rotational:
        return "ssd"
    if whole.name.startswith(_VIRTUAL_DISKS) or vendor.startswith(_VIRTUAL_VENDORS):
        return None
    return "hdd"
