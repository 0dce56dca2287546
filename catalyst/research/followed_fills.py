"""Fills of another course of a session: the journal's where orders are the same, or the model's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from catalyst.data.market import Market
from catalyst.data.session_record import SessionRecord
from catalyst.data.state_codec import order_json
from catalyst.strategy.decisions import Decision, Fill, Order
from catalyst.strategy.exchange import Book, Working
from catalyst.strategy.portfolio import Entry, PortfolioState
from catalyst.strategy.reasons import Role

#: What one decision does to one entry: ids it cancels, and orders it sends, as text.
Act = tuple[tuple[str, ...], tuple[str, ...]]


def book_of(state: PortfolioState) -> Book:
    """Return the exchange's book that a state has, its orders as far as they have filled."""
    working: dict[int, tuple[Working, ...]] = {}
    for entry in state.entries:
        if entry.orders:
            working[entry.symbol] = (*working.get(entry.symbol, ()), *_rows(entry))
    return Book(working)


def _rows(entry: Entry) -> tuple[Working, ...]:
    there = {o.order_id for o in entry.orders}
    held = [f - x for f, x in zip(entry.leg_filled, entry.leg_exited, strict=True)]
    rows = []
    for o in entry.orders:
        if o.role is Role.ENTRY or o.leg < 0:
            rows.append(Working(o, o.quantity, live=True))
        elif o.parent_id in there:
            # Asleep until its parent fills, it then covers what has filled.
            rows.append(Working(o, held[o.leg], live=entry.leg_filled[o.leg] > 0))
        else:
            rows.append(Working(o, min(o.quantity, held[o.leg]), live=True))
    return tuple(rows)


class _Journal(NamedTuple):
    acts: Mapping[tuple[int, bool], Mapping[str, Act]]
    entry_of: Mapping[str, str]


class FollowedFills:
    """Follow the journal entry by entry, and go on by the fill model where it can't be followed.

    An entry is followed as long as every order that is sent and cancelled for it is one that live
    sent and cancelled at the same instant. From the first that differs, the exchange of the replay
    fills what it has left.

    Parameters
    ----------
    opening
        The state before the session; its entries are followed from the start.
    names
        The symbol table of this course.
    fills_at
        The journal's fills by the instant of the decision that was given them.
    record
        The journal's session; None follows nothing, so that the fill model fills all.
    """

    def __init__(
        self,
        opening: PortfolioState,
        names: Sequence[str],
        fills_at: Mapping[int, Sequence[Fill]],
        record: SessionRecord | None,
    ) -> None:
        self._names = names
        self._fills_at = fills_at
        self._journal = _journal(record)
        self._entry_of = {o.order_id: e.entry_id for e in opening.entries for o in e.orders}
        self._followed = set() if record is None else {e.entry_id for e in opening.entries}
        self._left = {e.entry_id for e in opening.entries} - self._followed
        self._book = Book() if self._followed else book_of(opening)
        self._since_ns = -1

    def until(self, asof_ns: int, market: Market) -> tuple[Fill, ...]:
        """Return the journal's fills of what is followed, then the model's of the rest."""
        told = [
            fill
            for fill in self._fills_at.get(asof_ns, ())
            if self._journal.entry_of.get(fill.order_id) in self._followed
        ]
        since_ns = max(self._since_ns, market.session.pre_ns)
        rules = market.rules.execution
        self._book, modelled = market.matched(self._book, since_ns, asof_ns, rules)
        self._since_ns = asof_ns
        return (*told, *modelled)

    def decided(self, decision: Decision, state: PortfolioState) -> None:
        """Compare what is sent with what live sent, and take over what is not the same."""
        mine = _acts(decision.cancels, decision.orders, self._names, self._entry_of)
        theirs = self._journal.acts.get((decision.asof_ns, decision.scan), {})
        parted = set()
        for entry_id in mine.keys() | (theirs.keys() & self._followed):
            if entry_id in self._left:
                continue
            if mine.get(entry_id) == theirs.get(entry_id):
                self._followed.add(entry_id)
            else:
                self._followed.discard(entry_id)
                self._left.add(entry_id)
                parted.add(entry_id)
        modelled = self._left - parted
        self._book = self._book.changed(
            tuple(c for c in decision.cancels if self._entry_of.get(c) in modelled),
            tuple(o for o in decision.orders if o.entry_id in modelled),
        )
        if parted:
            taken = PortfolioState(0, tuple(e for e in state.entries if e.entry_id in parted))
            working = dict(self._book.working)
            for symbol, rows in book_of(taken).working.items():
                working[symbol] = (*working.get(symbol, ()), *rows)
            self._book = Book(working)


def _acts(
    cancels: Sequence[str],
    orders: Sequence[Order],
    names: Sequence[str],
    entry_of: dict[str, str],
) -> dict[str, Act]:
    sent: dict[str, list[str]] = {}
    for order in orders:
        entry_of[order.order_id] = order.entry_id
        sent.setdefault(order.entry_id, []).append(_text(order_json(order, names)))
    return _by_entry(cancels, sent, entry_of)


def _by_entry(
    cancels: Sequence[str], sent: Mapping[str, Sequence[str]], entry_of: Mapping[str, str]
) -> dict[str, Act]:
    gone: dict[str, list[str]] = {}
    for order_id in cancels:
        gone.setdefault(entry_of.get(order_id, ""), []).append(order_id)
    return {e: (tuple(gone.get(e, ())), tuple(sent.get(e, ()))) for e in gone.keys() | sent.keys()}


def _journal(record: SessionRecord | None) -> _Journal:
    if record is None:
        return _Journal({}, {})
    entry_of = {
        o["order_id"]: e["entry_id"] for e in record.opening["entries"] for o in e["orders"]
    }
    acts = {}
    for one in record.decisions:
        sent: dict[str, list[str]] = {}
        for order in one.decision["orders"]:
            entry_of[order["order_id"]] = order["entry_id"]
            sent.setdefault(order["entry_id"], []).append(_text(order))
        acts[one.asof_ns, one.scan] = _by_entry(one.decision["cancels"], sent, entry_of)
        for fill in one.fills:
            if fill["entry"] is not None:
                entry_of.setdefault(fill["order_id"], fill["entry"]["entry_id"])
    return _Journal(acts, entry_of)


def _text(order: Mapping[str, object]) -> str:
    return json.dumps(order, sort_keys=True)
