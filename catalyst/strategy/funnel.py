"""The funnel 50 -> 20 -> 5 (specification, section 4): who passed each stage, and the first rule that stopped the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from catalyst.strategy.decisions import Screen
from catalyst.strategy.indicators import technical_scores_nb
from catalyst.strategy.news import catalyst_scores, sign
from catalyst.strategy.params import Params
from catalyst.strategy.reasons import Reason
from catalyst.strategy.values import BarPanel, Bytes, Floats, Indices, MarketView, Survey

_R = {reason: int(reason) for reason in Reason}


@dataclass(frozen=True)
class Narrowed:
    """Hold the funnel before the last ranking: the first stages, and who is validated.

    Attributes
    ----------
    score, direction : float64[m]
        Catalyst of every symbol.
    chosen
        Stage 50 rows (symbol, reason, value, threshold) if it was chosen anew, else None.
    active : int32[<=50]
        Symbols of the first stage, ascending.
    ranked
        Stage 20 rows, one for each active symbol.
    validated
        Stage 5 rows, one for each symbol that passed stage 20, before the ranking of those that passed.
    passed : int32[k]
        Symbols that passed validation, ascending.
    """

    score: Floats
    direction: Floats
    chosen: tuple[Indices, Bytes, Floats, Floats] | None
    active: Indices
    ranked: tuple[Indices, Bytes, Floats, Floats]
    validated: tuple[Indices, Bytes, Floats, Floats]
    passed: Indices


def narrow(survey: Survey, active: Indices, params: Params, *, choose: bool) -> Narrowed:
    """Take the funnel as far as it goes without bars.

    Parameters
    ----------
    survey
        Numbers of every symbol at the instant.
    active : int32[<=50]
        Symbols of the first stage as last chosen.
    params
        Thresholds.
    choose
        Whether to choose the first stage anew.
    """
    m = len(survey.price)
    function = params.catalyst_score.function or catalyst_scores
    score, direction = function(survey.news, m, survey.asof_ns, params)
    chosen = None
    if choose:
        chosen = _choose(survey, params)
        active = np.sort(chosen[0][chosen[1] == 0])
    p = params.screen
    ranked, validated = stages_nb(
        active,
        score,
        survey.price,
        survey.mean_volume,
        survey.rvol,
        survey.rvol_sessions,
        survey.n_bars,
        p.catalyst_required,
        p.catalyst_min,
        p.catalyst_count,
        p.price_min,
        p.price_max,
        p.volume_min,
        p.rvol_history,
        p.rvol_sessions_min,
        p.rvol_min,
        params.technical.bars_min,
    )
    return Narrowed(
        score, direction, chosen, active, ranked, validated, validated[0][validated[1] == 0]
    )


def _choose(survey: Survey, params: Params) -> tuple[Indices, Bytes, Floats, Floats]:
    p = params.screen
    with_news = np.zeros(len(survey.price), np.bool_)
    with_news[survey.news.symbol] = True
    if not p.catalyst_required:
        with_news |= survey.member & (survey.n_sessions >= p.sessions_min)
    symbols = np.flatnonzero(with_news).astype(np.int32)
    reason = np.zeros(len(symbols), np.int8)
    value = survey.mean_dollars[symbols]
    threshold = np.full(len(symbols), np.nan)
    member = survey.member[symbols]
    history = survey.n_sessions[symbols]
    short = history < p.sessions_min
    reason[short], value[short], threshold[short] = (
        _R[Reason.NO_HISTORY],
        history[short],
        p.sessions_min,
    )
    reason[~member], value[~member], threshold[~member] = _R[Reason.NOT_IN_UNIVERSE], 0.0, 1.0
    _cut(symbols, reason, value, threshold, p.active_count)
    return symbols, reason, value, threshold


def _cut(symbols: Indices, reason: Bytes, value: Floats, threshold: Floats, count: int) -> None:
    """Keep the ``count`` highest of those not yet dropped, ties by symbol; the others' threshold is the last admitted value."""
    cut_nb(symbols, reason, value, threshold, count)


@njit(cache=True, nogil=True, error_model="numpy")
def cut_nb(symbols, reason, value, threshold, count):
    """Drop by rank all but the ``count`` highest of those whose reason is 0.

    Parameters
    ----------
    symbols : int32[n]
        Ascending, so that ties break by symbol.
    reason : int8[n]; value, threshold : float64[n]
        Value ranks; reason and threshold (the last admitted value) are set for those dropped.
    """
    alive = np.flatnonzero(reason == 0)
    if alive.shape[0] <= count:
        return
    order = alive[np.argsort(-value[alive], kind="mergesort")]
    for k in range(count, order.shape[0]):
        reason[order[k]] = _RANK
        threshold[order[k]] = value[order[count - 1]]


_RANK, _CATALYST_MIN = _R[Reason.RANK], _R[Reason.CATALYST_MIN]
_CODES = (
    _R[Reason.PRICE_MIN],
    _R[Reason.PRICE_MAX],
    _R[Reason.VOLUME_MIN],
    _R[Reason.RVOL_HISTORY],
    _R[Reason.RVOL_MIN],
    _R[Reason.BARS_MIN],
)


@njit(cache=True, nogil=True, error_model="numpy")
def stages_nb(
    active,
    score,
    price,
    volume,
    rvol,
    rvol_sessions,
    n_bars,
    required,
    catalyst_min,
    catalyst_count,
    price_min,
    price_max,
    volume_min,
    rvol_history,
    rvol_sessions_min,
    rvol_min,
    bars_min,
):
    """Rank the first stage by catalyst, and validate those that pass.

    Parameters
    ----------
    active : int32[k]
        Symbols of the first stage, ascending.
    score, price, volume, rvol : float64[m]; rvol_sessions, n_bars : int32[m]
        Numbers of every symbol.
    required ... bars_min
        Switches and thresholds in the order of the rules.

    Returns
    -------
    ranked, validated : (int32[n], int8[n], float64[n], float64[n])
        Symbol, reason, value and threshold of each, by symbol.
    """
    below_price, above_price, thin, unknown, usual, few = _CODES
    k = active.shape[0]
    value = np.empty(k)
    reason = np.zeros(k, np.int8)
    threshold = np.full(k, np.nan)
    for a in range(k):
        value[a] = score[active[a]]
        if required and value[a] < catalyst_min:
            reason[a] = _CATALYST_MIN
            threshold[a] = catalyst_min
    cut_nb(active, reason, value, threshold, catalyst_count)
    symbols = active[reason == 0]
    n = symbols.shape[0]
    why = np.zeros(n, np.int8)
    what = np.full(n, np.nan)
    limit = np.full(n, np.nan)
    for r in range(n):
        i = symbols[r]
        known = rvol_sessions[i] >= rvol_sessions_min
        if not price[i] >= price_min:
            why[r], what[r], limit[r] = below_price, price[i], price_min
        elif not price[i] <= price_max:
            why[r], what[r], limit[r] = above_price, price[i], price_max
        elif not volume[i] >= volume_min:
            why[r], what[r], limit[r] = thin, volume[i], volume_min
        elif not known and rvol_history:
            why[r], what[r], limit[r] = unknown, rvol_sessions[i], rvol_sessions_min
        elif known and not rvol[i] >= rvol_min:
            why[r], what[r], limit[r] = usual, rvol[i], rvol_min
        elif n_bars[i] < bars_min:
            why[r], what[r], limit[r] = few, n_bars[i], bars_min
    return (active, reason, value, threshold), (symbols, why, what, limit)


@dataclass(frozen=True)
class Finalists:
    """Hold the symbols of the last stage, best first, with their scores for the direction of their catalyst.

    Attributes
    ----------
    row : int64[k]
        Row of each in the view's panels.
    symbol : int32[k]
        Index of each in the symbol table.
    technical : float64[k]
        Technical score of a long, 0 to 100.
    volume : float64[k]
        Volume score, 0 to 100.
    """

    row: Indices
    symbol: Indices
    technical: Floats
    volume: Floats


def finish(view: MarketView, narrowed: Narrowed, params: Params) -> tuple[Screen, Finalists]:
    """Rank the validated symbols and lay the whole funnel down as a `Screen`.

    Parameters
    ----------
    view
        Holds the base bars of at least the validated symbols.
    narrowed
        The funnel so far.
    params
        Weights.
    """
    survey = view.survey
    symbols, reason, value, threshold = narrowed.validated
    passed = narrowed.passed
    rows = np.searchsorted(view.symbols, passed)
    bars = view.base if len(rows) == len(view.symbols) else _taken(view.base, rows)
    technical = (params.technical_score.function or technical_scores)(bars, params)
    volume = (params.volume_score.function or volume_scores)(survey.rvol[passed], params)
    band = params.catalyst.neutral_band
    leaning = np.where(narrowed.direction[passed] < -band, 100.0 - technical, technical)
    p = params.screen
    combined = (
        p.combined_catalyst * narrowed.score[passed]
        + p.combined_technical * leaning
        + p.combined_volume * volume
    )
    at = np.flatnonzero(reason == 0)
    for component in params.entry_filters:
        if component.function is not None:
            refused = ~np.asarray(component.function(view, rows, params), dtype=np.bool_) & (
                reason[at] == 0
            )
            reason[at[refused]], value[at[refused]], threshold[at[refused]] = (
                _R[Reason.ENTRY_FILTER],
                0.0,
                1.0,
            )
    open_ = reason[at] == 0
    value[at[open_]] = combined[open_]
    _cut(symbols, reason, value, threshold, p.final_count)
    final = np.flatnonzero(reason[at] == 0)
    order = final[np.lexsort((passed[final], -combined[final]))]
    finalists = Finalists(rows[order], passed[order], technical[order], volume[order])
    return _screen(narrowed, (symbols, reason, value, threshold), survey), finalists


def _taken(panel: BarPanel, rows: Indices) -> BarPanel:
    return BarPanel(
        *(
            getattr(panel, name)[rows]
            for name in ("ts_ns", "open", "high", "low", "close", "volume", "count")
        )
    )


def _screen(
    narrowed: Narrowed, last: tuple[Indices, Bytes, Floats, Floats], survey: Survey
) -> Screen:
    chosen = narrowed.chosen or _NOBODY
    return Screen(
        *screen_nb(
            chosen,
            narrowed.ranked,
            last,
            narrowed.score,
            narrowed.direction,
            survey.price,
            survey.mean_volume,
            survey.previous_close,
            survey.rvol,
        )
    )


_NOBODY = (np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0), np.empty(0))


@njit(cache=True, nogil=True, error_model="numpy")
def screen_nb(first, second, last, score, direction, price, volume, previous_close, rvol):
    """Lay three stages and what the symbols look like side by side, in the order of the fields of `Screen`.

    Parameters
    ----------
    first, second, last : (int32[n], int8[n], float64[n], float64[n])
        Symbol, reason, value and threshold of each row of a stage.
    score, direction, price, volume, previous_close, rvol : float64[m]
        Numbers of every symbol.
    """
    n = first[0].shape[0] + second[0].shape[0] + last[0].shape[0]
    symbol, stage, reason = np.empty(n, np.int32), np.empty(n, np.int8), np.empty(n, np.int8)
    value, threshold = np.empty(n), np.empty(n)
    scores, directions, prices, volumes = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    changes, rvols = np.empty(n), np.empty(n)
    r = 0
    for size, rows in ((50, first), (20, second), (5, last)):
        for a in range(rows[0].shape[0]):
            i = rows[0][a]
            symbol[r], stage[r], reason[r] = i, size, rows[1][a]
            value[r], threshold[r] = rows[2][a], rows[3][a]
            scores[r], directions[r], prices[r], volumes[r] = (
                score[i],
                direction[i],
                price[i],
                volume[i],
            )
            changes[r], rvols[r] = price[i] / previous_close[i] - 1.0, rvol[i]
            r += 1
    return (
        symbol,
        stage,
        reason,
        value,
        threshold,
        scores,
        directions,
        prices,
        volumes,
        changes,
        rvols,
    )


def technical_scores(bars: BarPanel, params: Params) -> Floats:
    """Return the technical score of a long, 0 to 100, of every symbol (specification, section 6).

    Parameters
    ----------
    bars
        Base bars of k symbols; the last ``technical.window`` of each are used.
    params
        Periods and points.

    Returns
    -------
    float64[k]
    """
    p = params.technical
    return technical_scores_nb(
        bars.close,
        bars.count,
        p.window,
        p.bars_min,
        p.base_score,
        p.rsi_bars,
        p.rsi_low,
        p.rsi_high,
        p.rsi_points,
        p.macd_fast,
        p.macd_slow,
        p.macd_signal,
        p.macd_points,
        p.sma_fast,
        p.sma_slow,
        p.sma_points,
        p.ema_bars,
        p.ema_points,
    )


def volume_scores(rvol: Floats, params: Params) -> Floats:
    """Return the volume score, 0 to 100, of relative volumes; an unknown one (NaN) scores the least.

    Parameters
    ----------
    rvol : float64[k]
        Times the usual volume.
    params
        Levels, descending, and their scores.
    """
    levels, scores = params.technical.volume_levels, params.technical.volume_scores
    out = np.full(len(rvol), scores[-1])
    for level, points in zip(reversed(levels), reversed(scores[:-1]), strict=True):
        out[rvol >= level] = points
    return out


def leaning_of(narrowed: Narrowed, symbol: int, params: Params) -> int:
    """Return the sign of a symbol's catalyst: +1, -1, or 0 for a neutral one."""
    return sign(float(narrowed.direction[symbol]), params)
