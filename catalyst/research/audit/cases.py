"""Arguments to try a component with: as the strategy would call it at one view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from catalyst.research.audit.trial import copied
from catalyst.research.audit.variations import garbled, only, shortened, spiked, taken, with_panels
from catalyst.strategy.components import Component
from catalyst.strategy.history import FRAME_BARS
from catalyst.strategy.own_calls import Caller
from catalyst.strategy.params import Params
from catalyst.strategy.portfolio import Entry
from catalyst.strategy.values import BarPanel, Floats, Ints, MarketView, NewsBatch

PANEL_KINDS = ("technical_score", "patterns", "entry_filters", "exits", "scored")
"""Kinds that see bars, and so have a reach into the past."""

_ROWS = 3
_SPARE = 7
_ENDS = 16


@dataclass(frozen=True)
class Case:
    """Hold one call of a component at one view.

    Attributes
    ----------
    kind
        A key of `catalyst.strategy.components.SIGNATURES`.
    view
        The view; base bars and frames are its own.
    params
        The variant.
    row
        Row of the view's panels that the call is about; -1 for all of them.
    side
        +1 or -1: of the entry, or of the signal.
    frame
        Which pattern timeframe; -1 for base bars.
    rows
        Rows that an entry filter is asked about; None for all.
    entry
        What an exit is asked about.
    shared
        Whether the component may have the view itself: it is known to write into nothing.
    """

    kind: str
    view: MarketView
    params: Params
    row: int = -1
    side: int = 1
    frame: int = -1
    rows: tuple[int, ...] | None = None
    entry: Entry | None = None
    shared: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Return the symbols that the call is about."""
        if self.kind == "catalyst_score":
            return ()
        every = self.rows or tuple(range(len(self.view.symbols)))
        rows = every if self.row < 0 else (self.row,)
        return tuple(self.view.names[self.view.symbols[r]] for r in rows)

    def arguments(self) -> tuple[Any, ...]:
        """Return the positional arguments of the call."""
        view, params = self.view, self.params
        k = len(view.symbols)
        match self.kind:
            case "catalyst_score":
                return view.survey.news, len(view.survey.price), view.asof_ns, params
            case "technical_score":
                return view.base, params
            case "volume_score":
                return view.survey.rvol[view.symbols], params
            case "patterns":
                panel = view.base if self.frame < 0 else view.frames[self.frame]
                n = int(panel.count[self.row])
                return tuple(
                    getattr(panel, name)[self.row, :n]
                    for name in ("open", "high", "low", "close", "volume")
                )
            case "entry_filters":
                rows = np.arange(k) if self.rows is None else np.array(self.rows)
                return view, rows.astype(np.int64), params
            case "exits":
                return view, self.row, self.entry, params
            case _:
                return view, self.row, self.side, params

    def asked(self, component: Component) -> Floats:
        """Call a component and return its result by row, or by symbol for a catalyst score.

        Returns
        -------
        float64[k, w]
            w is 2 for a catalyst score (score, direction), else 1.

        Raises
        ------
        ComponentError
            If it fails, or gives what its kind may not; an error of catalyst's own, such as of a
            lake that a component opens, passes as it is.
        """
        caller = Caller(self.view.asof_ns, self.names)
        # A component that writes into its arguments must not spoil the next law's.
        arguments = self.arguments() if self.shared else copied(self.arguments())
        match self.kind:
            case "catalyst_score":
                m = len(self.view.survey.price)
                return np.stack(caller.catalyst(component, m, *arguments), axis=1)
            case "technical_score" | "volume_score":
                found: object = caller.scores(component, *arguments)
            case "entry_filters":
                found = caller.kept(component, *arguments)
            case "patterns":
                found = caller.pattern(component, *arguments)
            case "exits":
                found = caller.leaves(component, *arguments)
            case _:
                found = caller.scored(component, *arguments)
        return np.atleast_1d(np.asarray(found, np.float64))[:, None]

    def of(self, rows: Ints) -> Case:
        """Return the case for some symbols only, with the rest of the market different."""
        view = only(self.view, rows)
        return replace(self, view=view, row=min(0, self.row))

    def turned(self) -> Case:
        """Return the case with its rows in the other order."""
        back = np.arange(len(self.view.symbols))[::-1]
        if self.kind == "entry_filters":
            return replace(self, rows=tuple(back.tolist()))
        view = with_panels(self.view, lambda panel: taken(panel, back))
        return replace(self, view=replace(view, symbols=self.view.symbols[back]))

    def last(self, n: int) -> Case:
        """Return the case with the last ``n`` bars of each series only."""
        return replace(self, view=with_panels(self.view, lambda panel: shortened(panel, n)))

    def behind(self, filling: float) -> Case:
        """Return the case with other content behind ``count``."""
        return replace(self, view=with_panels(self.view, lambda panel: garbled(panel, filling)))

    def spiked(self, back: int, factor: float) -> Case:
        """Return the case with another bar, ``back`` before the last one."""
        view = with_panels(self.view, lambda panel: spiked(panel, back, factor))
        return replace(self, view=view)

    def with_room(self) -> Case:
        """Return the case with fewer bars than its panels are wide, so that something is behind."""

        def roomy(panel: BarPanel) -> BarPanel:
            return shortened(panel, max(1, panel.close.shape[1] - _SPARE))

        return replace(self, view=with_panels(self.view, roomy))


def cases_of(kind: str, view: MarketView, params: Params) -> list[Case]:
    """List the calls of a kind of component at one view."""
    k = len(view.symbols)
    one = Case(kind, view, params)
    if kind in ("catalyst_score", "technical_score", "volume_score", "entry_filters"):
        return [one] if k or kind == "catalyst_score" else []
    rows = sorted({0, k // 2, k - 1}) if k else []
    if kind == "patterns":
        return [
            replace(one, row=r, frame=f)
            for f, panel in enumerate(view.frames)
            for r in rows
            if panel.count[r] > 0
        ]
    held = [r for r in rows if view.base.count[r] > 0]
    both = [replace(one, row=r, side=side) for r in held[:_ROWS] for side in (1, -1)]
    if kind == "exits":
        # Won and lost: many an exit looks at nothing else.
        return [
            replace(case, entry=_entry(view, case.row, case.side, paid))
            for case in both
            for paid in (0.95, 1.0, 1.05)
        ]
    return both


def windows_of(view: MarketView, params: Params, bars: int = FRAME_BARS) -> list[Case]:
    """List calls of a pattern on windows all over a view's base bars, where patterns are."""
    base = view.base
    width = min(bars, int(base.count.min()) if len(base.count) else 0)
    if width < 1:
        return []
    out = []
    for row, n in enumerate(base.count.tolist()):
        for end in range(n, max(width, n - _ENDS), -1):
            at = np.arange(end - width, end)
            panel = BarPanel(
                **{
                    name: getattr(base, name)[row : row + 1, at]
                    for name in ("ts_ns", "open", "high", "low", "close", "volume")
                },
                count=np.array([width], np.int32),
            )
            small = replace(view, symbols=view.symbols[row : row + 1], base=panel, frames=())
            out.append(Case("patterns", small, params, row=0))
    return out


def with_news_of(case: Case, symbol: int) -> Case:
    """Return a case of a catalyst score in which only one symbol is in the news."""
    news = case.view.survey.news
    return _with_news(case, lambda column: column[news.symbol == symbol])


def with_news_moved(case: Case, by: int) -> Case:
    """Return a case of a catalyst score in which every symbol has another place."""
    m = len(case.view.survey.price)
    moved = _with_news(case, lambda column: column)
    news = moved.view.survey.news
    turned = replace(news, symbol=((news.symbol + by) % m).astype(np.int32))
    survey = replace(moved.view.survey, news=turned)
    return replace(moved, view=replace(moved.view, survey=survey))


def _with_news(case: Case, change: Callable[[Any], Any]) -> Case:
    news = case.view.survey.news
    changed = NewsBatch(**{name: change(column) for name, column in vars(news).items()})
    survey = replace(case.view.survey, news=changed)
    return replace(case, view=replace(case.view, survey=survey))


def _entry(view: MarketView, row: int, side: int, of: float) -> Entry:
    n = int(view.base.count[row])
    back = max(0, n - 5)
    paid = of * float(np.nan_to_num(view.base.close[row, n - 1], nan=1.0))
    first_ns = int(view.base.ts_ns[row, back])
    return Entry(
        entry_id="0" * 16,
        signal_id="0" * 16,
        symbol=int(view.symbols[row]),
        side=side,
        decided_ns=first_ns,
        quantity=100,
        leg_quantity=(50, 50),
        limit=paid,
        stop=paid * (1 - 0.02 * side),
        target_1=paid * (1 + 0.03 * side),
        target_2=paid * (1 + 0.06 * side),
        expires_ns=view.asof_ns,
        catalyst_score=60.0,
        confidence=60.0,
        filled=100,
        leg_filled=(50, 50),
        cost_micro=round(paid * 1e6) * 100,
        extreme=float(view.base.high[row, back:n].max()),
        first_fill_ns=first_ns,
        bars_held=n - back,
    )


def panel_of(case: Case) -> BarPanel:
    """Return the panel that a case reads its bars from."""
    return case.view.base if case.frame < 0 else case.view.frames[case.frame]
