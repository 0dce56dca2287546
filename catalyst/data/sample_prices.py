"""The bars of the synthetic sample.

Prices are a martingale with a market, a sector and an own factor. A day's volatility is a
weakly persistent part times a Student-t draw; catalysts add a jump, volume and, where an edge is
planted, a drift. Figures marked F stand in ``datasets/targets.yaml``.

Arrays are sessions x symbols or symbols x slots, a slot being one bar of the grid from 04:00 to
20:00. There is no matrix product and no threaded sum, whose order may depend on the machine, and
prices are rounded to ticks, so that a last-bit difference in a logarithm doesn't show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from catalyst.data.calendar import MINUTE_NS
from catalyst.data.sample_market import SECTORS, STREAM_BARS, stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from catalyst.data.calendar import Sessions
    from catalyst.data.sample_events import Events
    from catalyst.data.sample_market import DayState, Market

_PRE_MINUTES, _DAY_MINUTES = 330, 960

# F: share of volume, and |return| relative to its mean, of the 13 half hours from 09:30.
_VOLUME_SHARE = (14.7, 9.49, 7.56, 6.64, 6.73, 5.51, 4.38, 5.35, 4.59, 5.83, 4.66, 6.77, 17.8)
_ABS_RETURN = (1.9, 1.33, 1.05, 1.03, 1.0, 0.842, 0.747, 0.842, 0.775, 0.938, 0.798, 0.806, 0.938)

# Shares of the variance from one close to the next (F: 35 % overnight, with the jumps of
# catalysts).
_VAR_NIGHT, _VAR_PRE, _VAR_AFTER = 0.18, 0.09, 0.045
_VAR_REGULAR = 1.0 - _VAR_NIGHT - _VAR_PRE - _VAR_AFTER
_VOLUME_PRE, _VOLUME_AFTER = 0.040, 0.042
# A half day moves and trades less in regular hours.
_HALF_DAY_VAR, _HALF_DAY_VOLUME, _FULL_SLOTS_MINUTES = 0.7, 0.55, 390

_MARKET_LOAD, _SECTOR_LOAD = 0.57, 0.34
_VOLUME_PER_SIGMA = 0.20
_SHARES_PER_TRADE = 180.0
_TICKS_PER_USD = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Lay out the bars of the sessions.

    Attributes
    ----------
    sessions : Sessions
        The exchange's sessions.
    bar_minutes : int
        Length of a slot, minutes.
    pre_slots, slots : int
        Slots before the open, and of the whole day from 04:00 to 20:00.
    close_slot : int64[sessions]
        First slot after the regular session.
    """

    sessions: Sessions
    bar_minutes: int
    pre_slots: int
    slots: int
    close_slot: NDArray[np.int64]


class BarColumns(NamedTuple):
    """Hold bars as columns in the order session, symbol, ts.

    Attributes
    ----------
    session, symbol : int64[bars]
        Indices into the sessions and symbols.
    ts_ns : int64[bars]
        Start of the bar, ns UTC.
    open, high, low, close : float64[bars]
        Unadjusted prices, USD, on the 0.01 tick.
    volume : int64[bars]
        Shares, at least 1.
    """

    session: NDArray[np.int64]
    symbol: NDArray[np.int64]
    ts_ns: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.int64]


class _Influence(NamedTuple):
    """What catalysts do to one session: arrays symbols x slots."""

    volume: NDArray[np.float64]
    vol: NDArray[np.float64]
    log_return: NDArray[np.float64]
    drift: NDArray[np.float64]


def lay_out(sessions: Sessions, bar_minutes: int) -> Grid:
    """Lay out the slots of the sessions.

    Parameters
    ----------
    sessions : Sessions
        The exchange's sessions.
    bar_minutes : int
        Length of a bar; it divides 30.
    """
    close_slot = (sessions.close_ns - sessions.pre_ns) // (bar_minutes * MINUTE_NS)
    return Grid(
        sessions, bar_minutes, _PRE_MINUTES // bar_minutes, _DAY_MINUTES // bar_minutes, close_slot
    )


def draw_bars(
    market: Market, grid: Grid, *, states: DayState, events: Events, seed: int, edge: bool
) -> tuple[BarColumns, NDArray[np.float64]]:
    """Draw all bars, session by session.

    A slot without a trade has no bar. The price goes on meanwhile, so the bar after a hole opens
    where the price has gone.

    Parameters
    ----------
    market : Market
        The companies.
    grid : Grid
        Sessions and slots.
    states : DayState
        Volatility and volume of each day.
    events : Events
        Catalysts.
    seed : int
        Seed of the sample.
    edge : bool
        Whether eligible catalysts drift after they are known.

    Returns
    -------
    bars : BarColumns
        The bars.
    session_return : float64[sessions, symbols]
        Log return from close to close, adjusted for splits and dividends, planted drift taken
        out: it is the same with and without an edge.
    """
    by_session: list[list[int]] = [[] for _ in range(len(grid.sessions))]
    for e in range(len(events)):
        for t in {int(events.home[e]), int(events.session[e])}:
            by_session[t].append(e)
    trading = market.trading()
    log_price = np.log(market.price_usd)
    closing = log_price
    returns = np.zeros(market.factor.shape)
    parts = []
    for t, rows in enumerate(by_session):
        rng = stream(seed, STREAM_BARS, t)
        influence = _influence(rows, events, market=market, grid=grid, t=t, edge=edge)
        night, path, spread = _draw_path(
            rng, market, grid=grid, states=states, at=t, vol=influence.vol
        )
        dividend = market.dividend_usd[t] / market.factor[t]
        start = np.log(np.exp(log_price + night) - dividend)
        ends = start[:, None] + np.cumsum(path + influence.log_return + influence.drift, axis=1)
        before, closing, log_price = closing, ends[:, grid.close_slot[t] - 1], ends[:, -1]
        change = np.log(np.exp(closing) + dividend) - before - influence.drift.sum(axis=1)
        returns[t] = np.where(trading[t], change, 0.0)
        mids = np.hstack([start[:, None], ends]) + np.log(market.factor[t])[:, None]
        # A day that moves much trades much, whichever way it went.
        moved = np.abs(night + path.sum(axis=1)) / market.sigma_frac
        surge = influence.volume * np.exp(_VOLUME_PER_SIGMA * (moved - 0.7))[:, None]
        shares = _draw_shares(rng, market, grid=grid, states=states, at=t, surge=surge)
        part = _trade(rng, mids, shares=shares, sd=spread, market=market, trades=trading[t])
        parts.append((t, part))
    return _stack(parts, grid), returns


def _spread_over(shares: tuple[float, ...], slots: int) -> NDArray[np.float64]:
    # Half days squeeze the same day into fewer slots.
    total = np.concatenate([[0.0], np.cumsum(np.array(shares))])
    at = np.linspace(0.0, len(shares), slots + 1)
    parts: NDArray[np.float64] = np.diff(np.interp(at, np.arange(len(shares) + 1), total))
    return parts / float(total[-1])


def _day_shape(
    grid: Grid, t: int, *, pre: float, regular: float, after: float, shape: tuple[float, ...]
) -> NDArray[np.float64]:
    n_after = grid.slots - int(grid.close_slot[t])
    n_regular = grid.slots - grid.pre_slots - n_after
    # Before the open the trade thickens towards it; after the close it dies away.
    early = np.diff(np.linspace(0.0, 1.0, grid.pre_slots + 1) ** 2)
    late = np.diff(1.0 - np.linspace(1.0, 0.0, n_after + 1) ** 3)
    return np.concatenate([pre * early, regular * _spread_over(shape, n_regular), after * late])


def _is_half_day(grid: Grid, t: int) -> bool:
    regular_minutes = (int(grid.close_slot[t]) - grid.pre_slots) * grid.bar_minutes
    return regular_minutes < _FULL_SLOTS_MINUTES


def _influence(
    rows: list[int], events: Events, *, market: Market, grid: Grid, t: int, edge: bool
) -> _Influence:
    shape = (len(market.symbols), grid.slots)
    volume, vol, log_return, drift = (
        np.ones(shape),
        np.ones(shape),
        np.zeros(shape),
        np.zeros(shape),
    )
    minute = (np.arange(grid.slots) + 0.5) * grid.bar_minutes
    regular = np.arange(grid.slots) >= grid.pre_slots
    close_minute = float(grid.close_slot[t] * grid.bar_minutes)
    for e in rows:
        i, surge = events.symbol[e], events.surge[e]
        home = events.home[e] == t
        event_slot = int(events.minute[e]) // grid.bar_minutes
        since_open = np.maximum(minute - _PRE_MINUTES, 0.0)
        if home:
            since = minute - float(events.minute[e])
            log_return[i, event_slot] += np.log1p(events.jump_frac[e])
            fading = np.where(regular, 1.25 * np.exp(-np.maximum(since, 0.0) / 75.0), 0.0)
            if events.minute[e] < _PRE_MINUTES:
                # News before the open brings its volume at the open, whenever it came.
                fading = np.where(regular, 0.40 * np.exp(-since_open / 150.0), 1.5)
            after_hours = (minute >= close_minute) & (events.minute[e] >= close_minute)
            fading = np.where(after_hours, 2.0, fading)
            near = (since < 0) & (since > -30)
            volume[i] *= np.where(
                since > -0.5 * grid.bar_minutes, 1.0 + surge * fading, 1.0 + 0.3 * near
            )
            vol[i] *= 1.0 + np.where(since > 0, 0.09 * surge * np.exp(-since / 150.0), 0.0)
        else:
            volume[i] *= 1.0 + 0.30 * surge * np.exp(-since_open / 150.0)
            vol[i] *= 1.0 + 0.06 * surge * np.exp(-since_open / 150.0)
        if edge and events.eligible[e] and events.session[e] == t:
            span = slice(int(events.drift_from[e]), int(events.drift_until[e]))
            total = events.drift_sigma[e] * market.sigma_frac[i]
            drift[i, span] += total / (span.stop - span.start)
    return _Influence(volume, vol, log_return, drift)


def _draw_path(
    rng: np.random.Generator,
    market: Market,
    *,
    grid: Grid,
    states: DayState,
    at: int,
    vol: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    n_symbols = len(market.symbols)
    half = _HALF_DAY_VAR if _is_half_day(grid, at) else 1.0
    shape = _day_shape(
        grid,
        at,
        pre=_VAR_PRE,
        regular=_VAR_REGULAR * half,
        after=_VAR_AFTER,
        shape=tuple(r * r for r in _ABS_RETURN),
    )
    root = np.sqrt(np.concatenate([[_VAR_NIGHT], shape]))
    common = rng.standard_normal((1 + len(SECTORS), len(root))) * states.market_vol[at] * root
    flicker = np.exp(0.30 * rng.standard_normal((n_symbols, len(root))) - 0.09)
    own_load = np.sqrt(1.0 - _MARKET_LOAD**2 - _SECTOR_LOAD**2)
    sigma = market.sigma_frac[:, None]
    own_sd = own_load * states.own_vol[at][:, None] * sigma * root * flicker
    own_sd[:, 1:] *= vol
    common_sd = np.sqrt(_MARKET_LOAD**2 + _SECTOR_LOAD**2) * states.market_vol[at] * sigma * root
    move = sigma * (_MARKET_LOAD * common[0] + _SECTOR_LOAD * common[1:][market.sector])
    move = move + own_sd * rng.standard_normal(own_sd.shape)
    variance = own_sd * own_sd + common_sd * common_sd
    # Half the variance off the log makes the price itself, not its log, free of drift.
    move -= 0.5 * variance
    return move[:, 0], move[:, 1:], np.sqrt(variance[:, 1:])


def _draw_shares(
    rng: np.random.Generator,
    market: Market,
    *,
    grid: Grid,
    states: DayState,
    at: int,
    surge: NDArray[np.float64],
) -> NDArray[np.float64]:
    half = _HALF_DAY_VOLUME if _is_half_day(grid, at) else 1.0
    regular = (1.0 - _VOLUME_PRE - _VOLUME_AFTER) * half
    shape = _day_shape(
        grid, at, pre=_VOLUME_PRE, regular=regular, after=_VOLUME_AFTER, shape=_VOLUME_SHARE
    )
    day = market.dollar_volume_usd / (market.price_usd * market.factor[at])
    day = day * np.exp(states.log_volume[at])
    noise = np.exp(0.45 * rng.standard_normal(surge.shape) - 0.10)
    shares: NDArray[np.float64] = day[:, None] * shape * surge * noise
    return shares


def _trade(
    rng: np.random.Generator,
    mids: NDArray[np.float64],
    *,
    shares: NDArray[np.float64],
    sd: NDArray[np.float64],
    market: Market,
    trades: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], ...]:
    # Every symbol draws, trading or not, so that a listing doesn't shift the others' numbers.
    expected = shares / _SHARES_PER_TRADE
    count = rng.poisson(np.minimum(expected, 200.0))
    bounce = rng.standard_normal((2, *shares.shape))
    uniform = 1.0 - rng.random((2, *shares.shape))
    symbol, slot = np.nonzero((count > 0) & trades[:, None])
    pick = (symbol, slot)
    n, sd_at = count[pick], sd[pick]
    # From 1 bp for the largest names to 20 bp for the smallest.
    half_spread = np.clip(4e-4 * (market.dollar_volume_usd / 2e7) ** -0.35, 1e-4, 2e-3)[symbol]
    start = mids[:, :-1][pick] + 0.6 * half_spread * bounce[0][pick]
    end = mids[:, 1:][pick] + 0.6 * half_spread * bounce[1][pick]
    start = np.where(n == 1, end, start)
    # Extremes of a Brownian bridge between the two, with less room the fewer trades there are.
    room = np.where(n <= 2, 0.0, sd_at * sd_at * (1.0 - 2.0 / np.maximum(n, 2)))
    gap2, middle = (end - start) ** 2, start + end
    high = 0.5 * (middle + np.sqrt(gap2 - 2.0 * room * np.log(uniform[0][pick])))
    low = 0.5 * (middle - np.sqrt(gap2 - 2.0 * room * np.log(uniform[1][pick])))
    ticks = [
        np.maximum(np.rint(np.exp(p) * _TICKS_PER_USD), 1.0).astype(np.int64)
        for p in (start, high, low, end)
    ]
    # Given that there was a trade, the mean of the volume is shares / P(trade).
    volume = shares[pick] / -np.expm1(-expected[pick])
    return symbol, slot, *ticks, np.maximum(np.rint(volume), 1.0).astype(np.int64)


def _stack(parts: list[tuple[int, tuple[NDArray[np.int64], ...]]], grid: Grid) -> BarColumns:
    slot_ns = grid.bar_minutes * MINUTE_NS
    session = np.repeat(
        np.array([t for t, _ in parts], dtype=np.int64), [len(part[0]) for _, part in parts]
    )
    symbol, slot, opens, highs, lows, closes, volume = (
        np.concatenate(column) for column in zip(*(part for _, part in parts), strict=True)
    )
    ts_ns = grid.sessions.pre_ns[session] + slot * slot_ns
    return BarColumns(
        session,
        symbol,
        ts_ns,
        opens / _TICKS_PER_USD,
        highs / _TICKS_PER_USD,
        lows / _TICKS_PER_USD,
        closes / _TICKS_PER_USD,
        volume,
    )
