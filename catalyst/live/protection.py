"""Whether a position is protected: by the shares that its orders at the broker cover."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from catalyst.live.status import Protected, Protection

_STOPS = {"stop", "stop_limit"}


@dataclass(frozen=True)
class Covered:
    """Hold an order against a position: its kind, the shares left of it, its price (text)."""

    kind: str
    quantity: int
    price: str


def protection_of(
    held: int, orders: Sequence[Covered], *, watching: bool, is_regular: bool
) -> Protection:
    """Say what protects a position.

    Parameters
    ----------
    held
        Shares, positive.
    orders
        What works against it at the broker, sleeping legs included; not what is unknown.
    watching
        Whether a live process runs.
    is_regular
        Whether the exchange is in regular hours, where brokers hold stops.

    Returns
    -------
    Protection
        ``RESTING`` if stops cover every share, ``LEAVING`` if market orders sell the rest,
        ``WATCHED`` outside regular hours if a process looks on every bar, else ``NONE``.
    """
    stops = _prices(one for one in orders if one.kind in _STOPS)
    targets = _prices(one for one in orders if one.kind == "limit")
    stopped = sum(one.quantity for one in orders if one.kind in _STOPS)
    leaving = sum(one.quantity for one in orders if one.kind == "market")
    if stopped >= held:
        return Protection(Protected.RESTING, stops, targets)
    if stopped + leaving >= held:
        return Protection(Protected.LEAVING, stops, targets)
    if watching and not is_regular:
        return Protection(Protected.WATCHED, stops, targets)
    return Protection(Protected.NONE, stops, targets, held - stopped)


def _prices(orders: Iterable[Covered]) -> tuple[str, ...]:
    return tuple(sorted((one.price for one in orders), key=float))
