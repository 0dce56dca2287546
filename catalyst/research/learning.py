"""The ``learned`` variant: weights of the scored components, fitted month by month on outcomes."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import polars as pl

from catalyst.data.calendar import day_to_date, sessions
from catalyst.data.lake import Lake
from catalyst.data.search_ledger import DEFAULT, Counting
from catalyst.errors import ParamsError
from catalyst.research.labels import labels
from catalyst.research.logistic import Logistic, non_negative_logistic
from catalyst.research.replay import replay
from catalyst.research.result import Result
from catalyst.strategy.params import Params
from catalyst.strategy.values import Floats, Ints, Session

NAME = "learned"
RARER_MIN = 10.0
"""Outcomes of the rarer kind that a fit needs, counted by uniqueness: two a coefficient. Fewer than
in a free regression (ten; Peduzzi and others 1996), because signs are given and only the weights'
proportions are used."""
_DIGITS = 4
_BREAK = dt.timedelta(days=15)

Progress = Callable[[int, int, dt.date], None]


@dataclass(frozen=True)
class Refit:
    """Hold what one month's fit came to.

    Attributes
    ----------
    day
        First session from which it holds, days since 1970.
    n_labels, effective
        Outcomes known before that session opened, and their number by uniqueness.
    base_rate
        Their mean by uniqueness; NaN without any.
    fit
        None where there were too few.
    weights
        In effect from that session on, one a scored component, adding up to 1; the base variant's
        until the first fit.
    note
        Why the weights before stay; empty where they are new.
    """

    day: int
    n_labels: int
    effective: float
    base_rate: float
    fit: Logistic | None
    weights: tuple[float, ...]
    note: str


@dataclass(frozen=True)
class Learning:
    """Hold what was learned of a lake.

    Attributes
    ----------
    params
        The learned variant: the base variant with its weights by date.
    components
        Names of the scored components, in the order of all weights.
    refits
        One a month, ascending.
    outcomes
        What it was learned from; see `outcomes_of`.
    result
        The base variant's run.
    """

    params: Params
    components: tuple[str, ...]
    refits: tuple[Refit, ...]
    outcomes: pl.DataFrame
    result: Result


def learned_params(
    lake: Lake,
    base: Params,
    *,
    timeframe: str | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    progress: Progress | None = None,
    ledger: Counting = DEFAULT,
) -> Params:
    """Return the learned variant over a base variant: its weights by date, see `learn_from`.

    Parameters
    ----------
    lake
        Bars and news; an audit's remade lake will do.
    base
        The variant whose weights are replaced.
    timeframe, symbols, sources, progress, ledger
        As in `catalyst.research.replay.replay`. The replay of the base variant counts as a trial.
    start
        Without effect: the past before it is learned from, too, so that the weights of a day don't
        depend on where a run begins.
    end
        Last session of the run; months that begin later are not fitted.

    Raises
    ------
    ParamsError
        If the base variant takes effect by date itself.
    """
    del start
    result = base_run(
        lake,
        base,
        timeframe=timeframe,
        end=end,
        symbols=symbols,
        sources=sources,
        progress=progress,
        ledger=ledger,
    )
    return learn_from(result).params


def base_run(
    lake: Lake,
    base: Params,
    *,
    timeframe: str | None = None,
    end: dt.date | None = None,
    symbols: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    progress: Progress | None = None,
    ledger: Counting = DEFAULT,
) -> Result:
    """Replay a base variant from the lake's first session, to learn from; see `learned_params`.

    Raises
    ------
    ParamsError
        If it takes effect by date itself.
    """
    check_base(base)
    # An audit's lake is read through its folder: a replay asks for more than tables.
    whole = lake if isinstance(lake, Lake) else Lake(lake.root)
    return replay(
        whole,
        base,
        timeframe=timeframe,
        end=end,
        symbols=symbols,
        sources=sources,
        progress=progress,
        ledger=ledger,
    )


def check_base(base: Params) -> None:
    """Refuse a variant to learn over that takes effect by date itself.

    Raises
    ------
    ParamsError
        If it does.
    """
    if base.by_date:
        raise ParamsError(
            f"variant {base.variant} takes effect by date already; learn over one that doesn't, "
            "such as spec"
        )


def learn_from(
    result: Result,
    months: Sequence[Session] | None = None,
    *,
    rarer_min: float = RARER_MIN,
) -> Learning:
    """Fit the weights of a variant's scored components to outcomes, month by month.

    At the first session of each month a non-negative logistic regression of the outcome
    (`catalyst.research.labels.labels`) on the scores (divided by 100) is fitted to all signals
    whose outcome was known before that session's 04:00; each counts by its uniqueness, because
    signals of one story overlap. Its coefficients, normalised to 1, are the weights from that
    session on. Where outcomes are too few (`RARER_MIN`), or no coefficient is above 0, the weights
    before stay. Nothing later than a day enters its weights.

    Parameters
    ----------
    result
        A run of the base variant with its lake, from the lake's first session; see `base_run`.
    months
        Sessions at whose 04:00 weights are fitted; None for `months_of` the run.
    rarer_min
        See `RARER_MIN`.

    Raises
    ------
    ParamsError
        If the base variant takes effect by date itself.
    """
    base = result.params
    check_base(base)
    outcomes = outcomes_of(result)
    times = months_of(result) if months is None else months
    weights = tuple(weight for _, weight in base.scored)
    refits = refit(outcomes, times, weights, rarer_min=rarer_min)
    entries = []
    for one in refits:
        if not one.note:
            pairs = zip((c for c, _ in base.scored), one.weights, strict=True)
            entries.append((one.day, base.replace(scored=list(pairs), variant=NAME)))
    return Learning(
        replace(base, variant=NAME, by_date=tuple(entries)),
        tuple(component.name for component, _ in base.scored),
        refits,
        outcomes,
        result,
    )


def months_of(result: Result) -> list[Session]:
    """Return the first session of each month but the first: when weights are fitted.

    The session after the run's last one is among them where it begins a month: what holds from it
    on can be fitted the evening before.
    """
    first, last = (dt.date.fromisoformat(result.summary[name]) for name in ("start", "end"))
    table = sessions(first, last + _BREAK)
    own = len(table.between(first, last)) + 1
    columns = (table.day, table.pre_ns, table.open_ns, table.close_ns, table.post_ns)
    listed = [Session(*row) for row in zip(*(c[:own].tolist() for c in columns), strict=True)]
    return [
        session
        for before, session in pairwise(listed)
        if day_to_date(before.day).month != day_to_date(session.day).month
    ]


def outcomes_of(result: Result) -> pl.DataFrame:
    """Return the signals that some weights would trade, with their scores and outcomes.

    They have a direction that does not fight the news; shorts only where the variant allows them.

    Parameters
    ----------
    result
        A run with its lake.

    Returns
    -------
    DataFrame
        Columns of `catalyst.research.labels.labels` and ``scores`` (list of float64, 0 to 100),
        in the order of ``signals``; rows without a label are in it, their label null.
    """
    signals = result.signals
    fights = (pl.col("outcome") == "hold") & (pl.col("rule") == "fights_catalyst")
    sides = ["long", "short"] if result.params.signal.allow_short else ["long"]
    able = signals.filter(~fights & pl.col("side").is_in(sides)).select("signal_id", "scores")
    return labels(result).join(able, on="signal_id", how="inner", maintain_order="left")


def refit(
    outcomes: pl.DataFrame,
    months: Sequence[Session],
    weights: tuple[float, ...],
    *,
    rarer_min: float = RARER_MIN,
) -> tuple[Refit, ...]:
    """Fit the weights at the opening of each of some sessions, to what was known before.

    Parameters
    ----------
    outcomes
        As `outcomes_of` gives them.
    months
        Sessions, ascending.
    weights
        In effect before the first fit.
    rarer_min
        See `RARER_MIN`.
    """
    x, y, unique, known = arrays(outcomes)
    out = []
    for session in months:
        rows = known < session.pre_ns
        found, note = _fitted(x[rows], y[rows], unique[rows], rarer_min)
        if found is not None and not note:
            weights = normalised(found.weights)
        total = float(unique[rows].sum())
        rate = float((unique[rows] * y[rows]).sum() / total) if total else math.nan
        out.append(Refit(session.day, int(rows.sum()), total, rate, found, weights, note))
    return tuple(out)


def arrays(outcomes: pl.DataFrame) -> tuple[Floats, Floats, Floats, Ints]:
    """Return scores / 100, label, uniqueness and ``known_ns`` of the rows with a label.

    float64[n, k], float64[n] each of 0 and 1 and of 0 to 1, int64[n].
    """
    rows = outcomes.filter(pl.col("label").is_not_null())
    scores = rows["scores"].to_list()
    width = len(scores[0]) if scores else 0
    x = np.array(scores, np.float64).reshape(len(scores), width) / 100.0
    return (
        x,
        rows["label"].cast(pl.Float64).to_numpy(),
        rows["uniqueness"].to_numpy(),
        rows["known_ns"].to_numpy(),
    )


def _fitted(x: Floats, y: Floats, unique: Floats, rarer_min: float) -> tuple[Logistic | None, str]:
    if (count := rarer(y, unique)) < rarer_min:
        what = f"{count:.1f} outcomes of the rarer kind, {rarer_min:g} wanted"
        return None, f"too few outcomes: {what}"
    found = non_negative_logistic(x, y, unique)
    return found, "" if any(normalised(found.weights)) else "no component told outcomes apart"


def rarer(y: Floats, unique: Floats) -> float:
    """Return how many outcomes there are of the rarer kind, by uniqueness."""
    return min(float((unique * y).sum()), float((unique * (1.0 - y)).sum()))


def normalised(weights: Sequence[float]) -> tuple[float, ...]:
    """Scale weights to add up to 1, in ten-thousandths by largest remainders; zeros stay zeros.

    Ten-thousandths are read easily, and hide the last bits of another machine's arithmetic.
    """
    total = math.fsum(weights)
    if not total > 0.0:
        return tuple(0.0 for _ in weights)
    scale = 10**_DIGITS
    exact = [scale * weight / total for weight in weights]
    whole = [math.floor(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda k: (whole[k] - exact[k], k))
    for k in order[: scale - sum(whole)]:
        whole[k] += 1
    return tuple(value / scale for value in whole)


def month_of(outcomes: pl.DataFrame, months: Sequence[Session]) -> Ints:
    """Return the position of the month in which each signal was decided; -1 before the first."""
    decided = outcomes["decided_at"].cast(pl.Int64).to_numpy()
    begins = np.array([session.pre_ns for session in months], np.int64)
    return np.searchsorted(begins, decided, side="right") - 1
