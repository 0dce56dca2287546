"""Variants beside each other: one pass over the data, their figures, and what those show."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from catalyst.data.lake import Lake
from catalyst.data.search_ledger import DEFAULT, Counting, ledger_of
from catalyst.errors import CatalystError, ComponentError, InputError
from catalyst.research.compared import Compared, Comparison
from catalyst.research.result import Result
from catalyst.research.together import Progress, replay_together
from catalyst.research.trial_records import bearing_trials
from catalyst.research.trials import run_trials
from catalyst.strategy.components import Component
from catalyst.strategy.params import COMPONENTS, Params

_HASH_DIGITS = 6


class Extent(TypedDict, total=False):
    """Name the part of a lake, as `catalyst.research.replay.replay` takes it."""

    timeframe: str | None
    start: dt.date | None
    end: dt.date | None
    symbols: Sequence[str] | None
    sources: Sequence[str] | None


def compare(
    lake: Lake,
    variants: Sequence[str | Params],
    *,
    controls: int = 0,
    progress: Progress | None = None,
    ledger: Counting = DEFAULT,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> Comparison:
    """Run variants over a lake in one pass, and say what they show.

    Parameters
    ----------
    lake, timeframe, start, end, symbols, sources, progress, ledger
        As in `catalyst.research.replay.replay`.
    variants
        Names, files, or parameters; at least two.
    controls
        How many random controls of each are run: trades at its own instants, with its exits.

    Raises
    ------
    InputError
        If there are less than two variants, two are the same, or the lake can't be read. A variant
        whose component fails is in the comparison with its error, and the others are whole.
    """
    extent: Extent = {
        "timeframe": timeframe,
        "start": start,
        "end": end,
        "symbols": symbols,
        "sources": sources,
    }
    ready = resolved(lake, variants, **extent)
    ran = run(lake, ready, progress=progress, ledger=ledger, **extent)
    if controls:
        ran = with_controls(lake, ran, controls, progress=progress, **extent)
    return judged(lake, ran, ledger=ledger)


def resolved(
    lake: Lake,
    variants: Sequence[str | Params],
    *,
    settings: Sequence[str] = (),
    **extent: Unpack[Extent],
) -> list[Params]:
    """Return the parameters of variants that are named; see `compare`.

    Parameters
    ----------
    settings
        Single fields laid over each, such as ``screen.price_max=1000``.

    Raises
    ------
    InputError
        If there are less than two, or two of them are the same.
    """
    from catalyst.research.contenders import contender

    if len(variants) < 2:
        raise InputError(
            f"{len(variants)} variant to compare; expected two or more, such as spec pullback"
        )
    ready = [
        one if isinstance(one, Params) else contender(one, lake, settings=settings, **extent)
        for one in variants
    ]
    seen: dict[str, str] = {}
    for params in ready:
        if params.hash in seen:
            raise InputError(
                f"variants {seen[params.hash]} and {params.variant} are the same, to the last "
                f"number (hash {params.hash}); name each once"
            )
        seen[params.hash] = params.variant
    return ready


def run(
    lake: Lake,
    variants: Sequence[Params],
    *,
    progress: Progress | None = None,
    ledger: Counting = DEFAULT,
    **extent: Unpack[Extent],
) -> tuple[Compared, ...]:
    """Run variants in one pass; one whose component fails leaves the others whole.

    Raises
    ------
    InputError
        If the lake can't be read.
    """

    def passed(places: Sequence[int]) -> dict[int, Result | ComponentError]:
        chosen = [variants[k] for k in places]
        try:
            results = replay_together(lake, chosen, progress=progress, ledger=ledger, **extent)
        except ComponentError as error:
            guilty = [k for k in places if error.component in _components(variants[k])]
            if len(places) == 1 or not guilty:
                return dict.fromkeys(places, error)
            innocent = [k for k in places if k not in guilty]
            # Each by itself: with other numbers the same component need not fail.
            apart: dict[int, Result | ComponentError] = {}
            if len(guilty) == 1:
                apart[guilty[0]] = error
            for k in guilty if not apart else ():
                apart |= passed([k])
            return apart | (passed(innocent) if innocent else {})
        return dict(zip(places, results, strict=True))

    found = passed(range(len(variants)))
    names = _names(variants)
    return tuple(
        Compared(name, params, error=str(made))
        if isinstance(made, CatalystError)
        else Compared(name, params, made)
        for name, params, made in zip(
            names, variants, (found[k] for k in range(len(variants))), strict=True
        )
    )


def with_controls(
    lake: Lake,
    variants: Sequence[Compared],
    count: int,
    *,
    progress: Progress | None = None,
    **extent: Unpack[Extent],
) -> tuple[Compared, ...]:
    """Add random controls to variants: trades at each one's own instants, with its exits and costs.

    They are no trials: nobody would choose one.

    Parameters
    ----------
    count
        How many of each, seeds 1, 2, ...
    """
    from catalyst.research.controls import matched

    seeds = range(1, count + 1)
    whole = [one for one in variants if one.result is not None]
    random = [matched(one.result, seed=seed) for one in whole if one.result for seed in seeds]
    outcomes = iter(run_trials(lake, random, progress=progress, ledger=None, **extent))
    found = {one.name: tuple(next(outcomes) for _ in seeds) for one in whole}
    return tuple(replace(one, controls=found.get(one.name, ())) for one in variants)


def judged(lake: Lake, variants: Sequence[Compared], *, ledger: Counting = DEFAULT) -> Comparison:
    """Judge variants alone and as a set, by all trials that the ledger counted on this data."""
    from catalyst.research.edge_comparison import compare_edges

    results = [one.result for one in variants if one.result is not None]
    counting = ledger_of(ledger)
    if not results:
        return Comparison(tuple(variants))
    trials = bearing_trials(results[0].summary, lake, counting) if counting is not None else []
    edges = compare_edges(results, trials=trials)
    found = zip(edges.edges, edges.stands, strict=True)
    out = []
    for one in variants:
        if one.result is None:
            out.append(one)
        else:
            edge, stands = next(found)
            out.append(replace(one, edge=edge, stands=stands))
    return Comparison(tuple(out), edges)


def _components(params: Params) -> set[str]:
    """Name the components of a variant."""
    found: set[str] = set()
    for name in COMPONENTS:
        value = getattr(params, name)
        several = value if isinstance(value, tuple) else (value,)
        # Scored components stand with their weights.
        parts = [one[0] if isinstance(one, tuple) else one for one in several]
        found |= {one.name for one in parts if isinstance(one, Component)}
    return found


def _names(variants: Sequence[Params]) -> list[str]:
    counts = Counter(params.variant for params in variants)
    return [
        p.variant if counts[p.variant] == 1 else f"{p.variant}-{p.hash[:_HASH_DIGITS]}"
        for p in variants
    ]
