"""What a live process says of itself to others on this machine, in a file and a lock.

The system releases the lock however the process ends, so a file without one is of a process that
is gone; whether it went on purpose stands in the file.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from catalyst.errors import ServiceError

_PREFIX, _SUFFIX = "live-", ".json"


@dataclass(frozen=True)
class Run:
    """Hold what is known of a live process.

    Attributes
    ----------
    account
        The broker's account number.
    pid
        Of the process.
    database_url, redis_url, exchange_url
        Without passwords.
    begun_at
        Wall time, ISO with New York's offset.
    ended
        Whether it stopped on purpose.
    alive
        Whether it runs; told by the lock, not by the file.
    paper_account
        Its name at a paper exchange of ours, which takes any key; empty at a broker.
    """

    account: str
    pid: int
    variant: str
    timeframe: str
    database_url: str
    redis_url: str
    exchange_url: str
    begun_at: str
    ended: bool = False
    alive: bool = False
    paper_account: str = ""


def without_password(url: SecretStr | str | None) -> str:
    """Write an address without its user's password, query and fragment, which may hold one, too.

    An address that can't be read becomes empty.
    """
    told = url.get_secret_value() if isinstance(url, SecretStr) else url or ""
    try:
        parts = urlsplit(told)
        port = f":{parts.port}" if parts.port is not None else ""
        user = f"{parts.username}@" if parts.username else ""
    except ValueError:
        return ""
    if not parts.scheme:
        return ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return urlunsplit((parts.scheme, f"{user}{host}{port}", parts.path, "", ""))


@contextmanager
def write_run_file(state: Path, run: Run) -> Iterator[None]:
    """Say that a live process runs, until the block ends; an error in it is no end on purpose.

    Parameters
    ----------
    state
        ``state`` under ``CATALYST_HOME``.
    run
        Its addresses are stripped of passwords here, whatever they hold.

    Raises
    ------
    ServiceError
        If another process runs for the account.
    """
    state.mkdir(parents=True, exist_ok=True)
    told = replace(
        run,
        database_url=without_password(run.database_url),
        redis_url=without_password(run.redis_url),
        exchange_url=without_password(run.exchange_url),
    )
    descriptor = os.open(_lock_path(state, run.account), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError(
                f"account {run.account} is traded by another process on this machine already; "
                "expected one: look at it by `catalyst status`, or stop it first"
            ) from None
        _write(state, told)
        yield
        _write(state, replace(told, ended=True))
    finally:
        os.close(descriptor)


def runs(state: Path) -> tuple[Run, ...]:
    """List the live processes that ever ran here, one an account; those that run, first."""
    found = []
    for path in sorted(state.glob(f"{_PREFIX}*{_SUFFIX}")):
        try:
            run = Run(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise ServiceError(f"{path} is not what a live process writes; remove it") from None
        begun = path.stat().st_mtime_ns
        found.append((replace(run, alive=_is_held(_lock_path(state, run.account))), begun))
    found.sort(key=lambda one: (not one[0].alive, -one[1]))
    return tuple(run for run, _ in found)


def _lock_path(state: Path, account: str) -> Path:
    return state / f"{_PREFIX}{account}.lock"


def _write(state: Path, run: Run) -> None:
    path = state / f"{_PREFIX}{run.account}{_SUFFIX}"
    half = path.with_suffix(".half")
    content = asdict(run)
    del content["alive"]
    half.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    half.replace(path)


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        # Shared: two that ask at once don't take each other for the one who runs.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
