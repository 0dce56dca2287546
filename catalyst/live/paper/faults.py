"""What goes wrong on purpose: a plan of faults, read from JSON, the same on every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

from catalyst.errors import InputError

REQUEST_DOES = ("latency", "answer", "drop")
STREAM_DOES = ("drop", "duplicate", "delay", "disconnect", "mute", "refuse")
MARKET_DOES = ("halt", "cap", "legs_wait")

_FOR_EVER_NS = 2**63 - 1


@dataclass(frozen=True)
class Fault:
    """Hold one rule of a fault plan.

    Attributes
    ----------
    on
        ``request``, ``stream`` or ``market``.
    do
        Of requests: ``latency`` (by ``seconds``), ``answer`` (with ``status``), ``drop`` (the
        connection). Of streams: ``drop``, ``duplicate`` or ``delay`` a message (by ``seconds`` of
        exchange time), ``disconnect`` or ``mute`` a socket, ``refuse`` a new one. Of the market:
        ``halt`` a symbol,
        ``cap`` what fills of it in a bar at ``shares``; ``legs_wait``: a bracket's legs protect
        nothing before all of their entry has filled.
    method, path
        Of the request: ``POST``, ``/v2/orders``; a path also means what lies under it. Empty: any.
    accepted
        Whether the request is carried out before it goes wrong.
    stream, event
        ``trade_updates``, ``bars`` or ``news``, and of the first, which event. Empty: any.
    symbol
        Empty: any.
    skip, count
        How many that fit are let through first, and how many go wrong then.
    from_ns, to_ns
        Exchange's time: from, included, until, excluded.
    """

    on: str
    do: str
    method: str = ""
    path: str = ""
    accepted: bool = False
    status: int = 500
    seconds: float = 0.0
    stream: str = ""
    event: str = ""
    symbol: str = ""
    shares: int = 0
    skip: int = 0
    count: int = _FOR_EVER_NS
    from_ns: int = 0
    to_ns: int = _FOR_EVER_NS


@dataclass
class Faults:
    """Keep a plan and how often each of its rules has been met."""

    rules: tuple[Fault, ...] = ()
    _met: dict[int, int] = field(default_factory=dict)

    def add(self, rules: tuple[Fault, ...]) -> None:
        """Add rules to the plan."""
        self.rules += rules

    def clear(self) -> None:
        """End all faults."""
        self.rules, self._met = (), {}

    def of_request(self, method: str, path: str, now_ns: int) -> list[Fault]:
        """Return what goes wrong with a request."""
        return self._hit(
            now_ns,
            lambda f: (
                f.on == "request"
                and f.method in ("", method)
                and (not f.path or path == f.path or path.startswith((f"{f.path}/", f"{f.path}:")))
            ),
        )

    def of_message(self, stream: str, event: str, symbol: str, now_ns: int) -> list[Fault]:
        """Return what goes wrong with a message of a stream."""
        return self._hit(
            now_ns,
            lambda f: (
                f.on == "stream"
                and f.stream in ("", stream)
                and f.event in ("", event)
                and f.symbol in ("", symbol)
                and f.do != "refuse"
            ),
        )

    def refuses(self, stream: str, now_ns: int) -> bool:
        """Tell whether a new socket of a stream is sent away."""
        met = self._hit(
            now_ns,
            lambda f: f.on == "stream" and f.do == "refuse" and f.stream in ("", stream),
        )
        return bool(met)

    def halted(self, symbol: str, ts_ns: int) -> bool:
        """Tell whether a symbol doesn't trade in the bar that starts at an instant."""
        return any(
            f.do == "halt" and f.symbol in ("", symbol) and f.from_ns <= ts_ns < f.to_ns
            for f in self.rules
        )

    def legs_wait(self, symbol: str, ts_ns: int) -> bool:
        """Tell whether legs protect nothing before all of their entry has filled."""
        return any(
            f.do == "legs_wait" and f.symbol in ("", symbol) and f.from_ns <= ts_ns < f.to_ns
            for f in self.rules
        )

    def cap(self, symbol: str, ts_ns: int) -> int | None:
        """Return how many shares of a symbol may fill in a bar; None for what the model gives."""
        caps = [
            f.shares
            for f in self.rules
            if f.do == "cap" and f.symbol in ("", symbol) and f.from_ns <= ts_ns < f.to_ns
        ]
        return min(caps, default=None)

    def _hit(self, now_ns: int, fits: Callable[[Fault], bool]) -> list[Fault]:
        out = []
        for place, fault in enumerate(self.rules):
            if fault.from_ns <= now_ns < fault.to_ns and fits(fault):
                met = self._met.get(place, 0)
                self._met[place] = met + 1
                if fault.skip <= met < fault.skip + fault.count:
                    out.append(fault)
        return out


def faults_of(plan: object) -> tuple[Fault, ...]:
    """Read a fault plan: a list of objects with the fields of `Fault`, or ``{"faults": [...]}``.

    Raises
    ------
    InputError
        If it is none; the message names the rule and the field.
    """
    if isinstance(plan, Mapping):
        plan = plan.get("faults")
    if not isinstance(plan, list):
        raise InputError(
            'a fault plan is no list; expected {"faults": [{"on": "request", "do": "answer", '
            '"status": 500}, ...]}'
        )
    return tuple(_fault(row, number) for number, row in enumerate(plan))


def _fault(row: object, number: int) -> Fault:
    kinds = {f.name: f.type for f in fields(Fault)}
    if not isinstance(row, Mapping):
        raise InputError(f"fault {number} is {row!r}; expected an object")
    types = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
    for name, value in row.items():
        if name not in kinds:
            raise InputError(
                f"fault {number} has the field {name!r}; expected {', '.join(sorted(kinds))}"
            )
        wanted = types[str(kinds[name])]
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise InputError(f"fault {number} has {name} {value!r}; expected {kinds[name]}")
    does = {"request": REQUEST_DOES, "stream": STREAM_DOES, "market": MARKET_DOES}
    on, do = row.get("on"), row.get("do")
    if on not in does or do not in does[on]:
        told = "; ".join(f"{k}: {', '.join(v)}" for k, v in does.items())
        raise InputError(f"fault {number} does {do!r} on {on!r}; expected {told}")
    return Fault(**row)
