"""A view as it might have been: fewer bars, other symbols, other content behind ``count``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from catalyst.strategy.values import BarPanel, Floats, Ints, MarketView, Survey

_SERIES = ("open", "high", "low", "close", "volume")
_PRICES = ("open", "high", "low", "close")
_BY_SYMBOL = ("mean_volume", "mean_dollars", "price", "previous_close", "rvol")


def taken(panel: BarPanel, rows: Ints) -> BarPanel:
    """Return some rows of a panel, in that order."""
    return BarPanel(**{f.name: getattr(panel, f.name)[rows] for f in fields(panel)})


def shortened(panel: BarPanel, n: int) -> BarPanel:
    """Return a panel that holds the last ``n`` bars of each row at most, as wide as before."""
    width = panel.close.shape[1]
    count = np.minimum(panel.count, n).astype(np.int32)
    place = np.minimum(np.arange(width)[None, :] + (panel.count - count)[:, None], width - 1)
    return BarPanel(
        **{
            name: np.take_along_axis(getattr(panel, name), place, axis=1)
            for name in ("ts_ns", *_SERIES)
        },
        count=count,
    )


def garbled(panel: BarPanel, filling: float) -> BarPanel:
    """Return a panel with other content behind ``count``."""
    behind = np.arange(panel.close.shape[1])[None, :] >= panel.count[:, None]
    changed: dict[str, Any] = {
        name: np.where(behind, filling, getattr(panel, name)) for name in _SERIES
    }
    ts = np.where(behind, np.iinfo(np.int64).max if filling > 0 else -1, panel.ts_ns)
    return replace(panel, ts_ns=ts, **changed)


def with_panels(view: MarketView, change: Callable[[BarPanel], BarPanel]) -> MarketView:
    """Return a view with its base bars and frames changed."""
    return replace(
        view, base=change(view.base), frames=tuple(change(frame) for frame in view.frames)
    )


def only(view: MarketView, rows: Ints, *, factor: float = 3.0) -> MarketView:
    """Return a view of some of its symbols, where all others of the market are different."""
    symbols = view.symbols[rows]
    order = np.argsort(symbols)
    smaller = with_panels(view, lambda panel: taken(panel, rows[order]))
    others = np.ones(len(view.survey.price), np.bool_)
    others[symbols] = False
    survey = view.survey
    changed: dict[str, Any] = {
        name: np.where(others, getattr(survey, name) * factor, getattr(survey, name))
        for name in _BY_SYMBOL
    }
    changed["session_close"] = np.where(
        others[:, None], survey.session_close * factor, survey.session_close
    )
    news = survey.news
    kept = np.isin(news.symbol, symbols)
    changed["news"] = type(news)(**{f.name: getattr(news, f.name)[kept] for f in fields(news)})
    return replace(smaller, symbols=symbols[order], survey=replace(survey, **changed))


def scaled(
    view: MarketView, *, price: float | None = None, volume: float | None = None
) -> MarketView:
    """Return a view in which every symbol's last close, or mean volume, is of another size."""
    survey = view.survey
    of = np.ones(len(survey.price)) if price is None else price / _positive(survey.price)
    size = np.ones(len(survey.price)) if volume is None else volume / _positive(survey.mean_volume)
    rows = of[view.symbols][:, None], size[view.symbols][:, None]

    def bars(panel: BarPanel) -> BarPanel:
        prices: dict[str, Any] = {name: getattr(panel, name) * rows[0] for name in _PRICES}
        return replace(panel, volume=panel.volume * rows[1], **prices)

    new = replace(
        survey,
        price=survey.price * of,
        previous_close=survey.previous_close * of,
        session_close=survey.session_close * of[:, None],
        mean_volume=survey.mean_volume * size,
        mean_dollars=survey.mean_dollars * of * size,
    )
    return replace(with_panels(view, bars), survey=new)


def constant(view: MarketView) -> MarketView:
    """Return a view in which no price has ever moved."""

    def bars(panel: BarPanel) -> BarPanel:
        last = np.take_along_axis(panel.close, np.maximum(panel.count - 1, 0)[:, None], axis=1)
        still: dict[str, Any] = {name: np.repeat(last, panel.close.shape[1], 1) for name in _PRICES}
        return replace(panel, **still)

    closes = np.repeat(view.survey.price[:, None], view.survey.session_close.shape[1], 1)
    survey = replace(view.survey, previous_close=view.survey.price.copy(), session_close=closes)
    return replace(with_panels(view, bars), survey=survey)


def hostile(view: MarketView, least_bars: int) -> list[tuple[str, MarketView, bool]]:
    """List views that a market may hold, and some that it may not.

    Parameters
    ----------
    view
        A real one.
    least_bars
        Bars that the funnel asks for before it asks a component.

    Returns
    -------
    list of (what, view, possible)
        ``possible`` is False for what no lake and no funnel lets through: a component that fails
        there is worth a note, not a finding.
    """
    survey = view.survey
    m = len(survey.price)
    unknown = np.full(m, np.nan)
    nothing = survey.news
    no_news = type(nothing)(**{f.name: getattr(nothing, f.name)[:0] for f in fields(nothing)})

    def with_survey(**changed: Any) -> MarketView:  # noqa: ANN401 - fields of a survey
        return replace(view, survey=replace(survey, **changed))

    def few(n: int) -> MarketView:
        return with_panels(view, lambda panel: shortened(panel, n))

    def broken(panel: BarPanel) -> BarPanel:
        holes: dict[str, Floats] = {name: getattr(panel, name).copy() for name in _SERIES}
        for values in holes.values():
            values[:, ::7] = np.nan
        return replace(panel, **holes)  # type: ignore[arg-type]

    zero = with_panels(view, lambda panel: replace(panel, volume=np.zeros_like(panel.volume)))
    return [
        ("prices that never moved", constant(view), True),
        ("bars without volume", zero, True),
        ("prices of 0.0001 USD", scaled(view, price=1e-4), True),
        ("prices of 230,000 USD", scaled(view, price=2.3e5), True),
        ("volumes of 1e12 shares", scaled(view, volume=1e12), True),
        ("an unknown relative volume", with_survey(rvol=unknown), True),
        ("a relative volume of 1e6", with_survey(rvol=np.full(m, 1e6)), True),
        ("a relative volume of 0", with_survey(rvol=np.zeros(m)), True),
        ("no news", with_survey(news=no_news), True),
        (f"{least_bars} bars", few(least_bars), True),
        ("no session before today", _no_past(view), False),
        ("20 bars", few(20), False),
        ("5 bars", few(5), False),
        ("one bar", few(1), False),
        ("NaN in the bars", with_panels(view, broken), False),
    ]


def _no_past(view: MarketView) -> MarketView:
    survey: Survey = view.survey
    m = len(survey.price)
    return replace(
        view,
        survey=replace(
            survey,
            previous_close=np.full(m, np.nan),
            session_close=np.full_like(survey.session_close, np.nan),
            mean_volume=np.full(m, np.nan),
            mean_dollars=np.full(m, np.nan),
            n_sessions=np.zeros(m, np.int32),
        ),
    )


def _positive(values: Floats) -> Floats:
    return np.where(np.isfinite(values) & (values > 0.0), values, 1.0)


def spiked(panel: BarPanel, back: int, factor: float) -> BarPanel:
    """Return a panel in which one bar of each row, ``back`` before its last, is another."""
    at = np.maximum(panel.count - 1 - back, 0)
    there = (np.arange(panel.close.shape[1])[None, :] == at[:, None]) & (panel.count > back)[
        :, None
    ]
    changed: dict[str, Any] = {
        name: np.where(there, getattr(panel, name) * factor, getattr(panel, name))
        for name in _SERIES
    }
    return replace(panel, **changed)


def noisy(view: MarketView, frac: float, *, seed: int = 0) -> MarketView:
    """Return a view in which every bar is moved on its own, by ``frac`` as a rule.

    What says yes or no says one and the other then, and so shows which bars it looks at.
    """
    random = np.random.default_rng(seed)

    def bars(panel: BarPanel) -> BarPanel:
        by = np.exp(frac * random.standard_normal(panel.close.shape))
        wide = np.exp(frac * random.random(panel.close.shape))
        body = np.exp(frac * random.standard_normal(panel.close.shape))
        close = panel.close * by
        open_ = panel.open * by * body
        high, low = np.maximum(open_, close) * wide, np.minimum(open_, close) / wide
        volume = np.ceil(panel.volume * np.exp(2.0 * random.standard_normal(panel.close.shape)))
        moved: dict[str, Any] = {"open": open_, "high": high, "low": low, "close": close}
        return replace(panel, volume=volume, **moved)

    return with_panels(view, bars)
