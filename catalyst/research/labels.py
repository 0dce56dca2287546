"""What became of each signal: target, stop or time, whichever its price touched first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.session_bars import SessionBars
from catalyst.research.result import Result
from catalyst.research.tape import Tape, tape_of
from catalyst.strategy.clock import HOUR_NS, MINUTE_NS, flatten_instant
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Action
from catalyst.strategy.values import Floats, Grid, Ints, Session

_INSTANT = pl.Datetime("ns", "UTC")
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "signal_id": pl.String,
    "symbol": pl.String,
    "decided_at": _INSTANT,
    "side": pl.String,
    "label": pl.Int8,
    "barrier": pl.String,
    "entry_at": _INSTANT,
    "entry": pl.Float64,
    "exit": pl.Float64,
    "return": pl.Float64,
    "known_ns": pl.Int64,
    "holding_minutes": pl.Float64,
    "uniqueness": pl.Float64,
}
"""Columns of `labels`, in order."""


def labels(result: Result) -> pl.DataFrame:
    """Return the triple-barrier outcome of every signal with a direction, taken or not.

    Entered at the open of the symbol's next bar, if it comes while an entry order would still work
    (with daily bars: in the next session). Left where the price first touches a barrier of the
    variant's own: the signal's stop (a bar that reaches it, also outside regular hours), its first
    target (a bar that trades through it), or time: the end of the first bar at which the variant's
    time stop would leave, or its flatten. In a bar that reaches stop and target the stop is first.
    Costs, trailing, the second half's target and news are left out. Splits known by their ex-date's
    04:00 are applied. Source: the triple-barrier method, Lopez de Prado, Advances in Financial
    Machine Learning (2018), ch. 3.

    Parameters
    ----------
    result
        A run with its lake; its outcomes may lie after its last session.

    Returns
    -------
    DataFrame
        A row a signal, in the order of ``signals``:

        - ``signal_id``, ``symbol``, ``decided_at``, ``side`` (long, short)
        - ``label``: 1 if the target was first, 0 if not; null without an entry or an end
        - ``barrier``: target, stop, time, flatten; ``open`` if the lake ends before, ``no_entry``
          if no bar followed in time, entries were not allowed any more, or the next bar opened
          beyond the target
        - ``entry_at``, ``entry``, ``exit``: UTC, and USD in the shares of the time
        - ``return``: in the signal's direction, a fraction, before costs
        - ``known_ns``: the end of the bar of the touch, ns UTC: from then on the label was known
        - ``holding_minutes``: from entry to ``known_ns``, by the clock
        - ``uniqueness``: mean of 1 / (open labels of the symbol) while this one was open, 0 to 1
          (Lopez de Prado, ch. 4); null without a label

    Raises
    ------
    InputError
        If the run was opened without its lake.
    """
    tape = tape_of(result)
    signals = result.signals.filter(pl.col("side").is_in(["long", "short"])).select(
        "signal_id",
        "symbol",
        "decided_at",
        "side",
        "stop",
        "target_1",
        decided_ns=pl.col("decided_at").cast(pl.Int64),
        index=pl.col("symbol").replace_strict(tape.index, return_dtype=pl.Int32),
        sign=pl.when(pl.col("side") == "long").then(1).otherwise(-1),
    )
    outcomes = _Walk(tape, result.params).outcomes(signals)
    found: dict[str, list[Any]] = {
        "label": [o.label for o in outcomes],
        "barrier": [o.barrier for o in outcomes],
        "entry_at": [o.entry_ns if o.entered else None for o in outcomes],
        "entry": [o.paid if o.entered else None for o in outcomes],
        "exit": [o.exit if o.ended else None for o in outcomes],
        "return": [o.sign * (o.exit / o.entry - 1.0) if o.ended else None for o in outcomes],
        "known_ns": [o.known_ns if o.ended else None for o in outcomes],
        "holding_minutes": [
            (o.known_ns - o.entry_ns) / MINUTE_NS if o.ended else None for o in outcomes
        ],
        "uniqueness": _uniqueness(outcomes),
    }
    columns = [pl.Series(name, values, strict=False) for name, values in found.items()]
    return signals.select(
        *("signal_id", "symbol", "decided_at", "side"),
        *(column.cast(COLUMNS[column.name]) for column in columns),
    )


@dataclass(frozen=True)
class _Trade:
    """A signal on its way: prices in the shares of the session that was looked at last."""

    symbol: int
    sign: int
    decided_ns: int
    stop: float
    target: float
    entry_ns: int = -1
    paid: float = math.nan
    entry: float = math.nan
    held: int = 0
    barrier: str = ""
    exit: float = math.nan
    known_ns: int = -1

    @property
    def entered(self) -> bool:
        return self.entry_ns >= 0

    @property
    def ended(self) -> bool:
        return self.known_ns >= 0

    @property
    def label(self) -> int | None:
        return int(self.barrier == "target") if self.ended else None

    def after_split(self, ratio: float) -> _Trade:
        return replace(
            self, stop=self.stop / ratio, target=self.target / ratio, entry=self.entry / ratio
        )


class _Walk:
    """Walk through the sessions once, with every signal that waits for its end."""

    def __init__(self, tape: Tape, params: Params) -> None:
        self._tape = tape
        self._params = params
        self._splits: dict[int, list[Action]] = {}
        for action in tape.feed.actions:
            if action.kind == "split":
                self._splits.setdefault(action.day, []).append(action)

    def outcomes(self, signals: pl.DataFrame) -> list[_Trade]:
        columns = ("index", "sign", "decided_ns", "stop", "target_1")
        trades = [_Trade(*row) for row in signals.select(columns).iter_rows()]
        place = self._tape.session_at(signals["decided_ns"].to_numpy())
        waiting: list[int] = []
        at = 0
        order = np.argsort(place, kind="stable").tolist()
        for k, session in enumerate(self._tape.sessions):
            if not waiting and at == len(order):
                break
            fresh = []
            while at < len(order) and place[order[at]] == k:
                fresh.append(order[at])
                at += 1
            own = waiting if self._tape.feed.grid.daily else [*waiting, *fresh]
            if own:
                bars = self._bars(k)
                self._split(session, waiting, trades, bars)
                step = _Step(session, bars, self._tape, self._params)
                for i in own:
                    trades[i] = step.walk(trades[i])
            waiting = [i for i in waiting if not trades[i].barrier]
            waiting += [i for i in fresh if not trades[i].barrier]
        return [t if t.barrier else replace(t, barrier=_unfinished(t)) for t in trades]

    def _bars(self, k: int) -> SessionBars:
        session, feed, grace_ns = self._tape.sessions[k], self._tape.feed, self._tape.grace_ns
        found = feed.bars(session, grace_ns=grace_ns)
        for action in self._known_splits(session, found):
            before = feed.bars(self._tape.sessions[k - 1], grace_ns=grace_ns) if k else None
            if before is not None:
                own = before.traded.close[slice(*before.start[action.symbol :][:2].tolist())]
                close = float(own[-1]) if len(own) else math.nan
                found, _ = found.without_old_shares(action.symbol, close, action.value)
        return found

    def _known_splits(self, session: Session, bars: SessionBars) -> list[Action]:
        # One that became known later moved nobody's stop in time: neither does it here.
        return [
            action
            for action in self._splits.get(session.day, [])
            if action.known_ns <= session.pre_ns and bars.adjusted[action.symbol] == 0
        ]

    def _split(
        self, session: Session, waiting: Sequence[int], trades: list[_Trade], bars: SessionBars
    ) -> None:
        for action in self._known_splits(session, bars):
            for i in waiting:
                if trades[i].symbol == action.symbol:
                    trades[i] = trades[i].after_split(action.value)


def _unfinished(trade: _Trade) -> str:
    return "open" if trade.entered else "no_entry"


class _Step:
    """One session's bars, against the signals that wait for them."""

    def __init__(self, session: Session, bars: SessionBars, tape: Tape, params: Params) -> None:
        self._grid: Grid = tape.feed.grid
        self._bars = bars
        self._wait_ns = tape.wait_ns
        rules = params.on(session.day)
        self._risk = rules.risk
        exits = {component.name for component in rules.exits}
        self._time_stop = "time_stop" in exits
        flatten = flatten_instant(session, self._grid, rules)
        self._no_entry_ns = None
        if flatten is not None:
            self._no_entry_ns = flatten - rules.risk.quiet_minutes * MINUTE_NS
        self._flatten_ns = flatten if "flatten" in exits else None

    def walk(self, trade: _Trade) -> _Trade:
        own = slice(*self._bars.start[trade.symbol : trade.symbol + 2].tolist())
        rows = self._bars.traded
        # What nobody traded in fills nothing.
        sound = rows.volume[own] > 0.0
        ts, ends = rows.ts_ns[own][sound], self._bars.ends_ns[own][sound]
        open_, high, low, close = (
            column[own][sound] for column in (rows.open, rows.high, rows.low, rows.close)
        )
        first = 0
        if not trade.entered:
            first = int(np.searchsorted(ts, trade.decided_ns, side="left"))
            last = self._last(ends)
            if first >= last or not self._may_enter(trade, int(ts[first]), float(open_[first])):
                return replace(trade, barrier="no_entry")
            price = float(open_[first])
            trade = replace(trade, entry_ns=int(ts[first]), paid=price, entry=price)
        span = slice(first, self._last(ends))
        return self._touched(trade, open_[span], high[span], low[span], close[span], ends[span])

    def _last(self, ends: Ints) -> int:
        if self._flatten_ns is None:
            return len(ends)
        return int(np.searchsorted(ends, self._flatten_ns, side="right"))

    def _may_enter(self, trade: _Trade, ts_ns: int, price: float) -> bool:
        late = self._no_entry_ns is not None and trade.decided_ns >= self._no_entry_ns
        # A daily bar is of the session after the decision; it was asked for by that.
        slow = not self._grid.daily and ts_ns - trade.decided_ns >= self._wait_ns
        return not late and not slow and (price - trade.target) * trade.sign < 0.0

    def _touched(
        self, trade: _Trade, open_: Floats, high: Floats, low: Floats, close: Floats, ends: Ints
    ) -> _Trade:
        if not len(ends):
            return self._flattened(trade, math.nan)
        up = trade.sign > 0
        stopped = low <= trade.stop if up else high >= trade.stop
        won = high > trade.target if up else low < trade.target
        late = np.zeros(len(ends), np.bool_)
        if self._time_stop:
            if self._grid.daily:
                due = trade.held + 1 + np.arange(len(ends)) >= self._risk.time_stop_bars
            else:
                due = ends >= trade.entry_ns + round(self._risk.time_stop_hours * HOUR_NS)
            late = due & ((close - trade.entry) * trade.sign <= 0.0)
        touched = stopped | won | late
        if not touched.any():
            return self._flattened(replace(trade, held=trade.held + len(ends)), float(close[-1]))
        b = int(touched.argmax())
        if stopped[b]:
            worse = min if up else max
            found = ("stop", worse(trade.stop, float(open_[b])))
        elif won[b]:
            better = max if up else min
            found = ("target", better(trade.target, float(open_[b])))
        else:
            found = ("time", float(close[b]))
        return replace(trade, barrier=found[0], exit=found[1], known_ns=int(ends[b]))

    def _flattened(self, trade: _Trade, close: float) -> _Trade:
        if self._flatten_ns is None or math.isnan(close):
            return trade
        return replace(trade, barrier="flatten", exit=close, known_ns=self._flatten_ns)


def _uniqueness(trades: Sequence[_Trade]) -> list[float | None]:
    """Average over time from left to right, so that later labels change no earlier one's bits."""
    out: list[float | None] = [None] * len(trades)
    by_symbol: dict[int, list[int]] = {}
    for i, trade in enumerate(trades):
        if trade.entered:
            by_symbol.setdefault(trade.symbol, []).append(i)
    for own in by_symbol.values():
        entry = np.array([trades[i].entry_ns for i in own], np.int64)
        ended = np.array([trades[i].ended for i in own], np.bool_)
        known = np.array([trades[i].known_ns for i in own], np.int64)[ended]
        times = np.unique(np.concatenate([entry, known]))
        change = np.bincount(np.searchsorted(times, entry), minlength=len(times))
        change = change - np.bincount(np.searchsorted(times, known), minlength=len(times))
        open_ = np.cumsum(change)[:-1]
        part = np.diff(times) / np.maximum(open_, 1)
        total = np.concatenate([[0.0], np.cumsum(part)])
        for i in own:
            t = trades[i]
            if t.ended:
                a, b = np.searchsorted(times, [t.entry_ns, t.known_ns])
                out[i] = float((total[b] - total[a]) / (t.known_ns - t.entry_ns))
    return out
