"""What a lost connection missed, asked for until nothing is missing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from catalyst.errors import CatalystError

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_LOOK_S = 0.1
_SETTLE_LOOK_S = 0.002


class _Clock(Protocol):
    def now_ns(self) -> int: ...


class _Socket(Protocol):
    subscribed: bool
    breaks: int


@dataclass
class GapFiller:
    """Ask for what was missed since an instant; again and again while the connection is lost.

    Parameters
    ----------
    ask
        Asks for what was known from one instant to another, ns UTC, and takes it in; raises a
        `CatalystError` if it can't be had.
    socket, clock
        The connection, and the exchange's time.
    every_ns
        How often to ask while the connection is lost, exchange time.
    overlap_ns
        How far back of an answered question the next one begins: what came late is found then.
    patience_s
        Seconds of ours that steps of time wait together while no question is answered.

    Attributes
    ----------
    since_ns
        From when on something may be missing; None: nothing is.
    failed
        Why the last question found no answer, empty if it did.
    asked_ns
        Exchange time of the last question that was answered, 0 before.
    answered_at
        Its time in seconds of `time.monotonic`, 0 before.
    """

    ask: Callable[[int, int], Awaitable[None]]
    socket: _Socket
    clock: _Clock
    every_ns: int
    overlap_ns: int
    patience_s: float = 10.0
    since_ns: int | None = field(init=False, default=None)
    failed: str = field(init=False, default="")
    asked_ns: int = field(init=False, default=0)
    answered_at: float = field(init=False, default=0.0)
    _wake: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _left_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._left_s = self.patience_s

    def missing(self, since_ns: int) -> None:
        """Say that from an instant on something may be missing; it is asked for at once."""
        self.since_ns = since_ns if self.since_ns is None else min(since_ns, self.since_ns)
        self._wake.set()

    def failing(self, why: str) -> None:
        """Learn that a question had to be asked again, from any thread."""
        self.failed = why

    async def run(self) -> None:
        """Fill gaps for ever."""
        pause_s = _FIRST_PAUSE_S
        while True:
            if self.since_ns is None:
                await self._wake.wait()
            self._wake.clear()
            if self.since_ns is None:
                continue
            was_open, breaks = self.socket.subscribed, self.socket.breaks
            since_ns, now_ns = self.since_ns, self.clock.now_ns()
            try:
                await self.ask(since_ns, now_ns)
            except CatalystError as error:
                self.failed = str(error)
                await self._pause(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            pause_s, self.failed = _FIRST_PAUSE_S, ""
            self.asked_ns, self.answered_at = now_ns, time.monotonic()
            self._left_s = self.patience_s
            if self._wake.is_set():
                # Something more was missed meanwhile.
                continue
            if was_open and self.socket.subscribed and self.socket.breaks == breaks:
                self.since_ns = None
                continue
            self.since_ns = max(self.since_ns, now_ns - self.overlap_ns)
            await self._due(now_ns, breaks)

    async def settle(self) -> None:
        """Return once what was missed by now was asked for, or patience with this gap is over."""
        while self.since_ns is not None and self.asked_ns < self.clock.now_ns():
            if self._left_s <= 0:
                break
            begun = time.monotonic()
            await asyncio.sleep(_SETTLE_LOOK_S)
            self._left_s -= time.monotonic() - begun

    async def _pause(self, seconds: float) -> None:
        # Not `asyncio.wait_for`: before Python 3.12 it may swallow a cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _due(self, asked_ns: int, breaks: int) -> None:
        while (  # noqa: ASYNC110 - time and the socket's counters are no events
            self.socket.breaks == breaks
            and self.clock.now_ns() < asked_ns + self.every_ns
            and not self._wake.is_set()
        ):
            await asyncio.sleep(_LOOK_S)
