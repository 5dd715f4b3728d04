"""A folder as initdb leaves it, kept for the next private server: copying it takes a fifth of initdb's time.

The copies share a system identifier, so they serve where nobody asks who the cluster is: for planner twins. A seed
lies in the user's cache folder (`$XDG_CACHE_HOME/pgadvise/clusters`), which must be the user's own. Its name says what
it was made with and since when the machine runs: nothing was forced to the disk, so that only the running system is
known to have it whole. Whatever fails here costs only time: initdb does it then.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# initdb lists the collations of the system: with another locale the seed is another.
_LOCALES = (Path("/usr/lib/locale"), Path("/usr/lib/locale/locale-archive"), Path("/usr/lib/os-release"))
_OLD = 7 * 86400  # seconds: seeds of earlier days that nobody starts from any more


def seed_for(bindir: Path, version: str, command: tuple[str, ...], account: str) -> Path | None:
    """Return where the seed of these programs and options is, or is to be; None where none can be kept.

    `account` owns the server's files; `command` are the options of initdb.
    """
    folder = _folder()
    if folder is None:
        return None
    try:
        boot = _BOOT_ID.read_text().strip()
        programs = [(bindir / name).stat() for name in ("initdb", "postgres")]
    except OSError:
        return None
    told = [str(bindir.resolve()), version, *command, account, *(f"{p.st_size} {p.st_mtime_ns}" for p in programs)]
    told += [str(path.stat().st_mtime_ns) for path in _LOCALES if path.exists()]
    digest = hashlib.sha256("\0".join([*told, boot]).encode()).hexdigest()[:16]
    return folder / f"{version}-{digest}"


def _folder() -> Path | None:
    """Return the cache folder, made where it is missing; None where it is not the user's alone."""
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(given) if given and Path(given).is_absolute() else Path.home() / ".cache"
        folder = base / "pgadvise" / "clusters"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat(follow_symlinks=False)
    except (OSError, RuntimeError):  # no home, no room, read-only
        return None
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if private and found.st_uid == os.geteuid() else None


def sow(seed: Path, data: Path) -> bool:
    """Copy the seed to `data`; return whether it is there now, whole."""
    if not seed.is_dir():
        return False
    if _copied(seed, data):
        return True
    shutil.rmtree(data, ignore_errors=True)
    return False


def keep(data: Path, seed: Path) -> None:
    """Keep a fresh folder of initdb as the seed; the first of several at once wins."""
    if seed.exists():
        return
    try:
        _clear(seed.parent)
        place = Path(tempfile.mkdtemp(prefix=".new-", dir=seed.parent))
    except OSError:
        return
    try:
        if _copied(data, place / "data"):
            (place / "data").rename(seed)
    except OSError:
        pass  # another process was first, or the folder is gone
    finally:
        shutil.rmtree(place, ignore_errors=True)


def discard(seed: Path) -> None:
    """Remove a seed from which a server did not start."""
    shutil.rmtree(seed, ignore_errors=True)


def _copied(source: Path, target: Path) -> bool:
    # The system's own cp: owners stay, holes stay, and where the file system shares blocks it copies none.
    try:
        done = subprocess.run(
            ["cp", "-a", source, target],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _clear(folder: Path) -> None:
    """Remove what is older than a week: seeds of another boot or version, and what a killed process left."""
    limit = time.time() - _OLD
    for path in folder.iterdir():
        if path.stat(follow_symlinks=False).st_ctime < limit:
            shutil.rmtree(path, ignore_errors=True)
