"""One server that several processes share: the first starts it, the last stops it.

Each user of the server holds a lock (`flock`) on a file of its own, which the system releases
however the process ends. Starting and stopping happen under one more lock. So after a ``kill -9``
of anything the next start finds out what is true: nobody else's claim counts, a server that runs
and is ours is used again, anything else is started anew.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from catalyst.errors import ServiceError
from catalyst.live.quarters import Quarters

_LOCK_WAIT_S = 90.0
_ANSWER_WAIT_S = 60.0
_PAUSE_S = 0.02
_TRIES = 3
_LONGEST_LOG_BYTES = 10_000_000
# The process id is written by the process that becomes the server, so that there is none without.
_BECOME = 'echo $$ >"$0" && exec "$@"'
# Whoever started a server must also see it end, or it stays in the process list.
_STARTED: list[subprocess.Popen[bytes]] = []


class Program(Protocol):
    """Know one kind of server."""

    @property
    def name(self) -> str:
        """Return what people call it."""

    @property
    def marks(self) -> tuple[str, ...]:
        """Return what the command line of such a process contains, one of these."""

    @property
    def endings(self) -> tuple[tuple[signal.Signals, float], ...]:
        """Return signals that end it, the mildest first, and how many seconds each is given."""

    def prepare(self) -> None:
        """Make its data ready to be served, whatever the last end was."""

    def command(self, port: int) -> list[str]:
        """Return the command line that serves on a port of the loopback."""

    def give_up_data(self) -> bool:
        """Put data aside that can't be served, if it can be done without; tell whether it was."""

    def answers(self, port: int) -> bool:
        """Tell whether our own server, with our data, answers there."""


class Tenancy:
    """Hold a claim on a shared server; `close` gives it up, and the last one stops the server.

    Attributes
    ----------
    port
        Where it listens on 127.0.0.1.
    reused
        Whether it ran already.
    """

    def __init__(self, quarters: Quarters, program: Program) -> None:
        self._quarters = quarters
        self._program = program
        self._claim, self._descriptor = -1, -1
        self._path = quarters.office / "users" / f"{os.getpid()}-{secrets.token_hex(4)}"
        with _locked(quarters.office / "lock"):
            self._path.parent.mkdir(exist_ok=True)
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                self.port, self.reused = _running(quarters, program) or _start(quarters, program)
            except BaseException:
                self._leave()
                raise

    @property
    def pid(self) -> int:
        """Return the server's process id, 0 if it does not run."""
        return _pid(self._quarters, self._program)

    def close(self) -> None:
        """Give up the claim; stop the server if nobody else holds one. May be called again."""
        if self._descriptor < 0:
            return
        with _locked(self._quarters.office / "lock"):
            self._leave()
            if not _claims(self._path.parent):
                _stop(self._quarters, self._program)

    def _leave(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def secret_in(path: Path) -> str:
    """Return the password that a file of ours keeps; made at random, readable by us alone."""
    if not path.exists():
        half = path.with_name(f".{path.name}-{os.getpid()}")
        descriptor = os.open(half, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(24))
        half.rename(path)
    return path.read_text()


def command_line(pid: int) -> str:
    """Return a process's command line; empty for one that has ended or is a zombie."""
    try:
        told = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        if Path("/proc/self/cmdline").exists():
            return ""
        asked = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        told = subprocess.run(asked, check=False, capture_output=True).stdout  # noqa: S603
    return told.replace(b"\0", b" ").decode(errors="replace").strip()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    until = time.monotonic() + _LOCK_WAIT_S
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ServiceError(
                        f"{path} has been locked for {_LOCK_WAIT_S:.0f} s by another process that "
                        "starts or stops the server; expected that to take seconds, look for a "
                        "catalyst that hangs"
                    ) from None
                time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(descriptor)


def _claims(folder: Path) -> int:
    held = 0
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        except BlockingIOError:
            held += 1
        finally:
            os.close(descriptor)
    return held


def _pid(quarters: Quarters, program: Program) -> int:
    try:
        pid = int((quarters.home / "pid").read_text())
    except (OSError, ValueError):
        return 0
    for child in _STARTED:
        child.poll()
    told = command_line(pid)
    return pid if any(mark in told for mark in program.marks) else 0


def _running(quarters: Quarters, program: Program) -> tuple[int, bool] | None:
    try:
        port = int((quarters.office / "port").read_text())
    except (OSError, ValueError):
        port = 0
    if not _pid(quarters, program):
        return None
    if port and _answers(program, port, lives=lambda: bool(_pid(quarters, program))):
        return port, True
    pid = _pid(quarters, program)
    if not pid:
        return None
    raise ServiceError(
        f"{program.name} runs as process {pid} but has not answered for "
        f"{_ANSWER_WAIT_S:.0f} s; stop that process, then start again; its log is "
        f"{quarters.office / 'log'}"
    )


def _start(quarters: Quarters, program: Program) -> tuple[int, bool]:
    program.prepare()
    log = quarters.office / "log"
    if log.exists() and log.stat().st_size > _LONGEST_LOG_BYTES:
        log.unlink()
    last = ""
    for _ in range(_TRIES):
        port = _port(quarters, other=bool(last))
        (quarters.office / "port").write_text(str(port))
        begin = log.stat().st_size if log.exists() else 0
        child = _launch(quarters, program.command(port), log)
        if _answers(program, port, lives=partial(_runs, child)):
            return port, False
        last = _last_words(log, begin)
    if program.give_up_data():
        return _start(quarters, program)
    raise ServiceError(
        f"{program.name} did not start: {last or 'it said nothing'}; its log is {log}"
    )


def _port(quarters: Quarters, *, other: bool) -> int:
    """Prefer the port of last time, so that addresses written down stay right."""
    with suppress(OSError, ValueError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = int((quarters.office / "port").read_text())
        probe.bind(("127.0.0.1", port))
        if not other:
            return port
    return free_port()


def _launch(quarters: Quarters, command: list[str], log: Path) -> subprocess.Popen[bytes]:
    (quarters.home / "pid").unlink(missing_ok=True)
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _BECOME, str(quarters.home / "pid"), *command],
            cwd="/",
            # Nothing of this process's environment: it may hold keys.
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            # It outlives whoever started it, and an interrupt of the terminal is not meant for it.
            start_new_session=True,
            umask=0o077,
            **quarters.run_as,
        )
    finally:
        os.close(descriptor)
    _STARTED[:] = [one for one in _STARTED if one.poll() is None] + [child]
    return child


def _runs(child: subprocess.Popen[bytes]) -> bool:
    return child.poll() is None


def _answers(program: Program, port: int, *, lives: Callable[[], bool]) -> bool:
    until = time.monotonic() + _ANSWER_WAIT_S
    while time.monotonic() < until:
        if program.answers(port):
            return True
        if not lives():
            return False
        time.sleep(_PAUSE_S)
    return False


def _stop(quarters: Quarters, program: Program) -> None:
    for sent, patience_s in program.endings:
        pid = _pid(quarters, program)
        if not pid:
            break
        with suppress(ProcessLookupError):
            os.kill(pid, sent)
        until = time.monotonic() + patience_s
        while _pid(quarters, program) and time.monotonic() < until:
            time.sleep(_PAUSE_S)
    (quarters.home / "pid").unlink(missing_ok=True)


def _last_words(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").strip().splitlines()
    fatal = [line for line in lines if "FATAL" in line or "rror" in line]
    return (fatal or lines or [""])[-1].strip()
