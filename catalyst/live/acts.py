"""What converging may do, and what else it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from catalyst.live.events import Alert, Intent, Withheld
from catalyst.live.mirror import Sent
from catalyst.live.ports import BrokerOrder
from catalyst.strategy.decisions import Order


@dataclass(frozen=True)
class Situation:
    """Hold what else is known when acts are worked out.

    Attributes
    ----------
    now_ns
        Exchange time.
    regular
        Whether the broker's stops trigger now.
    names
        The run's symbol table.
    decided_ns
        The last decision.
    no_entries
        The rule that stops entries now, empty where none does.
    stale_ns
        An entry decided longer ago than this is not sent any more.
    positions_max
        Symbols held or being entered on the account, at most.
    flatten
        Whether a person wants everything closed.
    watch_frac
        How far beyond the last price a limit lies that leaves outside regular hours.
    held : frozenset of str
        Symbols of which the broker has shares.
    foreign : frozenset of str
        Symbols with shares or orders at the broker that nobody here knows.
    """

    now_ns: int
    regular: bool
    names: tuple[str, ...]
    decided_ns: int
    no_entries: str
    stale_ns: int
    positions_max: int
    flatten: bool = False
    watch_frac: float = 0.01
    held: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LookUp:
    """Ask the broker whether it has an order that nobody knows what became of."""

    sent: Sent


@dataclass(frozen=True)
class Ask:
    """Ask the broker for an order that is waited for: its event may never come."""

    broker_id: str


Act = Intent | Withheld | Alert | LookUp | Ask


@dataclass
class Acts:
    """Hold what to do now, in order.

    Attributes
    ----------
    waiting
        Whether the broker's word is waited for.
    later
        Whether something becomes due as time passes.
    """

    acts: list[Act] = field(default_factory=list)
    waiting: bool = False
    later: bool = False


def cancelling(order: BrokerOrder, serves: Order) -> Intent:
    """Return what cancels a broker's order that serves one of the strategy's."""
    return Intent(
        order.client_order_id,
        [serves.order_id],
        serves.entry_id,
        serves.leg,
        order.symbol,
        "cancel",
        {},
        target_broker_id=order.broker_id,
        signal_id=serves.signal_id,
    )
