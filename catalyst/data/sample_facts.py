"""Named statistics of a sample, to compare with ``datasets/targets.yaml``.

They are measured on the tables alone, as someone would who knows nothing of the simulator, and
defined as the stylised facts of the real data are: a news session runs from 16:00 to 16:00 New York
time, returns are logs of split-adjusted closes of regular hours, volumes are those of the whole
day, adjusted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from catalyst.data import calendar
from catalyst.data.sample_events import OUTLETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from catalyst.data.sample import Sample

_WIRES = frozenset(name for names in OUTLETS for name in names)
_NEWS_CUT_NS = 12 * 60 * calendar.MINUTE_NS  # 16:00 is twelve hours after 04:00, half days included
_HALF_HOUR_NS = 30 * calendar.MINUTE_NS
_FULL_DAY_NS = 390 * calendar.MINUTE_NS
_TRAILING = 20
_Z_EDGES = (-np.inf, 0.0, 1.0, 2.0, 4.0, np.inf)
_MIN_TRAILING_NEWS = 0.5
_REPEAT = re.compile(r"^(rt @\w+:? )+|https?://\S+", re.IGNORECASE)


class DriftTest(NamedTuple):
    """Hold an event study's answer.

    Attributes
    ----------
    n : int
        Catalysts in it.
    mean_sigma : float
        Mean log return in the catalyst's direction, in daily sigmas.
    t : float
        The mean over its standard error.
    """

    n: int
    mean_sigma: float
    t: float


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    """Sessions x symbols; NaN where a symbol doesn't trade."""

    sessions: calendar.Sessions
    symbols: list[str]
    gap: NDArray[np.float64]
    ret: NDArray[np.float64]
    intraday: NDArray[np.float64]
    volume: NDArray[np.float64]
    news: NDArray[np.float64]


def facts(sample: Sample) -> dict[str, float]:
    """Measure the named statistics of a sample.

    Parameters
    ----------
    sample : Sample
        At least 40 sessions, else the trailing means are missing.

    Returns
    -------
    dict of str to float
        Name to value; shares and correlations are fractions, the others say their unit.
    """
    panel = _panel(sample)
    return {
        **_news_counts(panel),
        **_news_text(sample),
        **_daily(panel),
        **_intraday(sample, panel.sessions),
        **_news_and_returns(panel),
    }


def drift_after_known(sample: Sample, *, eligible: bool) -> DriftTest:
    """Test whether prices go on in a catalyst's direction once it is known.

    Parameters
    ----------
    sample : Sample
        Its `truth` gives the times; prices come from its bars.
    eligible : bool
        Test the catalysts that may carry the edge, else all others whose message is clear, over the
        span in which theirs would have run.

    Returns
    -------
    DriftTest
        From the last close at or before `drift_from` to that at or before `drift_until`, in units
        of the daily sigma, in the direction of the message.
    """
    truth = sample.truth.filter((pl.col("direction") != 0) & (pl.col("eligible") == eligible))
    # A bar is known when it ends; the grid's step is the least distance between two bars.
    step = sample.bars["ts"].unique().sort().diff().min()
    closes = sample.bars.select(
        "symbol", "close", known=pl.col("ts") + pl.lit(step, pl.Duration("ns"))
    )
    closes = closes.sort("known")
    ends = []
    for column in ("drift_from", "drift_until"):
        at = truth.select("event_id", "symbol", at=pl.col(column)).sort("at")
        found = at.join_asof(
            closes, left_on="at", right_on="known", by="symbol", check_sortedness=False
        )
        found = found.sort("event_id")
        ends.append(np.log(found["close"].to_numpy()))
    sigma = truth.sort("event_id")["daily_sigma_bps"].to_numpy() / 1e4
    sign = truth.sort("event_id")["direction"].to_numpy()
    move = sign * (ends[1] - ends[0]) / sigma
    move = move[np.isfinite(move)]
    mean = float(move.mean())
    return DriftTest(len(move), mean, mean / float(move.std(ddof=1) / np.sqrt(len(move))))


def _panel(sample: Sample) -> _Panel:
    bars = _rename_back(sample, sample.bars)
    ts = bars["ts"].to_physical().to_numpy()
    sessions = _sessions(ts)
    at = sessions.containing(ts)
    symbols = sorted(set(bars["symbol"].unique().to_list()))
    who = {symbol: i for i, symbol in enumerate(symbols)}
    shape = (len(sessions), len(symbols))
    daily = (
        bars.with_columns(
            t=pl.Series(at),
            regular=pl.Series((ts >= sessions.open_ns[at]) & (ts < sessions.close_ns[at])),
        )
        .group_by("t", "symbol")
        .agg(
            open=pl.col("open").filter("regular").sort_by(pl.col("ts").filter("regular")).first(),
            close=pl.col("close").filter("regular").sort_by(pl.col("ts").filter("regular")).last(),
            volume=pl.col("volume").sum(),
        )
        .sort("t", "symbol")
    )
    rows = (
        daily["t"].to_numpy(),
        daily["symbol"].replace_strict(who, return_dtype=pl.Int64).to_numpy(),
    )
    grids = []
    for column in ("open", "close", "volume"):
        grid = np.full(shape, np.nan)
        grid[rows] = daily[column].cast(pl.Float64).to_numpy()
        grids.append(grid)
    factor = np.ones(shape)
    splits = _rename_back(sample, sample.actions.filter(pl.col("kind") == "split"))
    for symbol, ex_date, value in splits.select("symbol", "ex_date", "value").rows():
        factor[sessions.index_of(ex_date) :, who[symbol]] *= value
    opens, closes, volume = grids[0] * factor, grids[1] * factor, grids[2] / factor
    before = np.vstack([np.full((1, shape[1]), np.nan), closes[:-1]])
    return _Panel(
        sessions,
        symbols,
        np.log(opens / before),
        np.log(closes / before),
        np.log(closes / opens),
        volume,
        _count_news(sample, sessions, who=who, trading=np.isfinite(closes)),
    )


def _sessions(ts: NDArray[np.int64]) -> calendar.Sessions:
    every = calendar.sessions()
    first, last = every.containing(np.array([ts.min(), ts.max()]))
    return every[int(first) : int(last) + 1]


def _rename_back(sample: Sample, frame: pl.DataFrame) -> pl.DataFrame:
    renames = sample.actions.filter(pl.col("kind") == "rename")
    names = dict(zip(renames["new_symbol"], renames["symbol"], strict=True))
    return frame.with_columns(pl.col("symbol").replace(names))


def _links(sample: Sample) -> pl.DataFrame:
    return _rename_back(sample, sample.news.explode("symbols").rename({"symbols": "symbol"}))


def _count_news(
    sample: Sample,
    sessions: calendar.Sessions,
    *,
    who: dict[str, int],
    trading: NDArray[np.bool_],
) -> NDArray[np.float64]:
    links = _links(sample)
    cut = sessions.pre_ns + _NEWS_CUT_NS
    at = np.searchsorted(cut, links["published_at"].to_physical().to_numpy(), side="right")
    symbol = links["symbol"].replace_strict(who, return_dtype=pl.Int64).to_numpy()
    counts = np.zeros((len(sessions) + 1, len(who)))
    np.add.at(counts, (at, symbol), 1.0)
    return np.where(trading, counts[:-1], np.nan)


def _news_counts(panel: _Panel) -> dict[str, float]:
    # The first session's window is cut short by the start of the data.
    news = panel.news[1:]
    total = np.sort(np.nansum(news, axis=0))[::-1]
    mean, variance = np.nanmean(news, axis=0), np.nanvar(news, axis=0)
    active = mean > 0
    return {
        "news_zero_fraction": float(np.nanmean(np.where(np.isnan(news), np.nan, news == 0))),
        "news_per_symbol_session": float(np.nanmean(news)),
        "news_dispersion_median": float(np.median(variance[active] / mean[active])),
        "news_log_rate_sd": float(np.std(np.log(mean[active]))),
        "news_top1_share": float(total[0] / total.sum()),
        "news_top5_share": float(total[:5].sum() / total.sum()),
        "news_count_acf1": float(
            np.nanmedian([_acf(c, 1) for c in news.T[mean > _MIN_TRAILING_NEWS]])
        ),
    }


def _news_text(sample: Sample) -> dict[str, float]:
    links = _links(sample)
    local = pl.col("published_at").dt.convert_time_zone("America/New_York")
    links = links.with_columns(
        weekend=local.dt.weekday() > 5,
        minute=local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute(),
        wire=pl.col("source").is_in(sorted(_WIRES)),
        plain=pl.col("headline")
        .str.to_lowercase()
        .str.replace_all(_REPEAT.pattern, "")
        .str.strip_chars(),
        retweet=pl.col("headline").str.starts_with("RT @"),
    ).sort("published_at")
    tweets, wires = links.filter(~pl.col("wire")), links.filter("wire")
    week, wire_week = tweets.filter(~pl.col("weekend")), wires.filter(~pl.col("weekend"))
    per_tweet = tweets.group_by("url").len()
    headlines = wires.group_by("headline").agg(symbols=pl.col("symbol").n_unique(), rows=pl.len())
    return {
        "tweet_share_pre_market": _share(week, 240, 570),
        "tweet_share_regular": _share(week, 570, 960),
        "tweet_share_after_hours": _share(week, 960, 1200),
        "wire_share_pre_market": _share(wire_week, 240, 570),
        "wire_share_regular": _share(wire_week, 570, 960),
        "tweet_weekend_share": float(tweets["weekend"].to_numpy().mean()),
        "tweet_retweet_share": float(tweets["retweet"].to_numpy().mean()),
        "tweet_repeat_share": 1.0 - tweets.select("symbol", "plain").n_unique() / len(tweets),
        "tweet_two_symbols_share": float((per_tweet["len"].to_numpy() > 1).mean()),
        "wire_shared_headline_share": float(
            headlines.filter(pl.col("symbols") > 1)["rows"].to_numpy().sum() / len(wires)
        ),
    }


def _share(rows: pl.DataFrame, start: int, stop: int) -> float:
    return float(rows["minute"].is_between(start, stop, closed="left").to_numpy().mean())


def _daily(panel: _Panel) -> dict[str, float]:
    ret = panel.ret[1:]
    full = np.isfinite(ret).sum(axis=0) >= len(ret) // 2
    ret, gap, intraday = ret[:, full], panel.gap[1:, full], panel.intraday[1:, full]
    sd = np.nanstd(ret, axis=0)
    z = (ret - np.nanmean(ret, axis=0)) / sd
    whole = np.isfinite(ret).all(axis=0)
    corr = np.atleast_2d(np.corrcoef(ret[:, whole].T))
    logv = np.log(panel.volume[1:, full])
    rvol = _relative_volume(panel)
    over, inside = np.nanvar(gap, axis=0), np.nanvar(intraday, axis=0)
    return {
        "daily_vol_median_bps": 1e4 * float(np.median(sd)),
        "daily_excess_kurtosis_median": float(np.median(np.nanmean(z**4, axis=0) - 3.0)),
        "daily_beyond_3_sigma_share": float(
            np.nanmean(np.where(np.isnan(z), np.nan, np.abs(z) > 3))
        ),
        "daily_return_acf1": float(np.median([_acf(r, 1) for r in ret.T])),
        "daily_abs_return_acf1": float(np.median([_acf(np.abs(r), 1) for r in ret.T])),
        "daily_pairwise_corr": float(corr[np.triu_indices(len(corr), 1)].mean()),
        "overnight_variance_share": float(np.mean(over / (over + inside))),
        "log_volume_acf1": float(np.median([_acf(v, 1) for v in logv.T])),
        "relative_volume_beyond_2_share": float(np.mean(rvol[np.isfinite(rvol)] > 2)),
        "abs_return_log_volume_corr": float(
            np.median([_corr(np.abs(r), v) for r, v in zip(ret.T, logv.T, strict=True)])
        ),
        "gap_beyond_2_percent_share": float(
            np.nanmean(np.where(np.isnan(gap), np.nan, np.abs(gap) > 0.02))
        ),
    }


def _intraday(sample: Sample, sessions: calendar.Sessions) -> dict[str, float]:
    ts = sample.bars["ts"].to_physical().to_numpy()
    at = sessions.containing(ts)
    volume = sample.bars["volume"].to_numpy().astype(np.float64)
    step = np.abs(np.log(sample.bars["close"].to_numpy() / sample.bars["open"].to_numpy()))
    full_day = (sessions.close_ns - sessions.open_ns)[at] == _FULL_DAY_NS
    regular = full_day & (ts >= sessions.open_ns[at]) & (ts < sessions.close_ns[at])
    bucket = (ts - sessions.open_ns[at])[regular] // _HALF_HOUR_NS
    code = (
        sample.bars["symbol"]
        .cast(pl.Categorical)
        .to_physical()
        .to_numpy()[regular]
        .astype(np.int64)
    )
    sums = np.zeros((int(code.max()) + 1, 13))
    np.add.at(sums, (code, bucket), volume[regular])
    # The mean of the symbols' shares, so that the largest names don't decide alone.
    traded = sums.sum(axis=1) > 0
    share = (sums[traded] / sums[traded].sum(axis=1, keepdims=True)).mean(axis=0)
    moves = np.array([step[regular][bucket == b].mean() for b in range(13)])
    return {
        "volume_share_first_half_hour": float(share[0]),
        "volume_share_mid_day_half_hour": float(share[6]),
        "volume_share_last_half_hour": float(share[12]),
        "abs_return_first_half_hour_ratio": float(moves[0] / moves.mean()),
        "abs_return_mid_day_ratio": float(moves[6] / moves.mean()),
        "volume_share_extended_hours": 1.0 - float(volume[regular].sum() / volume[full_day].sum()),
    }


def _news_and_returns(panel: _Panel) -> dict[str, float]:
    news, ret = panel.news, panel.ret
    trailing = np.full(news.shape, np.nan)
    for t in range(_TRAILING, len(news)):
        trailing[t] = news[t - _TRAILING : t].mean(axis=0)
    z = np.where(
        trailing >= _MIN_TRAILING_NEWS, (news - trailing) / np.sqrt(trailing + 1.0), np.nan
    )
    abnormal = np.full(ret.shape, np.nan)
    abnormal[1:] = ret[1:] - np.nanmedian(ret[1:], axis=1, keepdims=True)
    sigma = np.nanstd(ret, axis=0)
    size, gap, rvol = np.abs(abnormal) / sigma, np.abs(panel.gap), _relative_volume(panel)
    onward = np.sign(abnormal[:-1]) * abnormal[1:]
    bins = [(z >= low) & (z < high) for low, high in pairwise(_Z_EDGES)]
    sizes = [float(np.nanmean(size[b])) for b in bins]
    gaps = [float(np.nanmean(gap[b])) for b in bins]
    volumes = [float(np.nanmean(rvol[b])) for b in bins]
    t_values = [_t_value(onward[b[:-1]]) for b in bins]
    return {
        "news_quiet_abs_return_sigma": sizes[0],
        "news_burst_abs_return_ratio": sizes[-1] / sizes[0],
        "news_burst_gap_ratio": gaps[-1] / gaps[0],
        "news_burst_relative_volume_ratio": volumes[-1] / volumes[0],
        "news_abs_return_falls": float(sum(b < a for a, b in pairwise(sizes))),
        "news_next_day_continuation_max_abs_t": float(np.max(np.abs(t_values))),
        "news_next_day_return_corr": _corr(z[:-1].ravel(), abnormal[1:].ravel()),
        "news_after_abs_return_corr": _corr(z[1:].ravel(), size[:-1].ravel()),
    }


def _relative_volume(panel: _Panel) -> NDArray[np.float64]:
    rvol = np.full(panel.volume.shape, np.nan)
    for t in range(_TRAILING, len(rvol)):
        rvol[t] = panel.volume[t] / panel.volume[t - _TRAILING : t].mean(axis=0)
    return rvol


def _acf(series: NDArray[np.float64], lag: int) -> float:
    return _corr(series[:-lag], series[lag:])


def _corr(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    return float(np.corrcoef(a[both], b[both])[0, 1])


def _t_value(values: NDArray[np.float64]) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean() / (values.std(ddof=1) / np.sqrt(len(values))))
