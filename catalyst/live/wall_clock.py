"""The machine's time, checked against the broker's: where it is real, nobody steps it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from catalyst.data.calendar import SECOND_NS
from catalyst.live.receiver import Receiver
from catalyst.live.threads import in_thread

Tell = Callable[[str], None]

_STEP_NS = 2 * SECOND_NS
_CHECK_EVERY_NS = 60 * SECOND_NS
_LONGEST_SLEEP_S = 1.0


def _nothing(_: str) -> None: ...


@dataclass
class WallClock:
    """Tell the time of the machine's clock, and don't believe it when it jumps.

    Between two looks the wall clock and the monotonic one must agree to two seconds. Where they
    don't, somebody set the clock: time goes on by the monotonic one, and the next `check` against
    the broker's clock settles which of them was right. It is never earlier than it was.

    Parameters
    ----------
    broker_ns
        Asks the broker for its time, ns UTC; blocks and may raise. None: there is nobody to ask.
    tell
        Told, in a sentence, of a clock that was set or is wrong.
    wall_ns, steady_ns
        The machine's clocks; others in tests.

    Attributes
    ----------
    drift_ns
        How much later the machine's clock was than the broker's at the last check.
    steps
        How many times the clock was set.
    """

    broker_ns: Callable[[], int] | None = None
    tell: Tell = _nothing
    wall_ns: Callable[[], int] = time.time_ns
    steady_ns: Callable[[], int] = time.monotonic_ns
    drift_ns: int = field(init=False, default=0)
    steps: int = field(init=False, default=0)
    _anchor: tuple[int, int] = field(init=False)
    _trusted: bool = field(init=False, default=True)
    _latest_ns: int = field(init=False, default=0)
    _checked_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._anchor = (self.wall_ns(), self.steady_ns())
        self._checked_ns = self._anchor[1]

    @property
    def stepped(self) -> bool:
        """Tell that time goes by itself."""
        return False

    def watch(self, receiver: Receiver) -> None:
        """Do nothing: real time waits for nobody."""

    def forget(self, receiver: Receiver) -> None:
        """Do nothing."""

    def now_ns(self) -> int:
        """Return the time, ns UTC; never less than before."""
        then, since = self._anchor
        wall, steady = self.wall_ns(), self.steady_ns()
        by_steady = then + steady - since
        off = wall - by_steady
        if self._trusted and abs(off) <= _STEP_NS:
            self._anchor = (wall, steady)
            by_steady = wall
        elif self._trusted:
            self._trusted = False
            self.steps += 1
            self._checked_ns = steady - _CHECK_EVERY_NS
            self.tell(
                f"the machine's clock was set by {off / SECOND_NS:+,.1f} s; time goes on by the "
                "monotonic clock until the broker's says which of them is right"
            )
        self._latest_ns = max(self._latest_ns, by_steady)
        return self._latest_ns

    def arrival_ns(self, said_ns: int) -> int:
        """Return when something that has just come in became known: now."""
        del said_ns
        return self.now_ns()

    async def check(self) -> None:
        """Compare with the broker's clock, and follow it where the two are 2 s or more apart.

        No answer changes nothing; the next check asks again.
        """
        if self.broker_ns is None:
            return
        self._checked_ns = asked = self.steady_ns()
        try:
            told = await in_thread(self.broker_ns, name="broker-clock")
        except Exception as error:  # noqa: BLE001 - whatever a broker raises, the time goes on
            self.tell(f"the broker's clock could not be asked ({type(error).__name__})")
            return
        steady = self.steady_ns()
        true_ns = told + (steady - asked) // 2
        then, since = self._anchor
        ours = then + steady - since if not self._trusted else self.wall_ns()
        self.drift_ns = ours - true_ns
        wall_off = abs(self.wall_ns() - true_ns)
        if abs(self.drift_ns) > _STEP_NS:
            self.tell(
                f"our clock is {self.drift_ns / SECOND_NS:+,.1f} s off the broker's; the broker's "
                "counts"
            )
            self._anchor = (true_ns, steady)
        self._trusted = wall_off <= _STEP_NS
        if self._trusted:
            self._anchor = (self.wall_ns(), self.steady_ns())

    async def sleep_until(self, at_ns: int) -> None:
        """Return once it is that time."""
        while (left_ns := at_ns - self.now_ns()) > 0:  # noqa: ASYNC110 - a wait for time
            await asyncio.sleep(min(_LONGEST_SLEEP_S, left_ns / SECOND_NS))

    async def keep(self) -> None:
        """Ask the broker's clock every minute, for ever, and at once when ours was set."""
        while True:
            await asyncio.sleep(_LONGEST_SLEEP_S)
            self.now_ns()
            if self.steady_ns() - self._checked_ns >= _CHECK_EVERY_NS:
                await self.check()

    async def settle(self) -> None:
        """Return at once: how long to wait for what is late is the caller's ``bar_grace``."""
