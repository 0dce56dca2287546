"""The look at positions and working orders at the end of every bar (section 8)."""

from __future__ import annotations

from typing import Any

from reference.account import Account, Entry, ExitOrder
from reference.bars import Bar
from reference.funnel import Desk
from reference.news import catalyst_of
from reference.prices import on_tick
from reference.sessions import HOUR_NS, MINUTE_NS, Session


def flatten_at(session: Session, base_ns: int, before_close_min: int) -> int:
    """Return the last bar boundary at or before the close less `before_close_min`."""
    latest = session.close - before_close_min * MINUTE_NS
    return latest // base_ns * base_ns


class Look:
    """One look at `asof`, after the fills of the bars that ended by then."""

    def __init__(
        self,
        account: Account,
        desk: Desk,
        *,
        before: int,
        asof: int,
        session: Session,
        orders: list[dict[str, Any]],
    ) -> None:
        self.account = account
        self.desk = desk
        self.market = desk.market
        self.numbers = desk.numbers
        self.before = before
        self.asof = asof
        self.session = session
        self.daily = desk.market.daily
        self.regular = self.daily or session.open <= asof < session.close
        self.orders = orders

    def take(self, entry: Entry) -> None:
        """Look at one entry: expiry, watch, trailing stop, then the exits by decision."""
        self.expire(entry)
        self.meet_new_bars(entry)
        if not entry.held:
            return
        fresh = self.market.arrived(entry.symbol, self.before, self.asof)
        last = self.market.last_bars(entry.symbol, self.asof, 1)[-1]
        if entry.exit is not None:
            self.renew(entry, entry.exit, last, fresh=fresh)
            return
        if fresh and self.watched_stop_reached(entry, last):
            self.send_exit(entry, entry.stop_role, last)
            return
        self.trail(entry)
        for role, applies in (
            ("news_reversal", self.news_reversed),
            ("time_stop", self.time_is_up),
            ("flatten", lambda *_, **__: self.is_flatten_time()),
        ):
            if applies(entry, last, fresh=fresh):
                self.send_exit(entry, role, last)
                return

    def expire(self, entry: Entry) -> None:
        """Cancel an entry whose time is over; a bracket does not outlive regular hours."""
        if not entry.working:
            return
        closed = not self.daily and not entry.plain and self.asof >= self.session.close
        left = any(fill.role != "entry" for fill in entry.fills)
        if self.asof >= entry.expires_at or closed or left or self.is_flatten_time():
            entry.working = False

    def watched_stop_reached(self, entry: Entry, last: Bar) -> bool:
        """Say whether the close of a bar outside regular hours has reached the stop."""
        if self.regular or self.market.calendar.is_regular_bar(last.ts, last.end):
            return False
        return last.close <= entry.stop if entry.side > 0 else last.close >= entry.stop

    def meet_new_bars(self, entry: Entry) -> None:
        """Take in the bars that are newer than all before; corrections don't move a stop."""
        for bar in self.market.bars_since(entry.symbol, entry.seen_until + 1, self.asof):
            entry.seen_until = bar.ts
            if entry.first_fill_at is None or bar.ts < entry.first_fill_at:
                continue
            best, better = (bar.high, max) if entry.side > 0 else (bar.low, min)
            entry.extreme = best if entry.extreme is None else better(entry.extreme, best)

    def trail(self, entry: Entry) -> None:
        """Raise the second half's stop once target 1 has filled."""
        if not entry.target_1_filled or entry.first_fill_at is None:
            return
        level = entry.stop
        gap = self.numbers["orders"]["trailing_frac"]
        if entry.extreme is not None and entry.side > 0:
            level = max(level, on_tick(entry.extreme * (1.0 - gap), up=True))
        elif entry.extreme is not None:
            level = min(level, on_tick(entry.extreme * (1.0 + gap), up=False))
        if not entry.trailing or level != entry.stop:
            self.record(entry, "trailing_stop", "stop", stop=level)
        entry.trailing = True
        entry.stop = level

    def news_reversed(self, entry: Entry, _last: Bar, *, fresh: bool) -> bool:  # noqa: ARG002
        """Say whether the articles since the entry decision oppose the position."""
        articles = [
            article
            for article in self.desk.articles(entry.symbol, self.asof)
            if article.known_at > entry.decided_at
        ]
        catalyst = catalyst_of(articles, asof=self.asof, numbers=self.numbers)
        if catalyst.score < self.numbers["orders"]["reversal_score"]:
            return False
        return catalyst.sign(self.numbers["news"]["neutral_band"]) == -entry.side

    def time_is_up(self, entry: Entry, last: Bar, *, fresh: bool) -> bool:
        """Say whether the position has had its time and is not better than its entry."""
        if not fresh or entry.first_fill_at is None:
            return False
        if entry.side * (last.close - entry.average) > 0.0:
            return False
        rules = self.numbers["orders"]
        if self.daily:
            since = [
                bar
                for bar in self.market.last_bars(entry.symbol, self.asof, rules["time_stop_bars"])
                if bar.end >= entry.first_fill_at
            ]
            return len(since) >= int(rules["time_stop_bars"])
        return self.asof - entry.first_fill_at >= int(rules["time_stop_hours"] * HOUR_NS)

    def is_flatten_time(self) -> bool:
        """Say whether the day's flatten is due."""
        rules = self.numbers["orders"]
        if self.daily or not rules["flatten_at_close"] or not self.regular:
            return False
        at = flatten_at(self.session, self.market.base_ns, rules["flatten_before_close_min"])
        return self.asof >= at

    def send_exit(self, entry: Entry, role: str, last: Bar) -> None:
        """Cancel the entry and its protection, and send an exit for all that is held."""
        entry.working = False
        limit = None if self.regular else self.beyond(entry, last)
        entry.exit = ExitOrder(role, limit, by_leg=False, sent_at=self.asof)
        self.record(entry, role, "market" if limit is None else "limit", limit=limit)

    def renew(self, entry: Entry, order: ExitOrder, last: Bar, *, fresh: bool) -> None:
        """Make a working exit fit the hours: a market order inside, a fresh limit outside."""
        if self.regular:
            if order.limit is not None:
                order.limit = None
                self.record(entry, order.role, "market")
        elif fresh or order.limit is None:
            order.limit = self.beyond(entry, last)
            order.by_leg = False
            self.record(entry, order.role, "limit", limit=order.limit)

    def beyond(self, entry: Entry, last: Bar) -> float:
        """Return a limit 1 % beyond the last close."""
        gap = self.numbers["orders"]["beyond_frac"]
        return on_tick(last.close * (1.0 - entry.side * gap), up=entry.side > 0)

    def record(
        self,
        entry: Entry,
        role: str,
        kind: str,
        *,
        limit: float | None = None,
        stop: float | None = None,
    ) -> None:
        """Write down an order that this look sends."""
        self.orders.append(
            {
                "entry_id": entry.entry_id,
                "signal_id": entry.signal.signal_id,
                "symbol": entry.symbol,
                "side": "sell" if entry.side > 0 else "buy",
                "role": role,
                "type": kind,
                "quantity": entry.held,
                "limit_price": limit,
                "stop_price": stop,
                "submitted_at": self.asof,
                "status": "sent",
                "rule": "",
                "value": None,
                "threshold": None,
            }
        )
