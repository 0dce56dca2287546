"""How exchange time runs: so many times faster than ours, nights left out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from catalyst.live.paper.exchange import EARLY_NS
from catalyst.strategy.values import Session


@dataclass
class Pace:
    """Tell exchange time from the time that has gone by.

    Parameters
    ----------
    sessions
        What is played.
    speed
        Seconds of exchange time a second; positive.
    nights
        Whether the time between sessions runs too; else it is jumped over.
    waits
        Whether time stands still until `begin`.
    """

    sessions: list[Session]
    speed: float
    nights: bool = False
    waits: bool = False
    _started: float = field(init=False, default=0.0)
    _passed_ns: int = field(init=False, default=0)

    def start(self, at_ns: int) -> None:
        """Let time run from an instant, or stand at it until `begin`."""
        self._started = time.monotonic()
        self._passed_ns = 0
        for first, last in self._spans():
            if at_ns <= last:
                self._passed_ns += max(at_ns - first, 0)
                return
            self._passed_ns += last - first

    def begin(self) -> None:
        """Let time run that has waited; it changes nothing where it runs."""
        if self.waits:
            self.waits, self._started = False, time.monotonic()

    def now_ns(self) -> int:
        """Return the exchange's time now."""
        run_s = 0.0 if self.waits else time.monotonic() - self._started
        gone = self._passed_ns + round(run_s * self.speed * 1e9)
        spans = self._spans()
        for first, last in spans:
            if gone <= last - first:
                return first + gone
            gone -= last - first
        return spans[-1][1]

    def seconds_until(self, at_ns: int) -> float:
        """Return how long it is in our seconds until an instant, nights not counted."""
        now = self.now_ns()
        left = sum(max(min(at_ns, last) - max(now, first), 0) for first, last in self._spans())
        return left / 1e9 / self.speed

    def _spans(self) -> list[tuple[int, int]]:
        # A while before and after: who trades prepares, and looks once more at the last bars.
        spans = [(s.pre_ns - EARLY_NS, s.post_ns + EARLY_NS) for s in self.sessions]
        return [(spans[0][0], spans[-1][1])] if self.nights else spans
