"""The paper exchange that ``catalyst live`` starts: a process of its own, found again."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from catalyst.errors import ServiceError

_START_S = 60.0
_STOP_S = 5.0
_ANSWER_S = 2.0


@dataclass(frozen=True)
class HouseExchange:
    """Hold a running exchange.

    Attributes
    ----------
    url
        Where it listens, on this machine.
    pid
        Its process.
    found
        Whether it ran already: an earlier process of ours died, and it went on.
    """

    url: str
    pid: int
    found: bool
    _file: Path = field(repr=False)

    def stop(self) -> None:
        """Ask it to end, and wait until it has; its books are on disk."""
        try:
            os.kill(self.pid, signal.SIGTERM)
            ends = time.monotonic() + _STOP_S
            while time.monotonic() < ends:
                if _ended(self.pid):
                    break
                time.sleep(0.02)
            else:
                os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._file.unlink(missing_ok=True)


def house_exchange(state: Path, name: str, arguments: Mapping[str, str | None]) -> HouseExchange:
    """Find the exchange of a name, or start it.

    Parameters
    ----------
    state
        ``state`` under ``CATALYST_HOME``: its books and where it listens are kept there.
    name
        Of what is played; another lake, day or speed has another.
    arguments
        Options of ``catalyst exchange``, None for a flag.

    Raises
    ------
    ServiceError
        If it doesn't start.
    """
    folder = state / "exchange"
    folder.mkdir(parents=True, exist_ok=True)
    where = folder / f"{name}.json"
    with _alone(folder / f"{name}.lock"):
        found = _found(where)
        if found is not None:
            return found
        command = [sys.executable, "-m", "catalyst", "exchange", "--json", "--port", "0"]
        command += ["--state", str(folder / f"{name}.books")]
        for option, value in arguments.items():
            command += [option] if value is None else [option, value]
        log = folder / f"{name}.log"
        with log.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        told = _first_line(process)
        if not told:
            process.kill()
            why = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise ServiceError(
                "the paper exchange did not start"
                f"{': ' + why[-1] if why else ''}; {log} has what it said"
            )
        url = str(json.loads(told)["url"])
        partial = where.with_suffix(".part")
        partial.write_text(json.dumps({"url": url, "pid": process.pid}), encoding="utf-8")
        partial.replace(where)
        return HouseExchange(url, process.pid, found=False, _file=where)


def _found(where: Path) -> HouseExchange | None:
    try:
        told = json.loads(where.read_text(encoding="utf-8"))
        url, pid = str(told["url"]), int(told["pid"])
        answer = requests.get(f"{url}/catalyst/clock", timeout=_ANSWER_S)
    except (OSError, ValueError, KeyError, requests.RequestException):
        where.unlink(missing_ok=True)
        return None
    if not answer.ok or _ended(pid):
        return None
    return HouseExchange(url, pid, found=True, _file=where)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    ready, _, _ = select.select([process.stdout], [], [], _START_S)
    return process.stdout.readline() if ready else b""


def _ended(pid: int) -> bool:
    try:
        done, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False
    return done != 0


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
