"""A run, written down while it happens: every table, and the check that money is conserved."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.books import ClosedTrade, SentOrder, Trade
from catalyst.data.codec import digest, symbol_codes
from catalyst.data.tables import TableWriter
from catalyst.errors import ConservationError
from catalyst.strategy.clock import timeframe_label
from catalyst.strategy.decisions import Decision, Fill, Screen, Signal
from catalyst.strategy.ids import content_id
from catalyst.strategy.money import MICRO, notional_micro
from catalyst.strategy.news import category_names
from catalyst.strategy.portfolio import Adjustment, PortfolioState
from catalyst.strategy.reasons import Outcome, Reason, Role
from catalyst.strategy.values import Floats

_LABELS = {int(reason): reason.label for reason in Reason}
_REASONS = pl.Series([_LABELS.get(k, "") for k in range(max(Reason) + 1)])
_SCREEN_COLUMNS = tuple(f.name for f in fields(Screen))
_SCREEN_ROWS = 50_000


class Recorder:
    """Write decisions, fills and marks as they come, and keep the books a second time.

    Parameters
    ----------
    writer
        Where rows go.
    names
        The run's symbol table.
    initial_micro
        Cash at the start, micro-dollars.
    money_only
        Leave out what was seen and scored: decisions, candidates, patterns, signals.

    Attributes
    ----------
    drops
        How many candidates each (stage, rule) dropped; holds and refusals under stage 0.
    asked
        How many candidates each stage was asked about.
    thresholds
        Threshold of each (stage, rule); NaN where it was not always the same.
    closed
        Closed trades.
    entries
        Number of entries that filled.
    traded_micro
        Value of all fills, micro-dollars.
    slippage_micro
        What slippage and rounding took of them, micro-dollars.
    """

    def __init__(
        self,
        writer: TableWriter,
        names: tuple[str, ...],
        initial_micro: int,
        *,
        money_only: bool = False,
    ) -> None:
        self._write = writer
        self._money_only = money_only
        self._names = names
        self._name_array = pl.Series(names, dtype=pl.String)
        self._codes = symbol_codes(names)
        self._screens: list[tuple[int, Screen]] = []
        self._screen_rows = 0
        self._initial = initial_micro
        self._seq = 0
        self._digest = hashlib.sha256()
        self._sent: dict[str, SentOrder] = {}
        self._trades: dict[str, Trade] = {}
        self._settled_micro = 0
        self._pending_fills: list[Fill] = []
        self.drops: Counter[tuple[int, str]] = Counter()
        self.asked: Counter[int] = Counter()
        self.thresholds: dict[tuple[int, str], float] = {}
        self.closed: list[ClosedTrade] = []
        self.entries = 0
        self.traded_micro = 0
        self.slippage_micro = 0
        self.signals: Counter[str] = Counter()

    @property
    def decision_digest(self) -> str:
        """Return 64 hexadecimal digits over every decision so far, in order; empty if left out."""
        return "" if self._money_only else self._digest.hexdigest()

    def fills(self, fills: tuple[Fill, ...]) -> None:
        """Take the fills that the next decision receives."""
        self._pending_fills += fills

    def decided(
        self,
        decision: Decision,
        state: PortfolioState,
        adjustments: tuple[Adjustment, ...],
        *,
        market: float,
    ) -> None:
        """Write one decision, the state after it, and the growth of all symbols held equally."""
        for adjustment in adjustments:
            self._adjust(adjustment)
        self._remember(decision)
        for fill in self._pending_fills:
            self._fill(fill)
        self._pending_fills = []
        if not self._money_only:
            self._seen(decision)
        self._close_trades(state)
        if adjustments:
            # The look at 04:00 follows with the same instant; a curve has one row an instant.
            self._seq += 1
            return
        positions = state.positions_micro
        held = [e for e in state.entries if e.held]
        self._write.row(
            "equity",
            (
                decision.asof_ns,
                state.cash_micro,
                positions,
                state.cash_micro + positions,
                len(held),
                self._seq,
                market,
            ),
        )
        marks = dict(state.marks)
        for e in held:
            self._write.row(
                "marks",
                (
                    decision.asof_ns,
                    self._names[e.symbol],
                    e.side * e.held,
                    marks[e.symbol],
                    self._seq,
                ),
            )
        self._seq += 1

    def _seen(self, decision: Decision) -> None:
        text = digest(decision, self._names, self._codes)
        self._digest.update(text.encode())
        outcomes = [s.outcome for s in decision.signals]
        n_candidates = 0 if decision.screen is None else len(decision.screen.symbol)
        self._write.row(
            "decisions",
            (
                decision.asof_ns,
                self._seq,
                text,
                n_candidates,
                len(decision.signals),
                outcomes.count(Outcome.INTENT),
                outcomes.count(Outcome.REFUSED),
            ),
        )
        if decision.screen is not None:
            self._screen(decision.asof_ns, decision.screen)
        for p in decision.patterns:
            name, length = self._names[p.symbol], timeframe_label(p.timeframe_ns)
            self._write.row("patterns", (p.pattern_id, decision.asof_ns, name, length, *p[3:]))
        for signal in decision.signals:
            self._signal(decision.asof_ns, signal)

    def _remember(self, decision: Decision) -> None:
        for order_id in decision.cancels:
            if order_id in self._sent:
                sent = self._sent[order_id]
                expired = sent.order.role is Role.ENTRY
                sent.status = sent.status or ("expired" if expired else "cancelled")
        signals = {s.signal_id: s for s in decision.signals}
        for order in decision.orders:
            if order.replaces_id in self._sent:
                self._sent[order.replaces_id].status = "replaced"
            self._sent[order.order_id] = SentOrder(order)
            if order.role is Role.ENTRY and order.entry_id not in self._trades:
                signal = signals[order.signal_id]
                self._trades[order.entry_id] = Trade(
                    signal, order.symbol, signal.side, decision.asof_ns
                )

    def _fill(self, fill: Fill) -> None:
        sent = self._sent[fill.order_id]
        order = sent.order
        sent.filled += fill.quantity
        trade = self._trades[order.entry_id]
        self.traded_micro += notional_micro(fill.price, fill.quantity)
        self.slippage_micro += fill.slippage_micro
        self.entries += order.role is Role.ENTRY and trade.entry_ns < 0
        trade.fill(fill, order.role)
        self._write.row(
            "fills",
            (
                fill.fill_id,
                fill.order_id,
                order.entry_id,
                self._names[fill.symbol],
                fill.side.label,
                order.role.label,
                fill.quantity,
                fill.price,
                fill.fee_micro,
                fill.filled_ns,
                self._seq,
                fill.slippage_micro,
            ),
        )

    def _adjust(self, a: Adjustment) -> None:
        self._trades[a.entry_id].adjust(a)
        self._write.row(
            "adjustments",
            (
                a.ts_ns,
                a.entry_id,
                self._names[a.symbol],
                a.kind,
                a.value,
                a.quantity_before,
                a.quantity_after,
                a.cash_micro,
                self._seq,
            ),
        )

    def _screen(self, asof_ns: int, screen: Screen) -> None:
        self._screens.append((asof_ns, screen))
        self._screen_rows += len(screen.symbol)
        if self._screen_rows >= _SCREEN_ROWS:
            self.flush_screens()

    def flush_screens(self) -> None:
        """Write the candidates gathered so far."""
        if not self._screen_rows:
            return
        at = np.array([asof for asof, _ in self._screens])
        screens = [screen for _, screen in self._screens]
        counts = [len(s.symbol) for s in screens]
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(s, name) for s in screens]) for name in _SCREEN_COLUMNS
        }
        stage, reason = columns["stage"], columns["reason"]
        codes = stage.astype(np.int64) * 64 + reason
        for code, count in enumerate(np.bincount(codes).tolist()):
            if count:
                self.asked[code // 64] += count
                if code % 64:
                    label = Reason(code % 64).label
                    self.drops[code // 64, label] += count
                    self._threshold(code // 64, label, columns["threshold"][codes == code])
        columns["decided_at"] = np.repeat(at, counts)
        columns["passed"] = reason == 0
        columns["symbol"] = self._name_array.gather(columns["symbol"])
        columns["reason"] = _REASONS.gather(reason)
        self._write.columns("candidates", columns)
        self._screens, self._screen_rows = [], 0

    def _threshold(self, stage: int, rule: str, values: Floats) -> None:
        """Keep the threshold of a rule where it is always the same one."""
        seen = {*values[np.isfinite(values)].tolist(), self.thresholds.get((stage, rule))} - {None}
        self.thresholds[stage, rule] = seen.pop() if len(seen) == 1 else math.nan

    def _signal(self, asof_ns: int, s: Signal) -> None:
        risk = (s.entry - s.stop) * s.side
        reward = (s.target_1 - s.entry) * s.side / risk if risk > 0 else math.nan
        side = "long" if s.side > 0 else "short" if s.side < 0 else "none"
        rule = "" if s.rule is Reason.PASSED else s.rule.label
        name = self._names[s.symbol]
        self._write.row(
            "signals",
            (
                s.signal_id,
                name,
                asof_ns,
                side,
                *s[3:13],
                reward,
                s.size_frac,
                "+".join(category_names(s.categories)),
                s.key_factors,
                s.pattern_ids,
                s.news_ids,
                s.outcome.label,
                rule,
                s.value,
                s.threshold,
                s.scores,
            ),
        )
        self.signals[s.outcome.label] += 1
        if rule:
            self.drops[0, rule] += 1
            known = self.thresholds.setdefault((0, rule), s.threshold)
            if known != s.threshold:
                self.thresholds[0, rule] = math.nan
        if s.outcome is Outcome.REFUSED:
            refused_id = content_id("refused", s.signal_id)
            buy = "buy" if s.side > 0 else "sell"
            self._write.row(
                "orders",
                (
                    refused_id,
                    "",
                    s.signal_id,
                    name,
                    buy,
                    "entry",
                    "limit",
                    0,
                    math.nan,
                    math.nan,
                    asof_ns,
                    "refused",
                    0,
                    "",
                    "",
                    rule,
                    s.value,
                    s.threshold,
                ),
            )

    def _close_trades(self, state: PortfolioState) -> None:
        if not self._trades:
            return
        alive = {e.entry_id for e in state.entries}
        for entry_id in [e for e in self._trades if e not in alive]:
            trade = self._trades.pop(entry_id)
            self._settled_micro += trade.pnl_micro + trade.dividends_micro
            if trade.bought:
                self._write_trade(entry_id, trade)
            for sent in [s for s in self._sent.values() if s.order.entry_id == entry_id]:
                self._write_order(sent)
                del self._sent[sent.order.order_id]

    def _write_trade(self, entry_id: str, trade: Trade) -> None:
        name = self._names[trade.symbol]
        if trade.held:
            raise ConservationError(
                f"entry {entry_id} of {name} ended with {trade.held} shares; expected none"
            )
        self.closed.append(ClosedTrade(trade.pnl_micro, trade.cost_micro, name))
        self._write.row("trades", trade.row(entry_id, name))

    def _write_order(self, sent: SentOrder, *, last: bool = False) -> None:
        self._write.row("orders", sent.row(self._names[sent.order.symbol], last=last))

    def check(self, state: PortfolioState) -> None:
        """Compare the strategy's ledger with the fills that the exchange reported.

        Raises
        ------
        ConservationError
            If cash differs by a micro-dollar or a position by a share.
        """
        cash = (
            self._initial
            + self._settled_micro
            + sum(t.pnl_micro + t.dividends_micro for t in self._trades.values())
        )
        if cash != state.cash_micro:
            raise ConservationError(
                f"cash is {state.cash_micro / MICRO:.6f} USD, but initial cash and fills give "
                f"{cash / MICRO:.6f}; this is a bug"
            )
        held = {e.entry_id: e.held for e in state.entries if e.held}
        counted = {k: t.held for k, t in self._trades.items() if t.held}
        if held != counted:
            raise ConservationError(
                f"positions are {held}, but fills give {counted}; this is a bug"
            )

    def finish(self) -> dict[str, Any]:
        """Write the orders that still work; return the open positions, signed shares by symbol."""
        self.flush_screens()
        for sent in self._sent.values():
            self._write_order(sent, last=True)
        return {self._names[t.symbol]: t.side * t.held for t in self._trades.values() if t.held}
