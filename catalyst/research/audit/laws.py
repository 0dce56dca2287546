"""The laws of a component, tried on real views and on hostile ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from catalyst.errors import CatalystError
from catalyst.research.audit.cases import (
    PANEL_KINDS,
    Case,
    cases_of,
    panel_of,
    with_news_moved,
    with_news_of,
)
from catalyst.research.audit.variations import hostile
from catalyst.strategy.components import Component
from catalyst.strategy.params import Params
from catalyst.strategy.values import Floats, MarketView

LAWS = ("loads", "purity", "result", "subset", "causality", "repeat")
"""Names of what a component is held to, in the order in which it is tried."""

#: BLAS takes sums in another order for another number of rows: other last bits are no leak.
TOLERANCE = 1e-9
_TRIED = 12
_COARSE = 8
_SPIKED = 2
_SPIKES = (3.0, 0.3)
_FILLINGS = (float("nan"), 1e6, -1.0)
_ANY_BARS = ("patterns", "exits")


@dataclass(frozen=True)
class Finding:
    """Say how a component breaks a law.

    Attributes
    ----------
    law
        One of `LAWS`.
    what
        A sentence.
    serious
        False for a note: worth knowing, no breach.
    """

    law: str
    what: str
    serious: bool = True


def results(
    component: Component, kind: str, views: Sequence[MarketView], params: Params
) -> Iterator[Finding]:
    """Yield what is wrong with a component's results on real views and on hostile ones."""
    for view in views:
        for case in cases_of(kind, view, params):
            fault = _fault(component, case)
            if fault:
                yield Finding("result", fault)
                return
    least = 1 if kind in _ANY_BARS else params.technical.bars_min
    failed: dict[str, Finding] = {}
    for view in (*views[:1], *views[-1:]):
        for what, other, possible in hostile(view, least):
            certain = possible or (kind in _ANY_BARS and what.endswith(("bars", "bar")))
            for case in cases_of(kind, other, params):
                fault = _fault(component, case)
                if fault:
                    hint = "" if certain else "; no lake and no funnel lets that through"
                    told = f"with {what} it {fault.partition(', ')[2] or fault}{hint}"
                    failed.setdefault(what, Finding("result", told, certain))
                    break
    yield from failed.values()


def subset(component: Component, cases: Sequence[Case]) -> Iterator[Finding]:
    """Yield how other symbols change a symbol's result."""
    for case in cases[:_TRIED]:
        whole = _asked(component, case)
        if whole is None:
            continue
        for told, other, expected in _fewer(case, whole):
            found = _asked(component, other)
            fault = _difference(expected, found)
            if fault:
                serious = fault != "bits"
                yield Finding(
                    "subset",
                    f"its result for a symbol changes when {told}: "
                    + (fault if serious else "in the last bits only, as sums of BLAS do"),
                    serious,
                )
                return


def _fewer(case: Case, whole: Floats) -> Iterator[tuple[str, Case, Floats]]:
    k = len(case.view.symbols)
    if case.kind == "catalyst_score":
        for symbol in np.unique(case.view.survey.news.symbol)[:_TRIED].tolist():
            rest = np.zeros_like(whole)
            rest[symbol] = whole[symbol]
            yield "only its own news is left", with_news_of(case, symbol), rest
        moved = np.roll(whole, 1, axis=0)
        yield "the symbols are in another order", with_news_moved(case, 1), moved
        return
    if case.row >= 0:
        alone = np.array([case.row])
        yield "the other symbols are gone or different", case.of(alone), whole
        return
    if k > 1:
        for rows in ([0], [k - 1], list(range(1, k)), list(range(0, k, 2))):
            at = np.array(rows)
            yield "the other symbols are gone or different", case.of(at), whole[at]
        yield "the symbols are in another order", case.turned(), whole[::-1]


def causality(component: Component, cases: Sequence[Case]) -> Iterator[Finding]:
    """Yield how what lies behind ``count``, which no bar has filled yet, changes a result."""
    if cases and cases[0].kind not in PANEL_KINDS:
        return
    for case in cases[:_TRIED]:
        roomy = case.with_room()
        value = _asked(component, roomy)
        for filling in _FILLINGS:
            found = _asked(component, roomy.behind(filling))
            fault = _difference(value, found)
            if fault and fault != "bits":
                yield Finding(
                    "causality",
                    f"it reads behind count, where no bar is: with {filling:g} there, {fault}; "
                    "take [row, :count[row]] first",
                )
                return


def reach(
    component: Component, cases: Sequence[Case], *, tolerance: float = 0.0
) -> tuple[int, int]:
    """Return how many bars a component reads, and how many it was given.

    Parameters
    ----------
    component
        The component.
    cases
        Real calls.
    tolerance
        Relative change up to which a result counts as the same; 0 asks for the bit.

    Returns
    -------
    reads, given
        The least number of last bars from which on no result changes; 0 where none is read.
        ``reads == given``: every bar that it is given.
    """
    reads = given = 0
    for case in cases:
        if case.kind not in PANEL_KINDS or not len(case.view.symbols):
            continue
        panel = panel_of(case)
        rows = slice(None) if case.row < 0 else slice(case.row, case.row + 1)
        full = int(panel.count[rows].max())
        given = max(given, full)
        reads = max(reads, _reads(component, case, full, tolerance))
    # What says yes or no seldom turns when a bar is missing; it does when that bar is another.
    step = max(1, len(cases) // _SPIKED)
    for case in cases[::step] if given else ():
        reads = max(reads, _touched(component, case, given, reads))
    return reads, given


def _touched(component: Component, case: Case, given: int, known: int) -> int:
    whole = _asked(component, case)
    for back in range(given - 1, known - 1, -1):
        for factor in _SPIKES:
            if _difference(whole, _asked(component, case.spiked(back, factor))):
                return back + 1
    return known


def _reads(component: Component, case: Case, full: int, tolerance: float) -> int:
    whole = _asked(component, case)

    def same(n: int) -> bool:
        found = _asked(component, case.last(n))
        fault = _difference(whole, found, tolerance=tolerance)
        return not fault

    # Most results change at every length below what is read: a coarse way down, then a fine one up.
    n, none = full - 1, 0 if case.kind == "patterns" else -1
    while n > none and same(n):
        n -= _COARSE if n > _COARSE else 1
    if n == none:
        return n + 1
    for m in range(min(n + _COARSE, full) - 1, n, -1):
        if not same(m):
            return m + 1
    return n + 1


def _asked(component: Component, case: Case) -> Floats | None:
    try:
        with np.errstate(all="ignore"):
            return case.asked(component)
    except CatalystError:
        return None


def _fault(component: Component, case: Case) -> str:
    try:
        with np.errstate(all="ignore"):
            case.asked(component)
    except CatalystError as error:
        return str(error).removeprefix(f"component {component.name}, ")
    return ""


def _difference(
    before: Floats | None, after: Floats | None, *, tolerance: float | None = None
) -> str:
    if before is None or after is None:
        return "" if before is after else "it fails on one of the two"
    if before.shape != after.shape:
        return f"it gives {after.shape[0]} results instead of {before.shape[0]}"
    if np.array_equal(before, after, equal_nan=True):
        return ""
    gap = np.abs(before - after) / np.maximum(np.abs(before), 1.0)
    gap = np.where(np.isnan(before) & np.isnan(after), 0.0, gap)
    gap = np.where(np.isnan(gap), np.inf, gap)
    at = np.unravel_index(int(gap.argmax()), gap.shape)
    if tolerance is not None:
        return "" if gap[at] <= tolerance else "bits"
    return "bits" if gap[at] <= TOLERANCE else f"{before[at]:g} became {after[at]:g}"
