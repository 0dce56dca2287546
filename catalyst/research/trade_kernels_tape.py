"""What compiled trials ask bars and news: which bar is next, and whether news has turned."""

from __future__ import annotations

import numpy as np
from numba import njit

from catalyst.research.trade_kernels_layout import NO, News, Records
from catalyst.strategy.news import catalyst_scores_nb
from catalyst.strategy.values import Floats, Ints


@njit(cache=True, nogil=True, error_model="numpy")
def turned_nb(
    news: News,
    first: int,
    last: int,
    decided: int,
    asof: int,
    after: int,
    daily: bool,  # noqa: FBT001 - numba has no keyword-only parameters
    side: int,
    reversal_min: float,
) -> bool:
    """Tell whether news after a decision speaks against it, as the desk's ``_news_reversed``.

    ``first:last`` are the symbol's rows from the first one known after the decision on.
    """
    oldest = after + 1 if daily else asof - news.window_ns
    last = known_nb(news.known, first, last, asof)
    rows = np.empty(last - first, np.int64)
    n = 0
    for r in range(first, last):
        if news.known[r] < oldest or news.gone[r] <= asof or news.first_known[r] <= decided:
            continue
        if news.first_known[r] <= after if daily else news.published[r] < oldest:
            continue
        rows[n] = r
        n += 1
    if n == 0:
        return False
    total, lean = np.empty(1), np.empty(1)
    if n == last - first:
        # Nearly always all of them count: views of the columns do, and nothing is copied.
        _score_nb(news, first, last, asof, decided, total, lean)
    else:
        at = rows[:n]
        catalyst_scores_nb(
            news.symbol[at],
            news.published[at],
            news.first_known[at],
            news.tier[at],
            news.categories[at],
            news.state[at],
            news.sentiment[at],
            news.rank[at],
            asof,
            decided,
            NO,
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
def _score_nb(
    news: News, first: int, last: int, asof: int, decided: int, total: Floats, lean: Floats
) -> None:
    catalyst_scores_nb(
        news.symbol[first:last],
        news.published[first:last],
        news.first_known[first:last],
        news.tier[first:last],
        news.categories[first:last],
        news.state[first:last],
        news.sentiment[first:last],
        news.rank[first:last],
        asof,
        decided,
        NO,
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


@njit(cache=True, nogil=True, error_model="numpy")
def known_nb(known: Ints, first: int, last: int, asof: int) -> int:
    """Return the place of the first of ``first:last`` that becomes known after an instant."""
    while first < last:
        middle = (first + last) // 2
        if known[middle] <= asof:
            first = middle + 1
        else:
            last = middle
    return first


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
