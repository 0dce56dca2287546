"""What an account held and had working when a signal came, counted from a run's tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

from catalyst.research.run_books import Row, RunBooks
from catalyst.strategy.clock import flatten_instant
from catalyst.strategy.money import MICRO
from catalyst.strategy.values import Session


@dataclass(frozen=True)
class Held:
    """Hold one entry as it stood: shares held, and shares and limit (USD) of what still works."""

    entry_id: str
    symbol: str
    held: int
    working: int
    limit: float


@dataclass(frozen=True)
class Standing:
    """Hold the account before one signal was served.

    Attributes
    ----------
    entries
        Positions and working entries, by symbol.
    entries_today
        Entries placed that day before.
    equity_micro, day_start_micro
        Equity now and at the last session's mark, micro-dollars.
    exposure, working
        Value of positions at their marks, and of working entries at their limits, USD.
    stopped_today
        Symbols stopped out that day before.
    flatten_ns
        When the session is flattened; None if it is not.
    """

    entries: tuple[Held, ...]
    entries_today: int
    equity_micro: int
    day_start_micro: int
    exposure: float
    working: float
    stopped_today: tuple[str, ...]
    flatten_ns: int | None

    @property
    def equity(self) -> float:
        """Return equity in USD."""
        return self.equity_micro / MICRO


def standing(books: RunBooks, session: Session, asof_ns: int, *, before: Row | None) -> Standing:
    """Return how the account stood at an instant.

    Parameters
    ----------
    books, session, asof_ns
        The run, the session and the instant of a decision.
    before
        The signal that was served next; None for the account after the whole decision.
    """
    seq = books.seq_of.get(asof_ns, -1)
    served = _served_before(books, asof_ns, before)
    found: list[Held] = []
    placed_today = 0
    for placed_ns, over_ns, entry_id in books.lives:
        orders = books.orders_by_entry[entry_id]
        if placed_ns > asof_ns or (placed_ns == asof_ns and orders[0]["signal_id"] not in served):
            continue
        placed_today += placed_ns >= session.pre_ns
        if over_ns >= asof_ns:
            entry = _entry(books, session, asof_ns, seq, entry_id, orders)
            found += [entry] if entry.held or entry.working else []
    found.sort(key=lambda e: e.symbol)
    working = 0.0
    for e in found:
        if e.working:
            working += e.working * e.limit
    row = books.equity_rows.get(asof_ns)
    start = books.day_start_micro(session)
    return Standing(
        tuple(found),
        placed_today,
        row["equity"] if row else start,
        start,
        _exposure(books, asof_ns),
        working,
        _stopped(books, session, seq),
        flatten_instant(session, books.grid, books.rules(session.pre_ns)),
    )


def _served_before(books: RunBooks, asof_ns: int, before: Row | None) -> set[str]:
    signals = books.signals_at(asof_ns)
    if before is not None:
        ids = [s["signal_id"] for s in signals]
        signals = signals[: ids.index(before["signal_id"])]
    return {s["signal_id"] for s in signals}


def _exposure(books: RunBooks, asof_ns: int) -> float:
    total = 0.0
    for mark in books.marks_by_ns.get(asof_ns, ()):
        total += abs(mark["quantity"]) * mark["price"]
    return total


def _stopped(books: RunBooks, session: Session, seq: int) -> tuple[str, ...]:
    out = set()
    for fills in books.fills_by_entry.values():
        for fill in fills:
            today = session.pre_ns <= fill["filled_at"] and fill["decided_seq"] <= seq
            if today and fill["role"] in {"stop", "trailing_stop"}:
                out.add(fill["symbol"])
    return tuple(sorted(out))


def _entry(
    books: RunBooks, session: Session, asof_ns: int, seq: int, entry_id: str, orders: list[Row]
) -> Held:
    entering = [o for o in orders if o["role"] == "entry"]
    fills = [f for f in books.fills_by_entry.get(entry_id, ()) if f["decided_seq"] <= seq]
    actions = [a for a in books.adjustments_by_entry.get(entry_id, ()) if a["seq"] <= seq]
    held, exited, filled, split = 0, False, 0, False
    events = [(f["decided_seq"], 1, f) for f in fills] + [(a["seq"], 0, a) for a in actions]
    for _, is_fill, row in sorted(events, key=lambda event: event[:2]):
        if not is_fill:
            if row["kind"] == "split":
                held, split = abs(row["quantity_after"]), True
        elif row["role"] == "entry":
            held += row["quantity"]
            filled += row["quantity"]
        else:
            held -= row["quantity"]
            exited = True
    ordered = sum(o["quantity"] for o in entering)
    left = ordered - filled
    placed = entering[0]["submitted_at"]
    expired = asof_ns > placed and asof_ns >= books.expiry_ns(placed)
    flatten = flatten_instant(session, books.grid, books.rules(session.pre_ns))
    over = flatten is not None and flatten <= asof_ns and placed < asof_ns
    works = left > 0 and not (split or expired or over or exited)
    return Held(
        entry_id,
        orders[0]["symbol"],
        held,
        left if works else 0,
        float(entering[0]["limit_price"]) if works else math.nan,
    )
