"""Sessions, views, signals and a desk to trade them on, made by hand for tests."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from catalyst.data.calendar import sessions
from catalyst.strategy.clock import DAY_NS, HOUR_NS, MINUTE_NS, is_regular_bar, market_state
from catalyst.strategy.decisions import Fill, Order, Signal
from catalyst.strategy.exchange import Bar, Book
from catalyst.strategy.ledger import apply_actions, apply_fills, begin, roll_day
from catalyst.strategy.news import empty_news
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Action, Adjustment, Entry, PortfolioState
from catalyst.strategy.positions import look
from catalyst.strategy.reasons import Outcome
from catalyst.strategy.risk import serve
from catalyst.strategy.values import BarPanel, Grid, MarketView, NewsBatch, Session, Survey

NEW_YORK = ZoneInfo("America/New_York")
NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG")
GRIDS = {
    "1m": Grid(MINUTE_NS),
    "5m": Grid(5 * MINUTE_NS),
    "15m": Grid(15 * MINUTE_NS),
    "1h": Grid(HOUR_NS),
    "1h from the open": Grid(HOUR_NS, from_open=True),
    "1d": Grid(DAY_NS),
}
FIVE = GRIDS["5m"]
DAILY = GRIDS["1d"]
SPEC = Params()
DAY = "2015-03-03"
"""A Tuesday without anything special."""

Row = tuple[str, float, float, float, float, float]
"""Clock of the start, open, high, low, close, volume."""


def session_of(day: str = DAY) -> Session:
    """Give the session of a date out of the project's calendar."""
    date = dt.date.fromisoformat(day)
    table = sessions(date, date)
    return Session(
        *(
            int(getattr(table, name)[0])
            for name in ("day", "pre_ns", "open_ns", "close_ns", "post_ns")
        )
    )


def sessions_from(day: str, count: int) -> list[Session]:
    """Give `count` consecutive sessions from a date on."""
    first = dt.date.fromisoformat(day)
    table = sessions(first, first + dt.timedelta(days=2 * count + 10))
    columns = (table.day, table.pre_ns, table.open_ns, table.close_ns, table.post_ns)
    return [Session(*map(int, row)) for row in zip(*columns, strict=True)][:count]


def at(clock: str, day: str = DAY) -> int:
    """Give the instant of a New York clock time, ns UTC."""
    moment = dt.datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=NEW_YORK)
    return int(moment.timestamp()) * 1_000_000_000


def clock(instant_ns: int) -> str:
    """Give the New York clock time of an instant."""
    moment = dt.datetime.fromtimestamp(instant_ns // 1_000_000_000, NEW_YORK)
    return moment.strftime("%H:%M")


def bar(row: Row, grid: Grid = FIVE, *, session: Session | None = None, day: str = DAY) -> Bar:
    """Give a bar as the exchange sees it."""
    session = session or session_of(day)
    ts = session.open_ns if grid.daily else at(row[0], day)
    end = session.close_ns if grid.daily else ts + grid.timeframe_ns
    regular = grid.daily or is_regular_bar(session, ts, grid.timeframe_ns)
    return Bar(ts, end, *row[1:], regular)


def panel(*symbols: list[Bar]) -> BarPanel:
    """Give the panel of some symbols' bars."""
    depth = max([1, *(len(rows) for rows in symbols)])
    count = np.array([len(rows) for rows in symbols], np.int32)
    ts = np.zeros((len(symbols), depth), np.int64)
    o, h, low, c, v = (np.full((len(symbols), depth), np.nan) for _ in range(5))
    for i, rows in enumerate(symbols):
        for k, b in enumerate(rows):
            ts[i, k] = b.ts_ns
            o[i, k], h[i, k], low[i, k], c[i, k], v[i, k] = b.open, b.high, b.low, b.close, b.volume
    return BarPanel(ts, o, h, low, c, v, count)


def survey(
    asof_ns: int,
    m: int = len(NAMES),
    **changes: Any,  # noqa: ANN401 - one keyword a field
) -> Survey:
    """Give a survey of `m` symbols that every rule lets pass, with some fields changed."""
    one = np.ones(m)
    made = Survey(
        asof_ns,
        empty_news(),
        np.ones(m, np.bool_),
        np.full(m, 20, np.int32),
        one * 2e6,
        one * 1e8,
        one * 100.0,
        one * 99.0,
        np.full(m, 250, np.int32),
        one * 2.0,
        np.full(m, 20, np.int32),
        np.full((m, 20), 99.0),
        0,
    )
    return replace(made, **changes)


def news(*rows: dict[str, Any]) -> NewsBatch:
    """Give articles; a row names what differs from a fresh tier 1 article on symbol 0."""
    usual = {
        "symbol": 0,
        "news_id": 0,
        "published_ns": at("10:00"),
        "known_ns": -1,
        "first_known_ns": -1,
        "tier": 1,
        "categories": 0,
        "state": 1,
        "sentiment": 0.5,
        "cluster_rank": 0,
    }
    full = []
    for k, row in enumerate(rows):
        made: dict[str, Any] = usual | {"news_id": k + 1} | row
        if made["known_ns"] < 0:
            made["known_ns"] = made["published_ns"]
        if made["first_known_ns"] < 0:
            made["first_known_ns"] = made["known_ns"]
        full.append(made)
    return NewsBatch(
        **{
            name: np.array([r[name] for r in full], column.dtype)
            for name, column in vars(empty_news()).items()
        }
    )


def view(
    asof: str | int,
    bars: dict[int, list[Bar]] | None = None,
    *,
    grid: Grid = FIVE,
    day: str = DAY,
    session: Session | None = None,
    scan: bool = False,
    m: int = len(NAMES),
    **of_survey: Any,  # noqa: ANN401 - one keyword a field
) -> MarketView:
    """Give a view of some symbols' base bars, without larger ones."""
    session = session or session_of(day)
    asof_ns = at(asof, day) if isinstance(asof, str) else asof
    bars = bars or {}
    symbols = np.array(sorted(bars), np.int32)
    names = NAMES if m == len(NAMES) else tuple(f"S{i:03d}" for i in range(m))
    return MarketView(
        asof_ns,
        names,
        session,
        grid,
        market_state(session, asof_ns),
        scan,
        scan,
        survey(asof_ns, m, **of_survey),
        symbols,
        panel(*(bars[int(s)] for s in symbols)),
        (),
        (),
        (),
    )


def signal(
    symbol: int = 0,
    side: int = 1,
    **changes: Any,  # noqa: ANN401 - one keyword a field
) -> Signal:
    """Give a signal at 100 USD with stop 98 and targets 103 and 106 (mirrored for a short)."""
    made = Signal(
        f"signal-{symbol}",
        symbol,
        side,
        75.0,
        60.0,
        0.5 * side,
        80.0,
        60.0,
        90.0,
        100.0,
        100.0 - 2.0 * side,
        100.0 + 3.0 * side,
        100.0 + 6.0 * side,
        0.20,
        (1,),
        (),
        (),
        0,
        (FIVE.timeframe_ns, at("09:55")),
        Outcome.INTENT,
    )
    return made._replace(**changes)


def calm(
    until: str,
    count: int = 20,
    *,
    price: float = 100.0,
    volume: float = 1e6,
    grid: Grid = FIVE,
    day: str = DAY,
) -> list[Bar]:
    """Give bars without movement, the last one ending at a clock time."""
    end = at(until, day)
    f = grid.timeframe_ns
    session = session_of(day)
    starts = [end - (count - k) * f for k in range(count)]
    return [
        Bar(t, t + f, price, price, price, price, volume, is_regular_bar(session, t, f))
        for t in starts
    ]


class Desk:
    """One symbol traded by hand: a book, a state, and bars that come one after another.

    The same loop as in a replay: match the bar, book the fills, look, send what was decided.
    """

    def __init__(
        self, params: Params = SPEC, grid: Grid = FIVE, *, day: str = DAY, symbol: int = 0
    ) -> None:
        self.params = params
        self.grid = grid
        self.day = day
        self.session = session_of(day)
        self.symbol = symbol
        self.state: PortfolioState = replace(begin(params), day=self.session.day)
        self.book = Book()
        self.bars: list[Bar] = []
        self.fills: list[Fill] = []
        self.orders: dict[str, Order] = {}
        self.cancels: list[str] = []
        self.news = empty_news()

    def enter(
        self,
        asof: str | int,
        *,
        shares: int | None = None,
        **changes: Any,  # noqa: ANN401 - one keyword a field
    ) -> Entry:
        """Serve a signal at an instant; `shares` bounds its size by volume."""
        asof_ns = at(asof, self.day) if isinstance(asof, str) else asof
        if not self.bars or self.bars[-1].end_ns != asof_ns:
            volume = 1e7 if shares is None else shares / self.params.risk.volume_frac
            start = self.session.open_ns if self.grid.daily else asof_ns - self.grid.timeframe_ns
            self.bars = [Bar(start, asof_ns, 100.0, 100.0, 100.0, 100.0, volume, regular=True)]
        seen = view(
            asof_ns, {self.symbol: self.bars}, grid=self.grid, session=self.session, scan=True
        )
        made = signal(self.symbol, **({"pattern_key": (1, asof_ns)} | changes))
        self.state, served, orders = serve(self.state, seen, made, 0, self.params)
        assert served.outcome is Outcome.INTENT, served
        self._send((), orders)
        return self.entry

    @property
    def entry(self) -> Entry:
        """Give the symbol's entry."""
        return next(e for e in self.state.entries if e.symbol == self.symbol)

    @property
    def flat(self) -> bool:
        """Tell whether the symbol is neither held nor working."""
        return all(e.symbol != self.symbol for e in self.state.entries)

    def trade(self, *rows: Row) -> list[Fill]:
        """Let bars pass, each with the look at its end; give the fills of the last one."""
        got: list[Fill] = []
        for row in rows:
            b = bar(row, self.grid, session=self.session, day=self.day)
            self.book, new = self.book.match(self.symbol, b, self.params.execution)
            self.bars.append(b)
            got = list(new)
            self.look(b.end_ns, tuple(new))
        return got

    def open(self, day: str, *actions: Action) -> tuple[Adjustment, ...]:
        """Begin another session, with the corporate actions of its 04:00."""
        self.day, self.session = day, session_of(day)
        self.state = roll_day(self.state, self.session)
        self.state, cancels, orders, done = apply_actions(self.state, actions, self.session)
        self._send(cancels, orders)
        return done

    def look(self, asof: str | int, fills: tuple[Fill, ...] = ()) -> None:
        """Book fills and look at the position."""
        asof_ns = at(asof, self.day) if isinstance(asof, str) else asof
        self.fills += fills
        seen = view(
            asof_ns, {self.symbol: self.bars}, grid=self.grid, session=self.session, news=self.news
        )
        self.state, cancels, orders = look(apply_fills(self.state, fills), seen, self.params)
        self._send(cancels, orders)

    def _send(self, cancels: tuple[str, ...], orders: tuple[Order, ...]) -> None:
        for o in orders:
            assert o.order_id not in self.orders, f"{o.role.label} has an id that was used before"
            self.orders[o.order_id] = o
        self.cancels += cancels
        self.book = self.book.changed(cancels, orders)

    @property
    def working(self) -> list[tuple[str, int, int, float]]:
        """Give role, half, shares left and price of the book's live orders."""
        return sorted(
            (
                w.order.role.label,
                w.order.leg,
                w.left,
                w.order.stop if np.isnan(w.order.limit) else w.order.limit,
            )
            for w in self.book.working.get(self.symbol, ())
            if w.live and w.left
        )

    def told(self, fills: list[Fill] | None = None) -> list[tuple[str, int, float, str]]:
        """Give role, signed shares, price and clock of fills; of all without an argument."""
        return [
            (self.orders[f.order_id].role.label, f.side * f.quantity, f.price, clock(f.filled_ns))
            for f in (self.fills if fills is None else fills)
        ]


def gaps(instants: list[int]) -> list[int]:
    """Give the distances between instants, in minutes."""
    return [(b - a) // MINUTE_NS for a, b in pairwise(instants)]
