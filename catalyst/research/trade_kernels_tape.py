"""What compiled trials ask bars and news: which bar is next, and whether news has turned."""

from __future__ import annotations

import numpy as np
from numba import njit

from catalyst.research.trade_kernels_layout import News, Records
from catalyst.strategy.news import catalyst_scores_nb


@njit(cache=True, nogil=True, error_model="numpy")
def turned_nb(
    news: News,
    symbol: int,
    decided: int,
    asof: int,
    after: int,
    daily: bool,  # noqa: FBT001 - numba has no keyword-only parameters
    side: int,
    reversal_min: float,
) -> bool:
    """Tell whether news after a decision speaks against it, as the desk's ``_news_reversed``."""
    oldest = after + 1 if daily else asof - news.window_ns
    first, last = news.start[symbol], news.start[symbol + 1]
    rows = np.empty(last - first, np.int64)
    n = 0
    for r in range(first, last):
        if news.known[r] > asof:
            break
        if news.known[r] < oldest or news.gone[r] <= asof or news.first_known[r] <= decided:
            continue
        if news.first_known[r] <= after if daily else news.published[r] < oldest:
            continue
        rows[n] = r
        n += 1
    if n == 0:
        return False
    at = rows[:n]
    total, lean = np.empty(1), np.empty(1)
    catalyst_scores_nb(
        np.zeros(n, np.int32),
        news.published[at],
        news.first_known[at],
        news.tier[at],
        news.categories[at],
        news.state[at],
        news.sentiment[at],
        news.rank[at],
        asof,
        decided,
        0,
        news.tau_ns,
        news.tiers,
        news.by_category,
        news.other,
        news.states,
        news.first_weight,
        news.copy_weight,
        total,
        lean,
    )
    band = news.neutral_band
    sign = 1 if lean[0] > band else -1 if lean[0] < -band else 0
    return sign == -side and total[0] >= reversal_min


@njit(cache=True, nogil=True, error_model="numpy")
def after_nb(bars: Records, first: int, last: int, ts: int) -> int:
    """Return the place of the first bar of ``first:last`` that starts after an instant."""
    while first < last:
        middle = (first + last) // 2
        if bars[middle]["ts"] <= ts:
            first = middle + 1
        else:
            last = middle
    return first
