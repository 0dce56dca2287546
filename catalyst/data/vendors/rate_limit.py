"""A rate limit shared by processes: a token bucket in a locked file."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from catalyst.data.vendors.protocol import Limits

_FINGERPRINT_LETTERS = 12
#: No pause is longer: a vendor that asks for more is given up on, see `patience`.
LONGEST_PAUSE_S = 300.0


def fingerprint(key: str) -> str:
    """Name a key without telling it: 12 hexadecimal letters of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:_FINGERPRINT_LETTERS]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Hold the rate of one vendor and key at or under its limit, across processes.

    A request takes a token; the file holds how many are left, when that was, and until when all
    have to wait. A process that finds none takes one in advance and waits until it is due, so
    requests go out in the order in which they were asked for. Any 60 s see at most `per_minute`
    requests: the burst, and what is refilled at ``(per_minute - burst) / 60`` a second.

    Attributes
    ----------
    path
        The file; its folder is made.
    limits
        What the vendor bears.
    clock, sleep
        Seconds since 1970, and waiting; others in tests. Wall time, because it is the only clock
        that outlives a restart of the machine; a step backwards gives no tokens and takes none.
    """

    path: Path
    limits: Limits
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def take(self, on_wait: Callable[[float], None]) -> None:
        """Take a token; waits until it is due, told to `on_wait` first if longer than 0.1 s."""
        wait = self._reserve()
        if wait <= 0:
            return
        told = wait > 0.1
        if told:
            on_wait(wait)
        self.sleep(wait)
        if told:
            on_wait(0.0)

    def pause(self, seconds: float) -> None:
        """Let every process wait, as after a 429."""
        with self._locked() as state:
            now = self.clock()
            state.tokens = min(state.tokens, 0.0)
            state.paused_until = max(state.paused_until, now + min(seconds, LONGEST_PAUSE_S))

    def _reserve(self) -> float:
        burst = float(self.limits.burst)
        rate = (self.limits.per_minute - burst) / 60
        with self._locked() as state:
            now = self.clock()
            elapsed = max(0.0, now - state.at)
            state.tokens = min(burst, state.tokens + elapsed * rate) - 1
            state.at = now
            due = -state.tokens / rate if state.tokens < 0 else 0.0
            pause = state.paused_until - now
            if pause > LONGEST_PAUSE_S:
                # The clock was set back; the pause began before that.
                state.paused_until = now
                pause = 0.0
            return max(due, pause)

    def _locked(self) -> _State:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return _State(self.path, tokens=float(self.limits.burst), at=self.clock())


class _State:
    """Hold the file's lock and content; written back on leaving."""

    def __init__(self, path: Path, *, tokens: float, at: float) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.tokens, self.at, self.paused_until = tokens, at, 0.0

    def __enter__(self) -> Self:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        text = os.pread(self._descriptor, 4096, 0)
        try:
            found = json.loads(text)
            numbers = [float(found[name]) for name in ("tokens", "at", "paused_until")]
        except (ValueError, KeyError, TypeError):
            # New, or torn by a power cut: start with a full bucket.
            return self
        if all(map(math.isfinite, numbers)):
            self.tokens, self.at, self.paused_until = numbers
        return self

    def __exit__(self, *_: object) -> None:
        state = {"tokens": self.tokens, "at": self.at, "paused_until": self.paused_until}
        text = json.dumps(state).encode()
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))
        # Closing releases the lock.
        os.close(self._descriptor)
