"""News: what is known of it, and the catalyst score it adds up to (specification, section 3)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from catalyst.strategy.clock import DAY_NS, HOUR_NS
from catalyst.strategy.params import CATEGORIES, Params
from catalyst.strategy.values import Bytes, Floats, Grid, Indices, Ints, NewsBatch

_COLUMNS = {
    "symbol": np.int32,
    "news_id": np.uint64,
    "published_ns": np.int64,
    "known_ns": np.int64,
    "first_known_ns": np.int64,
    "tier": np.int8,
    "categories": np.int32,
    "state": np.int8,
    "sentiment": np.float64,
    "cluster_rank": np.int32,
}


_PRUNE_ROWS = 2048
_LONGEST_BREAK_NS = 15 * DAY_NS
"""Longer than any pause of the exchange since 1933."""


def empty_news() -> NewsBatch:
    """Return a batch without rows."""
    return NewsBatch(**{name: np.empty(0, kind) for name, kind in _COLUMNS.items()})


class NewsHistory:
    """Keep the articles known so far, ascending by (known_ns, news_id), one row a symbol.

    A later version of an article takes the place of the earlier one from its own ``known_ns`` on,
    and keeps the ``first_known_ns`` of the first.
    """

    def __init__(self, grid: Grid, params: Params) -> None:
        self._window_ns = int(params.catalyst.news_hours * HOUR_NS)
        self._daily = grid.daily
        self._reach_ns = 2 * self._window_ns + (_LONGEST_BREAK_NS if grid.daily else 0)
        self._rows = empty_news()
        self._live = np.empty(0, np.bool_)
        self._at: dict[tuple[int, int], int] = {}

    def push(self, batch: NewsBatch) -> None:
        """Take in articles that have just become known, ascending by (known_ns, news_id)."""
        if not len(batch.symbol):
            return
        self._prune(int(batch.known_ns[0]))
        start = len(self._rows.symbol)
        columns = {
            name: np.concatenate([getattr(self._rows, name), getattr(batch, name)])
            for name in _COLUMNS
        }
        live = np.concatenate([self._live, np.ones(len(batch.symbol), np.bool_)])
        first_known = columns["first_known_ns"]
        reach = self._reach_ns
        for k, key in enumerate(
            zip(batch.news_id.tolist(), batch.symbol.tolist(), strict=True), start
        ):
            older = self._at.get(key)
            # How long a version is remembered must not depend on when rows were pruned.
            if older is not None and columns["known_ns"][older] >= columns["known_ns"][k] - reach:
                live[older] = False
                first_known[k] = first_known[older]
            self._at[key] = k
        self._rows, self._live = NewsBatch(**columns), live

    def known(self, asof_ns: int, *, after_ns: int) -> NewsBatch:
        """Copy out the rows known at an instant that may count.

        Parameters
        ----------
        asof_ns
            The instant.
        after_ns
            With daily bars: the close of the session before; articles first known by then don't
            count.
        """
        rows = self._rows
        oldest = after_ns + 1 if self._daily else asof_ns - self._window_ns
        low = int(np.searchsorted(rows.known_ns, oldest, side="left"))
        high = int(np.searchsorted(rows.known_ns, asof_ns, side="right"))
        keep = self._live[low:high].copy()
        if self._daily:
            keep &= rows.first_known_ns[low:high] > after_ns
        else:
            keep &= rows.published_ns[low:high] >= oldest
        # Only known rows are in these arrays, and nothing is ever written into them: where all
        # count, slices do.
        at = slice(low, high) if keep.all() else low + np.flatnonzero(keep)
        return NewsBatch(*[getattr(rows, name)[at] for name in _COLUMNS])

    def _prune(self, now_ns: int) -> None:
        low = int(np.searchsorted(self._rows.known_ns, now_ns - self._reach_ns))
        if low < max(_PRUNE_ROWS, len(self._rows.symbol) // 2):
            return
        self._rows = NewsBatch(**{name: getattr(self._rows, name)[low:] for name in _COLUMNS})
        self._live = self._live[low:]
        self._at = {key: k - low for key, k in self._at.items() if k >= low}


@njit(cache=True, nogil=True, error_model="numpy")
def catalyst_scores_nb(
    symbol: Indices,
    published_ns: Ints,
    first_known_ns: Ints,
    tier: Bytes,
    categories: Indices,
    state: Bytes,
    sentiment: Floats,
    cluster_rank: Indices,
    asof_ns: int,
    after_ns: int,
    only: int,
    tau_ns: float,
    tier_weights: Floats,
    category_weights: Floats,
    other_weight: float,
    state_weights: Floats,
    first_weight: float,
    copy_weight: float,
    total: Floats,
    lean: Floats,
) -> None:
    """Add up article weights by symbol, in the order of the rows, and score the sums.

    Parameters
    ----------
    symbol, published_ns, first_known_ns, tier, categories, state, sentiment, cluster_rank
        Columns of a `NewsBatch`, ascending by (known_ns, news_id).
    asof_ns, tau_ns
        The instant, and the e-folding time.
    after_ns, only
        Count only rows first known after this instant, and of this symbol (-1: all).
    tier_weights : float64[5]; category_weights : float64[12]; state_weights : float64[4]
        Weights.
    total, lean : float64[m]
        Results: score and direction.
    """
    total[:] = 0.0
    lean[:] = 0.0
    for r in range(symbol.shape[0]):
        if first_known_ns[r] <= after_ns or (only >= 0 and symbol[r] != only):
            continue
        best = -1.0
        for b in range(category_weights.shape[0]):
            if categories[r] >> b & 1:
                best = max(best, category_weights[b])
        if best < 0.0:
            best = other_weight
        w = tier_weights[tier[r] - 1] * math.exp(-(asof_ns - published_ns[r]) / tau_ns)
        w = w * best * state_weights[state[r]]
        w = w * (first_weight if cluster_rank[r] == 0 else copy_weight)
        total[symbol[r]] += w
        lean[symbol[r]] += w * sentiment[r]
    for i in range(total.shape[0]):
        lean[i] = lean[i] / total[i] if total[i] > 0.0 else 0.0
        total[i] = 100.0 * (1.0 - math.exp(-total[i]))


def catalyst_scores(
    news: NewsBatch,
    n_symbols: int,
    asof_ns: int,
    params: Params,
    *,
    after_ns: int = -1,
    only: int = -1,
) -> tuple[Floats, Floats]:
    """Return catalyst score (0 to 100) and direction (-1 to 1) of every symbol.

    ``score = 100 (1 - exp(-sum w))``, ``direction = sum(w s) / sum(w)``, 0 without news. Source:
    specification, section 3.

    Parameters
    ----------
    news
        Articles known at ``asof_ns``, within the window.
    n_symbols
        Length of the results.
    asof_ns
        The instant, ns UTC.
    params
        Weights and times.
    after_ns
        Count only articles first known after this instant.
    only
        Count only this symbol's articles; -1 for all.

    Returns
    -------
    score, direction : float64[m]
    """
    p = params.catalyst
    total, lean = np.empty(n_symbols), np.empty(n_symbols)
    catalyst_scores_nb(
        news.symbol,
        news.published_ns,
        news.first_known_ns,
        news.tier,
        news.categories,
        news.state,
        news.sentiment,
        news.cluster_rank,
        asof_ns,
        after_ns,
        only,
        p.tau_hours * HOUR_NS,
        *p.arrays,
        total,
        lean,
    )
    return total, lean


def sign(direction: float, params: Params) -> int:
    """Return +1 for a positive catalyst, -1 for a negative one, 0 for a neutral one."""
    band = params.catalyst.neutral_band
    return 1 if direction > band else -1 if direction < -band else 0


def category_names(mask: int) -> list[str]:
    """Return the names of the categories in a bit mask, in the order of `CATEGORIES`."""
    return [name for b, name in enumerate(CATEGORIES) if mask >> b & 1]
