"""The session loop of the reference: fills, look, scan, at every instant in turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from reference import funnel, gate, patterns
from reference.account import Account, Entry, new_legs
from reference.exchange import BarBook
from reference.funnel import Desk
from reference.look import Look
from reference.market import DAY, Market
from reference.news import Newsroom
from reference.presets import Numbers
from reference.prices import MICRO
from reference.sessions import (
    MINUTE_NS,
    TIMEFRAME_NS,
    Calendar,
    Session,
    nanoseconds,
    new_york,
    spanning,
)
from reference.signals import Signal, judge

Rows = list[dict[str, Any]]


@dataclass
class Reference:
    """What a run leaves behind; each list holds rows with the columns of its table."""

    candidates: Rows = field(default_factory=list)
    patterns: Rows = field(default_factory=list)
    signals: Rows = field(default_factory=list)
    orders: Rows = field(default_factory=list)
    fills: Rows = field(default_factory=list)
    trades: Rows = field(default_factory=list)
    equity: Rows = field(default_factory=list)
    open_entries: list[Entry] = field(default_factory=list)


def plain_rows(table: object) -> Rows:
    """Return a table (polars, or an iterable of dicts) as dicts, instants as ns UTC."""
    given: Iterable[dict[str, Any]]
    if table is None:
        given = []
    elif hasattr(table, "to_dicts"):
        given = table.to_dicts()
    else:
        given = table  # type: ignore[assignment]
    return [
        {
            name: nanoseconds(value) + value.microsecond * 1000
            if isinstance(value, datetime)
            else value
            for name, value in row.items()
        }
        for row in given
    ]


class Replay:
    """One run over the sessions from `start` to `end`, both included."""

    def __init__(
        self, desk: Desk, calendar: Calendar, numbers: Numbers, *, start: date, end: date
    ) -> None:
        self.desk = desk
        self.market = desk.market
        self.calendar = calendar
        self.numbers = numbers
        self.sessions = [one for one in calendar.sessions if start <= one.day <= end]
        self.account = Account(desk.market, numbers)
        self.out = Reference()
        self.active: list[str] = []
        self.before = 0
        self.applied = new_york(start, 0)

    def run(self) -> Reference:
        """Walk through all sessions and return what they left."""
        for session in self.sessions:
            self.account.start_day()
            self.active = []
            first_scan = True
            if self.before == 0:
                self.before = session.pre
            instants = self.instants(session)
            for asof in instants:
                self.meet(session, asof)
                if self.is_scan(session, asof):
                    self.scan(session, asof, first=first_scan)
                    first_scan = False
                self.write_equity(asof, always=asof == instants[-1])
            self.account.last_mark = self.account.equity_usd(self.before)
        self.out.open_entries = list(self.account.open.values())
        self.out.candidates.sort(key=lambda row: (row["decided_at"], -row["stage"], row["symbol"]))
        self.out.signals.sort(key=lambda row: (row["decided_at"], row["symbol"]))
        return self.out

    def instants(self, session: Session) -> list[int]:
        """Return the instants of a session: every end of a base bar and every scan."""
        if self.market.daily:
            return [session.close]
        return list(range(session.pre, session.post + 1, self.market.base_ns))

    def is_scan(self, session: Session, asof: int) -> bool:
        """Say whether `asof` is a scan instant."""
        if self.market.daily:
            return True
        state = self.calendar.state(asof)
        if state == "closed":
            return False
        scan = self.numbers["scan"]
        every = scan["after_hours_every_min"] if state == "after_hours" else scan["every_min"]
        return asof % max(every * MINUTE_NS, self.market.base_ns) == 0 and asof >= session.pre

    def meet(self, session: Session, asof: int) -> None:
        """Apply actions, fill what the ended bars fill, then look at every entry."""
        for action in self.market.actions:
            if self.applied < action.effective <= asof:
                self.account.apply(action, asof)
        self.applied = asof
        for symbol in sorted(self.account.open):
            entry = self.account.open[symbol]
            for bar in self.market.ended(symbol, self.before, asof):
                regular = self.calendar.is_regular_bar(bar.ts, bar.end)
                book = BarBook(bar, entry, regular=regular, numbers=self.numbers)
                for fill in book.work():
                    self.account.cash_micro -= (
                        fill.side * round(fill.price * 10_000) * 100 * (fill.quantity)
                    )
                    if fill.role in {"stop", "trailing_stop"}:
                        self.account.stopped_today.add(symbol)
                    self.out.fills.append(
                        {
                            "entry_id": fill.entry_id,
                            "symbol": symbol,
                            "side": "buy" if fill.side > 0 else "sell",
                            "quantity": fill.quantity,
                            "price": fill.price,
                            "fee": 0.0,
                            "filled_at": fill.filled_at,
                            "role": fill.role,
                        }
                    )
        for symbol in sorted(self.account.open):
            entry = self.account.open[symbol]
            look = Look(
                self.account,
                self.desk,
                before=self.before,
                asof=asof,
                session=session,
                orders=self.out.orders,
            )
            look.take(entry)
            if not entry.held and not entry.working:
                del self.account.open[symbol]
                if entry.fills:
                    self.out.trades.append(trade_row(entry))
        self.before = asof
        self.account.watch_loss(asof)

    def scan(self, session: Session, asof: int, *, first: bool) -> None:
        """Run the funnel, judge the candidates, and place what the gate lets through."""
        rows = self.out.candidates
        every = self.numbers["scan"]["choose_every_min"] * MINUTE_NS
        if first or self.market.daily or asof % every == 0:
            self.active = funnel.choose_active(self.desk, asof, rows)
        twenty = funnel.choose_by_catalyst(self.desk, self.active, asof, rows)
        five = funnel.choose_candidates(self.desk, twenty, asof, rows)
        signals: list[Signal] = []
        for symbol in five:
            signal, seen = judge(self.desk, symbol, asof)
            signals.append(signal)
            sign = signal.facts.catalyst_sign
            self.out.patterns += [patterns.row(one, asof, sign) for one in seen.detections]
        equity_usd = self.account.equity_usd(asof)
        for signal in sorted(signals, key=lambda one: (-one.confidence, one.symbol)):
            signal.size_frac = self.cap(asof) * signal.band
            if not signal.rule:
                self.place(signal, session, asof, equity_usd)
            self.out.signals.append(signal.row())

    def cap(self, asof: int) -> float:
        """Return the share of equity that a full-sized entry at `asof` may take."""
        pre = not self.market.daily and self.calendar.state(asof) == "pre_market"
        return float(self.numbers["risk"]["cap_pre_market" if pre else "cap"])

    def place(self, signal: Signal, session: Session, asof: int, equity_usd: float) -> None:
        """Ask the gate, size the entry and place it; or record the refusal."""
        rules = self.numbers["orders"]
        daily = self.market.daily
        plain = not daily and self.calendar.state(asof) != "regular"
        limit = gate.entry_limit(signal, rules["extended_bps"] if plain else rules["collar_bps"])
        refused = gate.refusal(self.account, signal, asof=asof, session=session)
        quantity = 0
        if refused is None:
            quantity = gate.size(
                self.account,
                signal,
                limit=limit,
                equity_usd=equity_usd,
                cap=self.cap(asof),
                asof=asof,
            )
            if quantity == 0:
                refused = ("size_zero", 0.0, 1.0)
        if refused is not None:
            signal.outcome = "refused"
            signal.rule, signal.value, signal.threshold = refused
            self.write_order(signal, asof, quantity, limit, "refused")
            return
        signal.outcome = "intent"
        if daily:
            following = self.calendar.sessions[self.calendar.latest(asof) + 1]
            expires_at = following.close
        else:
            expires_at = asof + rules["alive_bars"] * self.market.base_ns
        self.account.open[signal.symbol] = Entry(
            signal.signal_id,
            signal,
            signal.side,
            quantity,
            limit,
            plain,
            asof,
            expires_at,
            signal.stop,
            signal.stop,
            new_legs(quantity, signal, plain=plain),
            seen_until=self.market.last_bars(signal.symbol, asof, 1)[-1].ts,
        )
        self.account.entries_today += 1
        if signal.pattern_key is not None:
            self.account.used.add(signal.pattern_key)
        for leg in self.account.open[signal.symbol].legs:
            if leg.ordered:
                self.write_order(signal, asof, leg.ordered, limit, "sent")

    def write_order(
        self, signal: Signal, asof: int, quantity: int, limit: float, status: str
    ) -> None:
        """Write down an entry order, sent or refused."""
        self.out.orders.append(
            {
                "entry_id": signal.signal_id,
                "signal_id": signal.signal_id,
                "symbol": signal.symbol,
                "side": "buy" if signal.side > 0 else "sell",
                "role": "entry",
                "type": "limit",
                "quantity": quantity,
                "limit_price": limit,
                "stop_price": None,
                "submitted_at": asof,
                "status": status,
                "rule": signal.rule,
                "value": signal.value,
                "threshold": signal.threshold,
            }
        )

    def write_equity(self, asof: int, *, always: bool) -> None:
        """Write down the account while something is open, and at each session's end."""
        if not always and not self.account.open:
            return
        positions = self.account.positions_usd(asof)
        cash = self.account.cash_micro / MICRO
        self.out.equity.append(
            {
                "ts": asof,
                "cash": cash,
                "positions_value": positions,
                "equity": cash + positions,
                "n_positions": sum(1 for entry in self.account.open.values() if entry.held),
            }
        )


def trade_row(entry: Entry) -> dict[str, Any]:
    """Return a flat entry as a row of the table `trades`, in shares of its last day."""
    exits = [fill for fill in entry.fills if fill.role != "entry"]
    return {
        "trade_id": entry.entry_id,
        "signal_id": entry.signal.signal_id,
        "symbol": entry.symbol,
        "side": "long" if entry.side > 0 else "short",
        "quantity": round(entry.bought),
        "entry_ts": entry.first_fill_at,
        "entry_price": entry.average,
        "exit_ts": max(fill.filled_at for fill in exits),
        "exit_price": entry.exit_usd / entry.sold,
        "exit_reason": "+".join(dict.fromkeys(fill.role for fill in exits)),
        "fees": 0.0,
        "pnl": entry.cash_micro / MICRO,
        "decided_at": entry.decided_at,
        "news_ids": list(entry.signal.facts.catalyst.news_ids),
        "catalyst_score": entry.signal.components["catalyst"],
        "confidence": entry.signal.confidence,
    }


def run_reference(
    bars: object,
    news: object,
    actions: object,
    universe: object,
    params: Numbers,
    *,
    timeframe: str,
    start: date,
    end: date,
) -> Reference:
    """Replay the strategy, slowly.

    Parameters
    ----------
    bars : polars.DataFrame or iterable of dict
        Rows with symbol, ts (bar start), timeframe, open, high, low, close, volume, known_at,
        adjustment; instants int64 ns UTC or aware datetimes. Timeframes coarser than `timeframe`
        serve as session history only, finer ones not at all.
    news : polars.DataFrame or iterable of dict
        Rows with news_id, symbol, known_at, published_at, tier, categories, sentiment,
        market_state, cluster_rank.
    actions : polars.DataFrame or iterable of dict
        Rows with symbol, ex_date, kind, value (new shares per old, or USD a share), known_at.
    universe : polars.DataFrame or iterable of dict
        Rows with symbol, from, to, known_at; without rows every symbol with a known bar is in.
    params : dict
        One of `reference.presets`, or a copy of one.
    timeframe : str
        Base timeframe: 1m, 5m, 15m, 30m, 1h or 1d.
    start, end : date
        First and last session, both included.

    Returns
    -------
    Reference
        The tables as lists of dicts.
    """
    all_bars = plain_rows(bars)
    instants = [row["ts"] for row in all_bars]
    first, last = new_york(start, 4), new_york(end, 20)
    calendar = spanning(min([*instants, first]), max([*instants, last]))
    market = Market(
        all_bars,
        plain_rows(actions),
        plain_rows(universe),
        calendar=calendar,
        base=timeframe,
        numbers=params,
    )
    if timeframe != DAY and timeframe not in TIMEFRAME_NS:
        raise ValueError(timeframe)
    desk = Desk(market, Newsroom(plain_rows(news)), params)
    return Replay(desk, calendar, params, start=start, end=end).run()
