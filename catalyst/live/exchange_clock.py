"""The time of a paper exchange: asked of it, or stepped.

The paper exchange runs at a chosen speed, or stands still until it is stepped on. Live trading
itself can't tell: it asks for the time, waits until an instant, and waits until what the exchange
sent by then has arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from catalyst.data.calendar import SECOND_NS
from catalyst.errors import BrokerSilenceError
from catalyst.live.receiver import Receiver
from catalyst.live.threads import in_thread

Tell = Callable[[str], None]

_TIMEOUT_S = (3.0, 30.0)
_TRIES = 4
_FIRST_PAUSE_S = 0.2
# At sixty times the speed a second of ours is a minute there.
_ANCHOR_EVERY_S = 1.0
# Between sessions a running exchange jumps to the next one, which nobody announces.
_NIGHT_LOOK_S = 0.05
_ARRIVAL_LOOK_S = 0.001
# Nothing more is on its way on the loopback after so long.
_QUIET_S = 0.01


def _nothing(_: str) -> None: ...


@dataclass
class ExchangeClock:
    """Tell a paper exchange's time; where it is stepped, step it.

    Parameters
    ----------
    url
        Where the exchange listens, such as ``http://127.0.0.1:8300``.
    key, secret
        Of the account: what it was sent is counted by account.
    tell
        Told, in a sentence, of messages that did not arrive and of a clock that did not answer.
    patience_s
        Seconds of ours to wait for messages that were sent.

    Attributes
    ----------
    speed
        Exchange seconds in one of ours; 0: it is stepped.
    timeframe
        Of the bars that the exchange sends.
    ended
        Whether the exchange has played its last session: its time does not go on.
    gaps
        How many times messages did not arrive in time.
    """

    url: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    tell: Tell = _nothing
    patience_s: float = 5.0
    speed: float = field(init=False, default=0.0)
    _rate: float = field(init=False, default=0.0)
    timeframe: str = field(init=False, default="")
    ended: bool = field(init=False, default=False)
    gaps: int = field(init=False, default=0)
    _now_ns: int = field(init=False, default=0)
    _from_ns: int = field(init=False, default=0)
    _at: float = field(init=False, default=0.0)
    _post_ns: int = field(init=False, default=0)
    _sent: dict[str, int] = field(init=False, default_factory=dict)
    _due: dict[int, tuple[int, int]] = field(init=False, default_factory=dict)
    _bases: dict[int, tuple[int, int, int]] = field(init=False, default_factory=dict)
    _receivers: list[Receiver] = field(init=False, default_factory=list)
    _session: requests.Session = field(init=False, repr=False)
    _failing: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._session = requests.Session()
        # A proxy of the environment is not for this machine.
        self._session.trust_env = False
        self._session.headers.update(
            {"APCA-API-KEY-ID": self.key, "APCA-API-SECRET-KEY": self.secret}
        )

    async def open(self) -> ExchangeClock:
        """Ask for the time once; nothing else may be called before.

        Raises
        ------
        BrokerSilenceError
            If nobody answers there.
        """
        self._take(await self._ask(None))
        self._from_ns = self._now_ns
        return self

    def close(self) -> None:
        """Give up the connection."""
        self._session.close()

    @property
    def stepped(self) -> bool:
        """Tell whether time stands still until `sleep_until`."""
        return not self.speed

    def watch(self, receiver: Receiver) -> None:
        """Wait for this receiver's messages in `settle` from the next step on."""
        self._receivers.append(receiver)

    def forget(self, receiver: Receiver) -> None:
        """Wait for a receiver no more: it has closed."""
        self._receivers = [one for one in self._receivers if one is not receiver]
        self._bases.pop(id(receiver), None)

    def now_ns(self) -> int:
        """Return the exchange's time, ns UTC; never less than before."""
        if self.speed:
            passed = (time.monotonic() - self._at) * self._rate * SECOND_NS
            self._from_ns = max(self._from_ns, self._now_ns + int(passed))
            return self._from_ns
        return self._now_ns

    def arrival_ns(self, said_ns: int) -> int:
        """Return when something that has just come in became known.

        Parameters
        ----------
        said_ns
            When it could first be known by its own words, ns UTC; 0 if it doesn't say. Its way to
            us takes as long as it takes, however fast the exchange's time runs. A step of time
            passes in one moment of ours: what lies within it arrived when it says, all else at the
            step's end.
        """
        if self.speed:
            now_ns = self.now_ns()
            way_ns = round((now_ns - said_ns) / max(self.speed, 1.0))
            return said_ns + way_ns if 0 < said_ns < now_ns else now_ns
        return said_ns if self._from_ns < said_ns <= self._now_ns else self._now_ns

    async def sleep_until(self, at_ns: int) -> None:
        """Return once it is that time; where time is stepped, step it there.

        Raises
        ------
        BrokerSilenceError
            If a stepped exchange does not answer.
        """
        if not self.speed:
            await self._step(at_ns)
            return
        while (left_ns := at_ns - self.now_ns()) > 0:
            day_left_ns = self._post_ns - self.now_ns()
            night = day_left_ns <= 0
            look_s = _NIGHT_LOOK_S if night else _ANCHOR_EVERY_S
            next_ns = left_ns if night else min(left_ns, day_left_ns)
            await asyncio.sleep(min(look_s, next_ns / SECOND_NS / self.speed))
            if night or time.monotonic() - self._at >= _ANCHOR_EVERY_S:
                await self._anchor()

    async def settle(self) -> None:
        """Return once all that was sent by now has arrived, or `patience_s` are over.

        Of an exchange that runs by itself only what is on its way is waited for; what its time
        brought to light later is late.
        """
        if self.speed:
            # It lets happen what is due when it is asked for anything.
            await self._anchor()
            for receiver in self._receivers:
                await receiver.read()
            return
        ends = time.monotonic() + self.patience_s
        while self._missing() and time.monotonic() < ends:  # noqa: ASYNC110 - counters elsewhere
            await asyncio.sleep(_ARRIVAL_LOOK_S)
        for receiver, due in self._missing():
            self.gaps += 1
            self._bases.pop(id(receiver), None)
            self.tell(
                f"{due - receiver.received} of the {receiver.kind} messages that the exchange sent "
                f"did not arrive in {self.patience_s:g} s"
            )
        self._due.clear()
        for receiver in self._receivers:
            await receiver.settle()

    async def keep(self) -> None:
        """Ask for the time again now and then, for ever; where it is stepped, there is no need."""
        while True:
            await asyncio.sleep(_ANCHOR_EVERY_S)
            if self.speed and time.monotonic() - self._at >= _ANCHOR_EVERY_S:
                await self._anchor()

    async def _step(self, at_ns: int) -> None:
        if at_ns <= self._now_ns:
            return
        await self._count_anew()
        self._from_ns, self._now_ns = self._now_ns, at_ns
        self._take(await self._ask(at_ns))
        for one in self._receivers:
            # Counted from one moment on, as orders bring messages between steps, too.
            count, before, breaks = self._bases[id(one)]
            due = count + self._sent.get(one.kind, 0) - before
            self._due[id(one)] = (due, breaks)

    async def _count_anew(self) -> None:
        """Count from here on over each connection that is new; what is on its way comes first."""
        new = [r for r in self._receivers if self._bases.get(id(r), (0, 0, -1))[2] != r.breaks]
        if not new:
            return
        # Orders have brought messages since the last step: a step to where it is writes them out.
        self._take(await self._ask(self._now_ns))
        count = -1
        while count != (count := sum(r.received for r in new)):  # noqa: ASYNC110 - time tells
            await asyncio.sleep(_QUIET_S)
        for one in new:
            self._bases[id(one)] = (one.received, self._sent.get(one.kind, 0), one.breaks)

    def _missing(self) -> list[tuple[Receiver, int]]:
        found = []
        for receiver in self._receivers:
            due, breaks = self._due.get(id(receiver), (0, receiver.breaks))
            if receiver.received < due and receiver.breaks == breaks:
                found.append((receiver, due))
        return found

    async def _anchor(self) -> None:
        try:
            self._take(await self._ask(None, tries=1))
            self._failing = False
        except BrokerSilenceError as error:
            # Time goes on at the speed it had; whoever sends orders learns of it by itself.
            self._at, self._now_ns = time.monotonic(), self.now_ns()
            if not self._failing:
                self.tell(str(error))
            self._failing = True

    async def _ask(
        self, to_ns: int | None, *, tries: int = _TRIES
    ) -> tuple[Mapping[str, Any], float]:
        # Stepping to an instant that is reached already changes nothing, so it may be asked again.
        why = ""
        for number in range(tries):
            if number:
                await asyncio.sleep(_FIRST_PAUSE_S * 2 ** (number - 1))
            try:
                return await in_thread(lambda: self._once(to_ns), name="exchange-clock")
            except (requests.RequestException, ValueError) as error:
                why = type(error).__name__
        raise BrokerSilenceError(
            f"the clock of the exchange at {self.url} did not answer ({why}); see whether "
            "`catalyst exchange` still runs there"
        )

    def _once(self, to_ns: int | None) -> tuple[Mapping[str, Any], float]:
        where = f"{self.url}/catalyst/clock"
        asked = time.monotonic()
        if to_ns is None:
            answer = self._session.get(where, timeout=_TIMEOUT_S)
        else:
            answer = self._session.post(where, json={"to_ns": to_ns}, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict) or not isinstance(found.get("now_ns"), int):
            raise ValueError("no time in the answer")  # noqa: TRY004 - as any other odd body
        return found, (asked + time.monotonic()) / 2

    def _take(self, answer: tuple[Mapping[str, Any], float]) -> None:
        told, at = answer
        before = self.now_ns() if self._at else 0
        self.speed = float(told.get("speed") or 0.0)
        # It may stand until somebody listens, and run from then on.
        self._rate = 0.0 if told.get("waits") else self.speed
        self.timeframe = str(told.get("timeframe") or "")
        self.ended = bool(told.get("ended"))
        self._post_ns = int(told.get("post_ns") or 0)
        self._sent = {name: int(count) for name, count in (told.get("sent") or {}).items()}
        self._now_ns, self._at = int(told["now_ns"]), at
        if self.speed:
            # Never backwards: it waits until the exchange has caught up.
            self._from_ns = max(self._from_ns, before)
        elif self._now_ns < self._from_ns:
            self._from_ns = self._now_ns
