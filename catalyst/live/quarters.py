"""Where an embedded server lives, and as whom it runs: never as root, never where it can't walk."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalyst.errors import ServiceError

#: Where root's servers live if the project's own folder is closed to their user.
OPEN_GROUND = Path("/var/tmp")  # noqa: S108 - each folder made there is checked to be our own

_SERVER_USERS = ("postgres", "nobody")
_PASSABLE = 0o711


@dataclass(frozen=True)
class Quarters:
    """Hold where one embedded server keeps its data and who it runs as.

    Attributes
    ----------
    office
        The folder of those who use the server: its lock, its password, its log.
    home
        The folder of the server itself, owned by its user.
    user
        The user it runs as, empty for the one who runs this process.
    shared
        The folder where copies of binaries that the user can't reach may stand; None where they
        are not needed.
    """

    office: Path
    home: Path
    user: str
    shared: Path | None

    @property
    def run_as(self) -> dict[str, Any]:
        """Return what `subprocess.run` needs to become the server's user."""
        if not self.user:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}

    def give(self, path: Path, mode: int) -> None:
        """Give a file or folder to the server's user, with this mode."""
        path.chmod(mode)
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)


def quarters_of(office: Path, *, open_ground: Path = OPEN_GROUND) -> Quarters:
    """Choose where the server of one folder of ours lives, and make the folders.

    Parameters
    ----------
    office
        Such as ``.catalyst/state/postgres``; made if missing.
    open_ground
        A folder that every user may walk, for root's servers whose project folder is closed.

    Raises
    ------
    ServiceError
        If a folder can't be made, or one on open ground is somebody else's.
    """
    office = office.absolute()
    try:
        office.mkdir(parents=True, exist_ok=True)
        office = office.resolve()
        if os.geteuid():
            home = _made(office / "server", 0o700)
            return Quarters(office, home, "", None)
        user = _server_user()
        shared = open_ground / "catalyst-0"
        home = _root_home(office, user, shared)
    except OSError as error:
        raise ServiceError(
            f"the embedded server of {office} can't have a folder: {error.strerror} "
            f"({error.filename}); expected one that this user may write, see CATALYST_HOME"
        ) from None
    return Quarters(office, home, user, shared)


def reachable(path: Path, quarters: Quarters) -> bool:
    """Tell whether the server's user can walk to a folder or run a program."""
    if not quarters.user:
        return os.access(path, os.X_OK)
    asked = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
    return not subprocess.run(asked, check=False, cwd="/", env={}, **quarters.run_as).returncode  # noqa: S603


def copied(folders: tuple[Path, ...], quarters: Quarters, *, name: str) -> Path:
    """Copy folders, side by side, to where the server's user may walk; return the folder of all.

    What was copied whole before is used again: `name` says which version it is.
    """
    if quarters.shared is None:
        raise ServiceError(
            f"{folders[0]} can't be run by this user; expected a folder it may walk, "
            "install catalyst where it can"
        )
    place = _own(quarters.shared) / name
    if place.is_dir():
        return place
    half = quarters.shared / f".{name}-{os.getpid()}"
    shutil.rmtree(half, ignore_errors=True)
    for folder in folders:
        shutil.copytree(
            folder, half / folder.name, symlinks=True, ignore=shutil.ignore_patterns("include")
        )
    # Whatever the umask: others may read and run, none may write.
    for path in (half, *half.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
    try:
        half.rename(place)
    except OSError:
        # Another process was first; its copy is as good.
        shutil.rmtree(half, ignore_errors=True)
    return place


def _server_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in _SERVER_USERS:
        if name in known:
            return name
    raise ServiceError(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor "
        "nobody; run catalyst as an ordinary user, or set DATABASE_URL"
    )


def _root_home(office: Path, user: str, shared: Path) -> Path:
    near = Quarters(office, office, user, shared)
    if reachable(office, near):
        home = office / "server"
    else:
        digest = hashlib.sha256(os.fsencode(office)).hexdigest()[:16]
        home = _own(shared) / f"{office.name}-{digest}"
    _made(home, 0o700)
    near.give(home, 0o700)
    return home


def _own(folder: Path) -> Path:
    _made(folder, _PASSABLE)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ServiceError(
            f"{folder} belongs to user {found.st_uid}; expected a folder of this user, or none; "
            "remove it"
        )
    folder.chmod(_PASSABLE)
    return folder


def _made(folder: Path, mode: int) -> Path:
    folder.mkdir(mode=mode, exist_ok=True)
    return folder
