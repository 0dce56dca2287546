"""The funnel 50 -> 20 -> 5 (specification, section 4): who passed, and what stopped the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from catalyst.strategy.components import MOVE_SCORES
from catalyst.strategy.decisions import Screen
from catalyst.strategy.draw import is_on, lots, open_stages
from catalyst.strategy.funnel_kernels import Stage, cut_nb, screen_nb, stages_nb
from catalyst.strategy.indicators import technical_scores_nb
from catalyst.strategy.moves import move_scores
from catalyst.strategy.news import catalyst_scores, sign
from catalyst.strategy.own_calls import Caller
from catalyst.strategy.params import Params
from catalyst.strategy.reasons import Reason
from catalyst.strategy.values import BarPanel, Floats, Indices, Ints, MarketView, NewsBatch, Survey

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
        Stage 5 rows, one for each symbol that passed stage 20, before those that passed are ranked.
    passed : int32[k]
        Symbols that passed validation, ascending.
    """

    score: Floats
    direction: Floats
    chosen: Stage | None
    active: Indices
    ranked: Stage
    validated: Stage
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
    score, direction = catalysts(survey.news, m, survey.asof_ns, params)
    chosen = None
    if choose:
        chosen = _choose(survey, params)
        active = np.sort(chosen[0][chosen[1] == 0])
    if is_on(params):
        ranked, validated = open_stages(active, score, survey)
    else:
        ranked, validated = _stages(survey, active, score, params)
    return Narrowed(
        score, direction, chosen, active, ranked, validated, validated[0][validated[1] == 0]
    )


def _stages(survey: Survey, active: Indices, score: Floats, params: Params) -> tuple[Stage, Stage]:
    p = params.screen
    stages: tuple[Stage, Stage] = stages_nb(
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
    return stages


def catalysts(
    news: NewsBatch, n_symbols: int, asof_ns: int, params: Params
) -> tuple[Floats, Floats]:
    """Return catalyst score and direction of every symbol, by the variant's component."""
    component = params.catalyst_score
    if component.function is None or component.function is catalyst_scores:
        return catalyst_scores(news, n_symbols, asof_ns, params)
    return Caller(asof_ns).catalyst(component, n_symbols, news, n_symbols, asof_ns, params)


def _choose(survey: Survey, params: Params) -> Stage:
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
    reason[short] = _R[Reason.NO_HISTORY]
    value[short], threshold[short] = history[short], p.sessions_min
    reason[~member], value[~member], threshold[~member] = _R[Reason.NOT_IN_UNIVERSE], 0.0, 1.0
    cut_nb(reason, value, threshold, p.active_count)
    return symbols, reason, value, threshold


@dataclass(frozen=True)
class Finalists:
    """Hold the symbols of the last stage, best first, with their scores.

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

    row: Ints
    symbol: Indices
    technical: Floats
    volume: Floats


def finish(view: MarketView, narrowed: Narrowed, params: Params) -> tuple[Screen, Finalists]:
    """Rank the validated symbols and lay the whole funnel down as a `Screen`.

    Where finalists are drawn by lot, the lot ranks, and an unknown technical score is the base
    score: nobody is dropped for want of bars.

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
    rows = np.searchsorted(view.symbols, passed).astype(np.int64)
    bars = view.base if len(rows) == len(view.symbols) else _taken(view.base, rows)
    names = tuple(view.names[s] for s in passed)
    caller = Caller(view.asof_ns, names)
    technical = long_scores(bars, survey, passed, params, names=names)
    volume = volume_scores(survey.rvol[passed], params)
    if params.volume_score.function is not None:
        volume = caller.scores(params.volume_score, survey.rvol[passed], params)
    band = params.catalyst.neutral_band
    leaning = np.where(narrowed.direction[passed] < -band, 100.0 - technical, technical)
    p = params.screen
    combined = (
        p.combined_catalyst * narrowed.score[passed]
        + p.combined_technical * leaning
        + p.combined_volume * volume
    )
    if is_on(params):
        combined = lots(params, view.asof_ns, names)
    at = np.flatnonzero(reason == 0)
    for place, component in enumerate(params.entry_filters):
        kept = caller.kept(component, view, rows, params)
        refused = ~kept & (reason[at] == 0)
        reason[at[refused]] = _R[Reason.ENTRY_FILTER]
        value[at[refused]], threshold[at[refused]] = float(place), np.nan
    open_ = reason[at] == 0
    value[at[open_]] = combined[open_]
    cut_nb(reason, value, threshold, p.final_count)
    final = np.flatnonzero(reason[at] == 0)
    order = final[np.lexsort((passed[final], -combined[final]))]
    finalists = Finalists(rows[order], passed[order], technical[order], volume[order])
    return _screen(narrowed, (symbols, reason, value, threshold), survey), finalists


def _taken(panel: BarPanel, rows: Ints) -> BarPanel:
    return BarPanel(
        *(
            getattr(panel, name)[rows]
            for name in ("ts_ns", "open", "high", "low", "close", "volume", "count")
        )
    )


def _screen(narrowed: Narrowed, last: Stage, survey: Survey) -> Screen:
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


def long_scores(
    bars: BarPanel, survey: Survey, symbols: Indices, params: Params, *, names: tuple[str, ...]
) -> Floats:
    """Return the technical score of a long of some symbols, by the variant's component.

    Parameters
    ----------
    bars
        Base bars of the symbols.
    survey
        Numbers of every symbol.
    symbols : int32[k]
        Their indices.
    params
        ``technical_score`` and its numbers.
    names
        The symbols.

    Returns
    -------
    float64[k]
        0 to 100. Where finalists are drawn by lot, the base score where a symbol has too few bars.

    Raises
    ------
    ComponentError
        If a user's own component fails or gives anything else.
    """
    own = params.technical_score
    if own.function is not None:
        return Caller(survey.asof_ns, names).scores(own, bars, params)
    if own.name in MOVE_SCORES:
        return move_scores(bars, survey, symbols, params)
    found = technical_scores(bars, params)
    if is_on(params):
        found = np.where(np.isnan(found), params.technical.base_score, found)
    return found


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
    """Return the volume score, 0 to 100, of relative volumes; an unknown one scores the least.

    Parameters
    ----------
    rvol : float64[k]
        Times the usual volume; NaN is unknown.
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
