"""The bundled sample: a seeded simulator of a market with news. Everything in it is synthetic.

100 invented companies over 120 sessions, 5-minute bars from 04:00 to 20:00 New York time, with
their news, splits, dividends and memberships, calibrated to ``datasets/targets.yaml``. A known,
modest edge is planted: some catalysts move their stock on, by 0.30 to 0.60 daily sigma within three
hours, after they are known. ``edge=False`` plants none, from the same draws. The truth is written
beside the data.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from catalyst.data import calendar
from catalyst.data.sample_events import KINDS, OUTLETS, Events, draw_events
from catalyst.data.sample_market import MAX_SYMBOLS, SECTORS, Market, draw_market, draw_states
from catalyst.data.sample_news import PROVIDER, Article, lead_url, write_news
from catalyst.data.sample_prices import BarColumns, Grid, draw_bars, lay_out
from catalyst.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 20230612
N_SYMBOLS = 100
N_SESSIONS = 120
# With 120 sessions: two half days (3 July, 24 November) and a change of the clocks (5 November).
FIRST_SESSION = dt.date(2023, 6, 12)
BAR_MINUTES = 5

SOURCE = "synthetic"

# Digests of `simulate()` and `simulate(edge=False)`; a change of any value of any table changes
# them.
SAMPLE_DIGEST = "383a7bfc64e665430df73f3e9915de4d74a39cffcf7744c450191287a71bafae"
NULL_DIGEST = "a84d95c60a8b11a442fd349fa894815e45b79614333b0d54c43af5a0f5b60e0b"

_MIN_SYMBOLS, _MIN_SESSIONS = 8, 10
_HALF_HOUR = 30
_ANNOUNCED_SESSIONS = 8
_INSTANT = pl.Datetime("ns", "UTC")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Hold the tables of a synthetic market; the column `source` (news: `provider`) says synthetic.

    Attributes
    ----------
    bars : DataFrame
        symbol, ts (bar start, datetime[ns, UTC]), open, high, low, close (unadjusted USD, 0.01
        tick), volume (int64 shares), source; in the order of session, symbol, ts. A slot without a
        trade has no row.
    news : DataFrame
        As a vendor delivers it, before enrichment, one row per article: headline, source (outlet or
        account), author, provider, published_at, collected_at, symbols (list), url; ascending by
        published_at.
    universe : DataFrame
        symbol, name, sector, from (date), to (date after the last as a member, null if open),
        known_at, source. An end of membership is a second row with the same `from` and a later
        `known_at`.
    actions : DataFrame
        symbol, ex_date, kind (split, dividend, rename), value (new shares per old; USD a share;
        null), new_symbol, known_at, source.
    truth : DataFrame
        One row per catalyst: event_id, url and headline of the lead article, symbol, outlet, tier,
        published_at, known_at, kind, direction (1, 0, -1), jump_bps (at publication), eligible (the
        rule of the edge holds), planted (and the edge was asked for), drift_sigma, drift_bps (log
        return, signed, of the whole drift; 0 where none was planted), drift_from, drift_until,
        daily_sigma_bps, source.
    """

    bars: pl.DataFrame
    news: pl.DataFrame
    universe: pl.DataFrame
    actions: pl.DataFrame
    truth: pl.DataFrame


def simulate(
    *,
    seed: int = SEED,
    n_symbols: int = N_SYMBOLS,
    n_sessions: int = N_SESSIONS,
    first_session: dt.date = FIRST_SESSION,
    bar_minutes: int = BAR_MINUTES,
    edge: bool = True,
    edge_scale: float = 1.0,
) -> Sample:
    """Simulate a market with news; the same arguments give the same bytes.

    Parameters
    ----------
    seed : int
        Seed of all draws.
    n_symbols : int
        8 to 676.
    n_sessions : int
        At least 10.
    first_session : date
        First session, or a day before it.
    bar_minutes : int
        Length of a bar; it divides 30.
    edge : bool
        Whether to plant the edge. All other draws are the same.
    edge_scale : float
        How many times its usual size the planted edge has; more than 0.

    Raises
    ------
    InputError
        If a size is out of range.
    """
    if not 0.0 < edge_scale < np.inf:
        raise InputError(
            f"edge_scale is {edge_scale}; expected more than 0; edge=False plants none"
        )
    _check(seed, n_symbols=n_symbols, n_sessions=n_sessions, bar_minutes=bar_minutes)
    sessions = calendar.sessions(first_session)[:n_sessions]
    if len(sessions) < n_sessions:
        message = (
            f"{n_sessions} sessions from {first_session} on end after {calendar.LAST}; "
            "expected an earlier first session or fewer sessions"
        )
        raise InputError(message)
    market = draw_market(seed, n_symbols=n_symbols, n_sessions=n_sessions)
    grid = lay_out(sessions, bar_minutes)
    states = draw_states(market, seed)
    events = draw_events(market, grid, seed=seed)
    events = replace(events, drift_sigma=events.drift_sigma * edge_scale)
    # Commentary speaks of yesterday's sign, taken without the drift: both worlds have the same
    # news.
    bars, session_return = draw_bars(
        market, grid, states=states, events=events, seed=seed, edge=edge
    )
    articles, leads = write_news(
        market, grid, states=states, events=events, session_return=session_return, seed=seed
    )
    return Sample(
        _bars_frame(bars, market),
        _news_frame(articles),
        _universe_frame(market, grid),
        _actions_frame(market, grid),
        _truth_frame(events, market, grid=grid, leads=leads, edge=edge),
    )


def digest(sample: Sample) -> str:
    """Hash the content of all tables: sha256, hex.

    Column names, types and values count, and the order of rows; how polars stores them doesn't.
    Prices count as whole 1e-6 dollars.

    Parameters
    ----------
    sample : Sample
        The tables.
    """
    total = hashlib.sha256()
    for name in ("bars", "news", "universe", "actions", "truth"):
        frame: pl.DataFrame = getattr(sample, name)
        for column in frame.columns:
            series = frame[column]
            total.update(f"{name}.{column}:{series.dtype}:{len(series)}\n".encode())
            total.update(_canonical(series))
    return total.hexdigest()


def _check(seed: int, *, n_symbols: int, n_sessions: int, bar_minutes: int) -> None:
    if seed < 0:
        message = f"seed {seed} is negative; expected 0 or more"
        raise InputError(message)
    if not _MIN_SYMBOLS <= n_symbols <= MAX_SYMBOLS:
        message = f"n_symbols {n_symbols} is out of range; expected {_MIN_SYMBOLS} to {MAX_SYMBOLS}"
        raise InputError(message)
    if n_sessions < _MIN_SESSIONS:
        message = f"n_sessions {n_sessions} is too few; expected at least {_MIN_SESSIONS}"
        raise InputError(message)
    if bar_minutes < 1 or _HALF_HOUR % bar_minutes:
        message = (
            f"bar_minutes {bar_minutes} does not divide 30; expected 1, 2, 3, 5, 6, 10, 15 or 30"
        )
        raise InputError(message)


def _canonical(series: pl.Series) -> bytes:
    if series.dtype == pl.List(pl.String):
        series = series.list.join(" ")
    if series.dtype == pl.String:
        return "\x1f".join(series.fill_null("\x00").to_list()).encode()
    missing = series.is_null().to_numpy().tobytes() if series.null_count() else b""
    if series.dtype == pl.Float64:
        values = np.rint(series.fill_null(0.0).to_numpy() * 1e6).astype("<i8")
    else:
        values = series.to_physical().cast(pl.Int64).fill_null(0).to_numpy().astype("<i8")
    return missing + values.tobytes()


def _instants(values: NDArray[np.int64] | list[int]) -> pl.Series:
    return pl.Series(np.asarray(values, dtype=np.int64), dtype=pl.Int64).cast(_INSTANT)


def _bars_frame(bars: BarColumns, market: Market) -> pl.DataFrame:
    old, new = pl.Series(market.symbols), pl.Series(market.new_symbols)
    symbol = pl.select(
        pl.when(pl.Series(bars.session < market.renamed[bars.symbol]))
        .then(old.gather(bars.symbol))
        .otherwise(new.gather(bars.symbol))
    ).to_series()
    frame = pl.DataFrame(
        {
            "symbol": symbol,
            "ts": _instants(bars.ts_ns),
            "open": bars.open,
            "high": bars.high,
            "low": bars.low,
            "close": bars.close,
            "volume": bars.volume,
        }
    )
    return frame.with_columns(source=pl.lit(SOURCE))


def _news_frame(articles: list[Article]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "headline": [a.headline for a in articles],
            "source": [a.source for a in articles],
            "author": [a.author for a in articles],
            "provider": [PROVIDER] * len(articles),
            "published_at": _instants([a.published_ns for a in articles]),
            "collected_at": _instants([a.collected_ns for a in articles]),
            "symbols": pl.Series([list(a.symbols) for a in articles], dtype=pl.List(pl.String)),
            "url": [a.url for a in articles],
        }
    )


def _known_before(grid: Grid, session: int) -> int:
    return int(grid.sessions.pre_ns[max(session - _ANNOUNCED_SESSIONS, 0)])


def _date(grid: Grid, session: int) -> dt.date:
    return calendar.day_to_date(int(grid.sessions.day[session]))


def _universe_frame(market: Market, grid: Grid) -> pl.DataFrame:
    rows: list[tuple[str, int, int, int | None, int]] = []
    n = len(grid.sessions)
    for i, symbol in enumerate(market.symbols):
        first, end = int(market.first[i]), int(min(market.stop[i], market.renamed[i]))
        rows.append((symbol, i, first, None, _known_before(grid, first)))
        if end < n:
            rows.append((symbol, i, first, end, _known_before(grid, end)))
        if market.renamed[i] < n:
            rows.append((market.new_symbols[i], i, end, None, _known_before(grid, end)))
    return pl.DataFrame(
        {
            "symbol": [row[0] for row in rows],
            "name": [market.names[row[1]] for row in rows],
            "sector": [SECTORS[market.sector[row[1]]] for row in rows],
            "from": pl.Series([_date(grid, row[2]) for row in rows], dtype=pl.Date),
            "to": pl.Series(
                [None if row[3] is None else _date(grid, row[3]) for row in rows], dtype=pl.Date
            ),
            "known_at": _instants([row[4] for row in rows]),
            "source": [SOURCE] * len(rows),
        }
    ).sort("symbol", "from", "known_at")


def _actions_frame(market: Market, grid: Grid) -> pl.DataFrame:
    rows: list[tuple[str, int, str, float | None, str | None]] = []
    before = np.vstack([np.ones(len(market.symbols)), market.factor[:-1]])
    for t, i in np.argwhere(market.factor != before).tolist():
        ratio = float(np.round(before[t, i] / market.factor[t, i], 6))
        rows.append((market.ticker(i, t), t, "split", ratio, None))
    rows += [
        (market.ticker(i, t), t, "dividend", float(market.dividend_usd[t, i]), None)
        for t, i in np.argwhere(market.dividend_usd > 0).tolist()
    ]
    for i in np.flatnonzero(market.renamed < len(grid.sessions)).tolist():
        rows.append(
            (market.symbols[i], int(market.renamed[i]), "rename", None, market.new_symbols[i])
        )
    return pl.DataFrame(
        {
            "symbol": [row[0] for row in rows],
            "ex_date": pl.Series([_date(grid, row[1]) for row in rows], dtype=pl.Date),
            "kind": [row[2] for row in rows],
            "value": pl.Series([row[3] for row in rows], dtype=pl.Float64),
            "new_symbol": pl.Series([row[4] for row in rows], dtype=pl.String),
            "known_at": _instants([_known_before(grid, row[1]) for row in rows]),
            "source": [SOURCE] * len(rows),
        }
    ).sort("ex_date", "symbol", "kind")


def _truth_frame(
    events: Events, market: Market, *, grid: Grid, leads: list[str], edge: bool
) -> pl.DataFrame:
    n = len(events)
    planted = events.eligible & edge
    drift = np.where(planted, events.drift_sigma, 0.0)
    sigma_bps = 1e4 * market.sigma_frac[events.symbol]
    start = grid.sessions.pre_ns[events.session]
    slot_ns = grid.bar_minutes * calendar.MINUTE_NS
    return pl.DataFrame(
        {
            "event_id": np.arange(n, dtype=np.int64),
            "url": [lead_url(e) for e in range(n)],
            "headline": leads,
            "symbol": [
                market.ticker(int(i), int(t))
                for i, t in zip(events.symbol, events.session, strict=True)
            ],
            "outlet": [OUTLETS[a - 1][b] for a, b in zip(events.tier, events.outlet, strict=True)],
            "tier": events.tier,
            "published_at": _instants(events.published_ns),
            "known_at": _instants(events.known_ns),
            "kind": [KINDS[k] for k in events.kind],
            "direction": events.direction,
            "jump_bps": np.round(1e4 * events.jump_frac, 3),
            "eligible": events.eligible,
            "planted": planted,
            "drift_sigma": np.round(drift, 6),
            "drift_bps": np.round(drift * sigma_bps, 3),
            "drift_from": _instants(start + events.drift_from * slot_ns),
            "drift_until": _instants(start + events.drift_until * slot_ns),
            "daily_sigma_bps": np.round(sigma_bps, 3),
            "source": [SOURCE] * n,
        }
    )
