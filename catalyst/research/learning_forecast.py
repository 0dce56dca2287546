"""Probabilities of an outcome, each made before it was known, and whether they were worth it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from catalyst.data.report.values import Interval
from catalyst.research.bootstrap import mean_interval
from catalyst.research.learning import (
    RARER_MIN,
    Learning,
    arrays,
    month_of,
    rarer,
)
from catalyst.research.logistic import Logistic, non_negative_logistic
from catalyst.strategy.clock import DAY_NS, MINUTE_NS
from catalyst.strategy.values import Flags, Floats, Ints, Session

_BINS = 5
_SURE = 1e-6
"""No probability nearer to 0 or 1 is believed: one miss would cost an infinite loss."""

Predict = Callable[[int, Flags, Flags], Floats | None]


@dataclass(frozen=True)
class Bin:
    """Hold signals of similar probability: its mean, and how many of them succeeded.

    Attributes
    ----------
    low, high
        Least and largest probability.
    forecast
        Mean probability.
    observed
        Share of successes with its 95 % interval, days drawn with replacement.
    """

    low: float
    high: float
    forecast: float
    observed: Interval


@dataclass(frozen=True)
class Forecasts:
    """Hold how good probabilities were that were made before the outcome was known.

    Attributes
    ----------
    rows
        A row a signal: ``signal_id``, ``symbol``, ``decided_at``, ``day`` (days since 1970),
        ``label``, ``base_rate`` (share of successes known before the month), ``raw`` (the model's
        probability), ``probability`` (calibrated on earlier forecasts; the same as ``raw`` until
        there are enough).
    stories
        Pairs of symbol and day; losses are means over a story first.
    brier, brier_base
        Mean squared error of the probability, and of the base rate.
    log_loss, log_loss_base
        Mean log loss of both.
    gain
        Log loss of the base rate less that of the probability, with its 95 % interval: above zero
        where the probability was worth more than knowing the base rate.
    bins
        The calibration table, by probability.
    """

    rows: pl.DataFrame
    stories: int
    brier: float
    brier_base: float
    log_loss: float
    log_loss_base: float
    gain: Interval
    bins: tuple[Bin, ...]

    @property
    def sentence(self) -> str:
        """Say whether the probabilities beat the base rate."""
        if not self.rows.height:
            return (
                "Whether outcomes could be foretold can't be told: no month had enough outcomes "
                "before it and signals in it."
            )
        figures = (
            f"log loss {self.log_loss:.4f} against {self.log_loss_base:.4f}, "
            f"{self.rows.height:,} signals of {self.stories:,} stories on {self.gain.days:,} days"
        )
        if not math.isfinite(self.gain.low):
            return (
                f"Whether the forecasts beat the base rate can't be told yet: too few days "
                f"({figures})."
            )
        verb = {1: "beat", 0: "did not measurably beat", -1: "were worse than"}[self.gain.sign]
        return (
            f"Out of sample the forecasts {verb} the base rate: {figures}, gain "
            f"{self.gain.value:+.4f}, 95 % from {self.gain.low:+.4f} to {self.gain.high:+.4f}."
        )


def forecasts_of(learning: Learning, months: Sequence[Session], *, seed: int) -> Forecasts:
    """Return the probabilities that each month's fit gave to the signals of that month.

    Parameters
    ----------
    learning
        What was learned.
    months
        The sessions at which it was fitted; see `catalyst.research.learning.months_of`.
    seed
        Of the bootstrap.
    """
    x, *_ = arrays(learning.outcomes)

    def predict(k: int, _train: Flags, test: Flags) -> Floats | None:
        fit = learning.refits[k].fit
        return None if fit is None else fit.probability(x[test])

    return walk_forward(learning.outcomes, months, predict, seed=seed)


def walk_forward(
    outcomes: pl.DataFrame, months: Sequence[Session], predict: Predict, *, seed: int
) -> Forecasts:
    """Let a model foretell each month from what was known before it, and weigh the result.

    Probabilities are calibrated by a non-negative logistic regression of the outcome on the log
    odds (Platt 1999), fitted to forecasts of earlier months whose outcome was known. A signal whose
    outcome is not known when a month begins is in no fit of that month: that is the purge.

    Parameters
    ----------
    outcomes
        As `catalyst.research.learning.outcomes_of` gives them.
    months
        First sessions of months, ascending.
    predict
        ``predict(k, train, test)``: position of the month, rows to learn from and to foretell, both
        bool[n] over the rows with a label; probabilities of the latter, or None if it can't.
    seed
        Of the bootstrap.
    """
    rows = outcomes.filter(pl.col("label").is_not_null())
    _, y, unique, known = arrays(outcomes)
    month = month_of(rows, months)
    raw, probability, base = (np.full(len(y), np.nan) for _ in range(3))
    for k, session in enumerate(months):
        train, test = known < session.pre_ns, month == k
        found = predict(k, train, test) if test.any() and train.any() else None
        if found is None:
            continue
        raw[test] = np.clip(found, _SURE, 1.0 - _SURE)
        base[test] = float((unique[train] * y[train]).sum() / unique[train].sum())
        earlier = train & np.isfinite(raw) & (month < k)
        probability[test] = _calibrated(raw, y, unique, earlier)(raw[test])
    made = np.isfinite(raw)
    kept = rows.filter(pl.Series(made)).select(
        "signal_id",
        "symbol",
        "decided_at",
        "label",
        day=pl.col("decided_at").dt.convert_time_zone("America/New_York").dt.date().cast(pl.Int64),
        base_rate=pl.Series(base[made]),
        raw=pl.Series(raw[made]),
        probability=pl.Series(probability[made]),
    )
    return _weighed(kept, seed=seed, block=_reach(rows))


def _calibrated(raw: Floats, y: Floats, unique: Floats, rows: Flags) -> Callable[[Floats], Floats]:
    if rarer(y[rows], unique[rows]) < RARER_MIN:
        return lambda values: values
    fit = non_negative_logistic(_log_odds(raw[rows]), y[rows], unique[rows])
    return lambda values: _bounded(fit, values)


def _bounded(fit: Logistic, values: Floats) -> Floats:
    found: Floats = np.clip(fit.probability(_log_odds(values)), _SURE, 1.0 - _SURE)
    return found


def _log_odds(values: Floats) -> Floats:
    found: Floats = np.log(values / (1.0 - values))[:, None]
    return found


def _reach(rows: pl.DataFrame) -> int:
    """Return over how many days most outcomes reach."""
    if not rows.height:
        return 1
    minutes = float(np.quantile(rows["holding_minutes"].to_numpy(), 0.9))
    return max(1, math.ceil(minutes * MINUTE_NS / DAY_NS))


def _weighed(rows: pl.DataFrame, *, seed: int, block: int) -> Forecasts:
    y = rows["label"].cast(pl.Float64).to_numpy()
    p, base = rows["probability"].to_numpy(), rows["base_rate"].to_numpy()
    losses = {
        "brier": (p - y) ** 2,
        "brier_base": (base - y) ** 2,
        "log_loss": _log_loss(p, y),
        "log_loss_base": _log_loss(base, y),
    }
    story, day = _stories(rows)
    means = {name: _mean_of(loss, story, len(day)) for name, loss in losses.items()}
    gain = mean_interval(means["log_loss_base"] - means["log_loss"], day, seed=seed, block=block)
    figures = {name: float(loss.mean()) if len(loss) else math.nan for name, loss in means.items()}
    bins = tuple(_bins(p, y, rows["day"].to_numpy(), seed=seed, block=block))
    return Forecasts(rows, len(day), gain=gain, bins=bins, **figures)


def _log_loss(p: Floats, y: Floats) -> Floats:
    found: Floats = -np.log(np.where(y > 0.0, p, 1.0 - p))
    return found


def _stories(rows: pl.DataFrame) -> tuple[Ints, Ints]:
    """Return the story of each row, and the day of each story."""
    story = rows.select(pl.struct("symbol", "day").rank("dense") - 1).to_series().cast(pl.Int64)
    number = story.to_numpy()
    _, first = np.unique(number, return_index=True)
    return number, rows["day"].to_numpy()[first]


def _mean_of(values: Floats, group: Ints, groups: int) -> Floats:
    found: Floats = np.bincount(group, values, groups) / np.bincount(group, minlength=groups)
    return found


def _bins(p: Floats, y: Floats, day: Ints, *, seed: int, block: int) -> list[Bin]:
    if not len(p):
        return []
    edges = np.unique(np.quantile(p, np.arange(1, _BINS) / _BINS))
    place = np.searchsorted(edges, p, side="right")
    out = []
    for k in np.unique(place).tolist():
        own = place == k
        observed = mean_interval(y[own], day[own], seed=seed, block=block)
        out.append(Bin(float(p[own].min()), float(p[own].max()), float(p[own].mean()), observed))
    return out
