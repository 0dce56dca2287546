"""How fast a broker is asked: its limit, a share of it kept for orders, pauses that grow."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from catalyst.data.calendar import SECOND_NS
from catalyst.data.vendors.protocol import Limits
from catalyst.data.vendors.rate_limit import Bucket, fingerprint
from catalyst.live.endpoint import Endpoint, Money

#: Alpaca's trading API: 200 a minute for each account, of which 80 at once are borne here.
EVERYTHING = Limits(per_minute=200, burst=80)
#: Reads alone get no more than this, so that 80 a minute are always left for orders.
READS = Limits(per_minute=120, burst=40)

# Where time is stepped, waiting changes nothing on the other side: pauses are cut to this part.
_STEPPED_SPEED = 500.0
_LEAST_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Pace:
    """Hold an account's rate, shared by all processes that trade it, and how long a second is.

    All durations are in the exchange's seconds; a paper exchange's may pass faster than ours.

    Attributes
    ----------
    everything, reads
        Buckets of requests; None where time is stepped, and the exchange itself counts.
    speed
        Exchange's seconds in one of ours.
    now
        The exchange's time, seconds since 1970: a broker names the instant to wait for.
    """

    everything: Bucket | None
    reads: Bucket | None
    speed: float = 1.0
    now: Callable[[], float] = time.time

    def take(self, *, read: bool) -> None:
        """Wait until one more request may be sent, and count it."""
        if read and self.reads is not None:
            self.reads.take(_ignore)
        if self.everything is not None:
            self.everything.take(_ignore)

    def refused(self, seconds: float) -> None:
        """Let every process wait, as after a 429, this one included."""
        if self.everything is not None:
            self.everything.pause(seconds)
        else:
            self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Wait for so many of the exchange's seconds."""
        time.sleep(self.ours(seconds))

    def ours(self, seconds: float) -> float:
        """Return seconds of the exchange as seconds of this machine, at least 0.02."""
        return max(_LEAST_PAUSE_S, seconds / self.speed)


def pace_of(
    endpoint: Endpoint,
    key: str,
    *,
    state: Path,
    speed: float = 1.0,
    now_ns: Callable[[], int] = time.time_ns,
) -> Pace:
    """Make the pace of an account.

    Parameters
    ----------
    key
        The account's; only its fingerprint is kept.
    state
        Folder of the files that processes share.
    speed
        Exchange's seconds in one of ours; 0 where its time is stepped. Anything but 1 is for a
        paper exchange on this machine.
    now_ns
        The exchange's time.
    """
    if endpoint.money is not Money.LOCAL:
        speed = 1.0

    def now() -> float:
        return now_ns() / SECOND_NS

    if speed <= 0:
        return Pace(None, None, _STEPPED_SPEED, now)

    # Not the exchange's time: it stands still before it starts, and jumps over nights.
    def passed() -> float:
        return time.time() * speed

    def sleep(seconds: float) -> None:
        time.sleep(seconds / speed)

    # Two ideas of a second must not meet in one file.
    name = fingerprint(f"{key}@{endpoint.url}@{speed:g}")
    return Pace(
        Bucket(state / f"rate-trading-{name}.json", EVERYTHING, passed, sleep),
        Bucket(state / f"rate-trading-reads-{name}.json", READS, passed, sleep),
        speed,
        now,
    )


def growing(first_s: float, longest_s: float, rng: random.Random) -> Iterator[float]:
    """Yield pauses that double up to the longest, each cut by up to half by chance.

    Without the chance, all clients that lost one server at the same time would come back at it at
    the same time.
    """
    pause = first_s
    while True:
        yield pause * (1 - rng.random() / 2)
        pause = min(2 * pause, longest_s)


_ignore: Callable[[float], None] = lambda _: None  # noqa: E731 - nobody watches a broker's waits
