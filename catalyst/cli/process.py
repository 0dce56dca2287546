"""The process of a command: its streams, its signals, and what it says when it ends early."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TextIO, cast

#: Exit status of a command whose reader went away, as `head` does: that of any program in a pipe.
PIPE_CLOSED = 128 + 13
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
#: A second Ctrl-C within so many seconds would cut short what the first one tidies up.
_TIDYING_S = 2.0
_AGAIN_S = 0.05


@dataclass
class Stopped:
    """What told the process to stop: a signal's number, 0 as long as none did."""

    number: int = 0
    _at: float = field(default=0.0, repr=False)

    @property
    def status(self) -> int:
        """Exit status of a process that this signal ended, as shells have it."""
        return 128 + self.number

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, unless one is being dealt with."""
        del frame
        now = time.monotonic()
        if self.number and now - self._at < _TIDYING_S:
            return
        self.number, self._at = number, now
        raise KeyboardInterrupt

    def again(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt anew, after one was lost in a callback of a library."""
        del number, frame
        self._at = time.monotonic()
        raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[Stopped]:
    """Turn the signals that ask a process to end into KeyboardInterrupt, so that it tidies up.

    SIGTERM and a closed terminal then leave as little behind as Ctrl-C. Handlers are put back at
    the end. A KeyboardInterrupt that a compiled library's callback can't pass on, and which Python
    would print and forget, is raised again.
    """
    stopped = Stopped()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    wanted = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    # `nohup` has SIGHUP ignored, and a shell's background jobs SIGINT: so it stays.
    before = {n: signal.getsignal(n) for n in wanted if signal.getsignal(n) != signal.SIG_IGN}
    hook = sys.unraisablehook

    def unraisable(lost: sys.UnraisableHookArgs) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt) and hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, stopped.again)
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        else:
            hook(lost)

    for number in before:
        signal.signal(number, stopped.receive)
    sys.unraisablehook = unraisable
    try:
        yield stopped
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def open_streams() -> None:
    """Give the process streams that take any text: closed ones too, and those of narrow encodings.

    A stream that the shell closed is None, and `print` would take stdout in place of stderr. A
    letter that the terminal's encoding lacks is written as its number, never as a traceback.
    """
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def flush_streams() -> bool:
    """Write what is left to be written; False if its reader has gone."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if not is_closed_pipe(error):
            raise
        close_stdout()
        return False
    return True


def close_stdout() -> None:
    """Let nothing more be written to a reader that has gone, not even when Python ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_closed_pipe(error: BaseException | None) -> bool:
    """Tell whether an error, or what made it, is that the reader of a pipe has gone."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            return True
        error = error.__cause__ or error.__context__
    return False


def _nowhere(mode: str) -> TextIO:
    return cast("TextIO", Path(os.devnull).open(mode, encoding="utf-8"))
