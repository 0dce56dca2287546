"""The look at positions and working orders, on every bar (specification, section 8, exits)."""

from __future__ import annotations

import math
from dataclasses import replace

from catalyst.strategy.clock import HOUR_NS, flatten_instant, is_regular_bar
from catalyst.strategy.decisions import Order
from catalyst.strategy.funnel import catalysts
from catalyst.strategy.money import MICRO, on_tick
from catalyst.strategy.news import catalyst_scores, sign
from catalyst.strategy.own_calls import Caller
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Entry, PortfolioState
from catalyst.strategy.reasons import Kind, Role
from catalyst.strategy.risk import make_order, protection, target_order
from catalyst.strategy.values import MarketState, MarketView

_STOPS = (Role.STOP, Role.TRAILING_STOP)


def look(
    state: PortfolioState, view: MarketView, params: Params
) -> tuple[PortfolioState, tuple[str, ...], tuple[Order, ...]]:
    """Look at every entry: expire, trail, leave, watch, protect; then mark to market.

    Parameters
    ----------
    state
        After the fills of the bars that have ended.
    view
        Holds the bars of every symbol held or working.
    params
        Rules.

    Returns
    -------
    state, cancels, orders
    """
    if not state.entries:
        return (replace(state, marks=()) if state.marks else state), (), ()
    cancels: list[str] = []
    orders: list[Order] = []
    kept: list[Entry] = []
    marks: list[tuple[int, float]] = []
    old = dict(state.marks)
    flatten = flatten_instant(view.session, view.grid, params)
    over = flatten is not None and flatten <= view.asof_ns
    rows = {int(s): k for k, s in enumerate(view.symbols)}
    for entry in state.entries:
        desk = _Desk(entry, view, rows[entry.symbol], old.get(entry.symbol, math.nan), params)
        desk.work(over=over)
        cancels += desk.cancels
        orders += desk.orders
        if desk.entry.held or desk.entry.orders:
            kept.append(desk.entry)
        if desk.entry.held:
            marks.append((entry.symbol, desk.close))
    state = replace(state, entries=tuple(kept), marks=tuple(marks))
    if (
        not state.lost_today
        and state.equity_micro <= (1.0 - params.risk.daily_loss_frac) * state.day_start_micro
    ):
        state = replace(state, lost_today=True)
    return state, tuple(cancels), tuple(orders)


def in_regular_hours(view: MarketView) -> bool:
    """Tell whether a market order may fill now: in regular hours, and in a bar begun in them."""
    grid, session = view.grid, view.session
    if grid.daily or view.state is MarketState.REGULAR:
        return True
    if not grid.from_open:
        return False
    bars = -(-(session.close_ns - session.open_ns) // grid.timeframe_ns)
    return session.open_ns <= view.asof_ns < session.open_ns + bars * grid.timeframe_ns


class _Desk:
    """One entry on the desk: the entry as it changes, and the cancels and orders that follow."""

    def __init__(
        self, entry: Entry, view: MarketView, row: int, mark: float, params: Params
    ) -> None:
        self.view = view
        self.row = row
        self.params = params
        self.cancels: list[str] = []
        self.orders: list[Order] = []
        self.close = mark
        self.fresh = False
        self.over = False
        self.entry = self._with_new_bars(entry)
        self.at_market = in_regular_hours(view)
        self.regular = self.at_market or (
            is_regular_bar(view.session, view.asof_ns, view.grid.timeframe_ns)
            and view.asof_ns < view.session.close_ns
        )

    def _with_new_bars(self, entry: Entry) -> Entry:
        base, f = self.view.base, self.view.grid.timeframe_ns
        n = int(base.count[self.row])
        a = n
        while a > 0 and base.ts_ns[self.row, a - 1] > entry.last_bar_ns:
            a -= 1
        extreme, held, exiting = entry.extreme, entry.bars_held, entry.exiting
        for b in range(a, n):
            ts = int(base.ts_ns[self.row, b])
            self.fresh = True
            if entry.first_fill_ns < 0:
                continue
            exiting = exiting or self._stop_touched(entry, b, ts)
            if self.view.grid.daily or ts + f >= entry.first_fill_ns:
                held += 1
            if ts >= entry.first_fill_ns:
                best = float(base.high[self.row, b] if entry.side > 0 else base.low[self.row, b])
                extreme = (
                    best
                    if math.isnan(extreme)
                    else max(extreme, best)
                    if entry.side > 0
                    else min(extreme, best)
                )
        # Without a new bar the mark stays: it is scaled by splits that the view may not know yet.
        if n and (self.fresh or math.isnan(self.close) or entry.first_fill_ns < 0):
            self.close = float(base.close[self.row, n - 1])
        last = int(base.ts_ns[self.row, n - 1]) if n else entry.last_bar_ns
        if last <= entry.last_bar_ns and exiting is entry.exiting:
            return entry
        return replace(
            entry,
            extreme=extreme,
            bars_held=held,
            last_bar_ns=max(last, entry.last_bar_ns),
            exiting=exiting,
        )

    def _stop_touched(self, entry: Entry, b: int, ts: int) -> Role | None:
        """Return the role of a stop that a bar triggered: its rest is a market order for good."""
        base, view = self.view.base, self.view
        # A bar that comes late was in nobody's book: it fills nothing, and triggers nothing.
        late = not view.grid.daily and ts + view.grid.timeframe_ns != view.asof_ns
        if late or not base.volume[self.row, b] > 0.0:
            return None
        if not (view.grid.daily or is_regular_bar(view.session, ts, view.grid.timeframe_ns)):
            return None
        for o in entry.orders:
            if (
                o.kind is Kind.STOP
                and o.submitted_ns <= ts
                and entry.leg_filled[o.leg] > entry.leg_exited[o.leg]
            ):
                beyond = (
                    base.low[self.row, b] <= o.stop
                    if entry.side > 0
                    else base.high[self.row, b] >= o.stop
                )
                if beyond:
                    return o.role
        return None

    def work(self, *, over: bool) -> None:
        self.over = over
        expired = self.view.asof_ns >= self.entry.expires_ns
        if self.entry.works and (expired or over or self.entry.exited > 0):
            self._cancel_entries()
        if not self.entry.held:
            return
        role = self.entry.exiting or self._reason_to_leave()
        if role is not None:
            self._leave(role)
            return
        self._trail()
        if self.regular:
            self._protect()
        else:
            self._watch()

    def _cancel(self, gone: list[Order]) -> None:
        ids = {o.order_id for o in gone}
        unsent = ids.intersection(o.order_id for o in self.orders)
        self.orders = [o for o in self.orders if o.order_id not in unsent]
        self.cancels += [o.order_id for o in gone if o.order_id not in unsent]
        self.entry = replace(
            self.entry, orders=tuple(o for o in self.entry.orders if o.order_id not in ids)
        )

    def _send(self, orders: list[Order]) -> None:
        self.orders += orders
        self.entry = replace(self.entry, orders=(*self.entry.orders, *orders))

    def _cancel_entries(self) -> None:
        held = (*self._held_by_leg(), self.entry.held)
        self._cancel([o for o in self.entry.orders if o.role is Role.ENTRY or held[o.leg] == 0])
        orders = tuple(replace(o, quantity=min(o.quantity, held[o.leg])) for o in self.entry.orders)
        self.entry = replace(self.entry, orders=orders)

    def _held_by_leg(self) -> tuple[int, int]:
        e = self.entry
        return e.leg_filled[0] - e.leg_exited[0], e.leg_filled[1] - e.leg_exited[1]

    def _trail(self) -> None:
        """Raise the trailing stop of the second half, once target 1 has filled."""
        e = self.entry
        done = 0 < e.target_1_exited == e.leg_filled[0]
        if not (done or not math.isnan(e.trail)) or math.isnan(e.extreme):
            return
        frac = self.params.risk.trail_frac
        level = on_tick(e.extreme * (1.0 - e.side * frac), up=e.side > 0)
        level = max(level, e.stop) if e.side > 0 else min(level, e.stop)
        if not math.isnan(e.trail):
            level = max(level, e.trail) if e.side > 0 else min(level, e.trail)
        if level == e.trail:
            return
        self.entry = replace(e, trail=level)
        old = [o for o in e.orders if o.role in _STOPS]
        if old:
            self._cancel(old)
            self._send(
                [
                    make_order(
                        self.entry,
                        self.view.asof_ns,
                        Role.TRAILING_STOP,
                        Kind.STOP,
                        self._held_by_leg()[1],
                        stop=level,
                        leg=1,
                        replaces_id=old[0].order_id,
                    )
                ]
            )

    def _reason_to_leave(self) -> Role | None:
        view, params = self.view, self.params
        if not self.at_market and self._beyond_stop():
            return Role.STOP if math.isnan(self.entry.trail) else Role.TRAILING_STOP
        for component in params.exits:
            if component.function is not None:
                caller = Caller(view.asof_ns, (view.names[self.entry.symbol],))
                if caller.leaves(component, view, self.row, self.entry, params):
                    return Role.MANUAL
            elif component.name == "news_reversal" and self._news_reversed():
                return Role.NEWS_REVERSAL
            elif component.name == "time_stop" and self._time_is_up():
                return Role.TIME_STOP
            elif component.name == "flatten" and self.over:
                return Role.FLATTEN
        return None

    def _beyond_stop(self) -> bool:
        e = self.entry
        level = e.stop if math.isnan(e.trail) else e.trail
        return self.fresh and (self.close - level) * e.side <= 0

    def _news_reversed(self) -> bool:
        news, e = self.view.survey.news, self.entry
        if not ((news.symbol == e.symbol) & (news.first_known_ns > e.decided_ns)).any():
            return False
        score = self.params.catalyst_score.function or catalyst_scores
        if score is catalyst_scores:
            scores, directions = catalyst_scores(
                news,
                len(self.view.names),
                self.view.asof_ns,
                self.params,
                after_ns=e.decided_ns,
                only=e.symbol,
            )
        else:
            later = type(news)(
                **{
                    k: v[(news.symbol == e.symbol) & (news.first_known_ns > e.decided_ns)]
                    for k, v in vars(news).items()
                }
            )
            scores, directions = catalysts(
                later, len(self.view.names), self.view.asof_ns, self.params
            )
        opposed = sign(float(directions[e.symbol]), self.params) == -e.side
        return opposed and float(scores[e.symbol]) >= self.params.risk.reversal_min

    def _time_is_up(self) -> bool:
        e, p = self.entry, self.params.risk
        if not self.fresh or math.isnan(self.close):
            return False
        if self.view.grid.daily:
            late = e.bars_held >= p.time_stop_bars
        else:
            late = self.view.asof_ns >= e.first_fill_ns + round(p.time_stop_hours * HOUR_NS)
        return late and (self.close - e.cost_micro / e.filled / MICRO) * e.side <= 0

    def _leave(self, role: Role) -> None:
        """Leave it all: at the market, or by a limit beyond the last close, renewed on each bar."""
        e = self.entry
        if self.at_market and role in _STOPS and any(o.kind is Kind.STOP for o in e.orders):
            return
        working = [o for o in e.orders if o.leg < 0 and o.role is not Role.ENTRY]
        kind = Kind.MARKET if self.at_market else Kind.LIMIT
        if working and working[0].kind is kind and not (kind is Kind.LIMIT and self.fresh):
            return
        self._cancel(list(e.orders))
        self.entry = replace(self.entry, exiting=role)
        limit = math.nan
        if kind is Kind.LIMIT:
            limit = on_tick(
                self.close * (1.0 - e.side * self.params.execution.watch_frac), up=e.side > 0
            )
        self._send(
            [
                make_order(
                    self.entry,
                    self.view.asof_ns,
                    role,
                    kind,
                    e.held,
                    limit=limit,
                    extended=not self.at_market,
                    replaces_id=working[0].order_id if working else "",
                )
            ]
        )

    def _protect(self) -> None:
        """Make stop and target of each half cover what it holds."""
        for leg, shares in enumerate(self._held_by_leg()):
            mine = [o for o in self.entry.orders if o.leg == leg and o.role is not Role.ENTRY]
            if shares and not (
                len(mine) == 2 and all(o.parent_id or o.quantity == shares for o in mine)
            ):
                self._cancel(mine)
                self._send(protection(self.entry, self.view.asof_ns, leg, shares))

    def _watch(self) -> None:
        """Let targets work as limits; the stop is watched, not sent."""
        for leg, shares in enumerate(self._held_by_leg()):
            mine = [
                o
                for o in self.entry.orders
                if o.leg == leg and o.role in (Role.TARGET_1, Role.TARGET_2)
            ]
            if shares and not any(o.parent_id or o.quantity == shares for o in mine):
                self._cancel(mine)
                self._send([target_order(self.entry, self.view.asof_ns, leg, shares)])
