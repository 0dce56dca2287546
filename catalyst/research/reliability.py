"""How reliable sources have been: the share of good outcomes of their news before an instant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from catalyst.errors import ParamsError
from catalyst.research.features import articles_of
from catalyst.research.learning import NAME, check_base, months_of, outcomes_of
from catalyst.research.result import Result
from catalyst.research.tape import lake_of_run
from catalyst.strategy.clock import DAY_NS, HOUR_NS
from catalyst.strategy.params import CATEGORIES, Params
from catalyst.strategy.values import Floats, MarketState, Session

HALF_LIFE_DAYS = 90.0
"""After so many days an outcome counts half."""
PRIOR_STRENGTH = 10.0
"""Outcomes that a source's prior counts as much as."""
_TAILS = (0.025, 0.975)
_DIGITS = 4
_UNKNOWN = "unknown"
_SCHEMA = {
    "source": pl.String,
    "tier": pl.Int8,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "count": pl.Float64,
    "prior": pl.Float64,
}


@dataclass(frozen=True)
class Prior:
    """Say how fast outcomes are forgotten, and what is believed of a source without any.

    Attributes
    ----------
    half_life_days
        After so many days an outcome counts half; infinite for never.
    strength
        How many outcomes the prior counts as much as, above 0. Its mean is the share of good
        outcomes of all sources together.
    """

    half_life_days: float = HALF_LIFE_DAYS
    strength: float = PRIOR_STRENGTH


DEFAULT = Prior()


@dataclass(frozen=True)
class SourceLearning:
    """Hold how reliable sources were at the opening of each month, and the tier weights from it.

    Attributes
    ----------
    params
        The base variant with tier weights by date.
    tables
        Days since 1970 and the table of `reliability` at that session's 04:00, ascending.
    weights
        Tier weights in effect from each of these sessions on.
    """

    params: Params
    tables: tuple[tuple[int, pl.DataFrame], ...]
    weights: tuple[tuple[float, ...], ...]


def observations_of(result: Result) -> pl.DataFrame:
    """Return what each signal's outcome says of the sources of its articles.

    Parameters
    ----------
    result
        A run with its lake.

    Returns
    -------
    DataFrame
        ``source``, ``tier``, ``label`` (0, 1), ``count`` (the source's share of the signal's news
        by weight, times the label's uniqueness) and ``known_ns`` (ns UTC); a row a signal and
        source, in the order of signals, then by source.
    """
    labelled = outcomes_of(result).filter(pl.col("label").is_not_null())
    labelled = labelled.select("signal_id", "label", "known_ns", "uniqueness")
    own = result.signals.join(labelled.select("signal_id"), on="signal_id", how="semi")
    rows = articles_of(own, lake_of_run(result))
    if not rows.height:
        kinds = {"source": pl.String, "tier": pl.Int8, "label": pl.Int8}
        return pl.DataFrame(schema={**kinds, "count": pl.Float64, "known_ns": pl.Int64})
    weight = _article_weights(rows, result.params)
    place = rows["place"].to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], place[1:] != place[:-1]]))
    total = np.add.reduceat(weight, starts)
    sizes = np.diff(np.concatenate([starts, [len(place)]]))
    share = np.divide(
        weight, np.repeat(total, sizes), out=np.zeros(len(weight)), where=weight > 0.0
    )
    named = rows.select(
        "place", "signal_id", "tier", source=pl.col("source").fill_null(_UNKNOWN)
    ).with_columns(share=share)
    # A signal's articles of one source lie apart; their shares are few, and added in order.
    summed = (
        named.sort("place", "source", maintain_order=True)
        .group_by("place", "signal_id", "source", maintain_order=True)
        .agg(pl.col("tier").min(), pl.col("share"))
        .with_columns(pl.col("share").list.sum())
    )
    return summed.join(labelled, on="signal_id", maintain_order="left").select(
        "source",
        "tier",
        "label",
        "known_ns",
        count=pl.col("share") * pl.col("uniqueness"),
    )


def _article_weights(rows: pl.DataFrame, params: Params) -> Floats:
    """Weigh articles as section 3 of the specification does, all at once."""
    tiers, by_category, other, states, first, copy = params.catalyst.arrays
    masks = np.stack([rows["categories"].list.contains(name).to_numpy() for name in CATEGORIES])
    best = np.where(masks, by_category[:, None], -1.0).max(axis=0)
    codes = {state.label: int(state) for state in MarketState}
    state = rows["market_state"].replace_strict(codes, return_dtype=pl.Int64).to_numpy()
    age_ns = (rows["decided_ns"] - rows["published_at"].cast(pl.Int64)).to_numpy()
    found: Floats = (
        tiers[rows["tier"].to_numpy() - 1]
        * np.exp(-age_ns / (params.catalyst.tau_hours * HOUR_NS))
        * np.where(best >= 0.0, best, other)
        * states[state]
        * np.where(rows["cluster_rank"].to_numpy() == 0, first, copy)
    )
    return found


def reliability(observations: pl.DataFrame, at_ns: int, *, prior: Prior = DEFAULT) -> pl.DataFrame:
    """Return how reliable each source is, by outcomes that were known before an instant.

    Outcomes known at t count ``0.5 ** ((at - t) / half-life)`` times their count. A source's share
    of good ones has the posterior Beta(s m + good, s (1 - m) + bad): m is the share of good ones of
    all sources (after one of each kind), s the prior's strength. Source: the beta-binomial model
    with exponential forgetting (Josang and Ismail, The Beta Reputation System, 2002).

    Parameters
    ----------
    observations
        As `observations_of` gives them.
    at_ns
        The instant, ns UTC; what became known at it or later is not used.
    prior
        Forgetting, and the prior's strength.

    Returns
    -------
    DataFrame
        ``source``, ``tier`` (the latest), ``mean``, ``low``, ``high`` (posterior, central 95 %),
        ``count`` (outcomes, forgotten ones deducted), ``prior`` (m); by source.

    Raises
    ------
    ParamsError
        If half-life or strength is not above 0.
    """
    for name in ("half_life_days", "strength"):
        if not getattr(prior, name) > 0.0:
            raise ParamsError(
                f"{name} of the prior is {getattr(prior, name)!r}; expected a number above 0"
            )
    rows = observations.filter(pl.col("known_ns") < at_ns).sort(
        "source", "known_ns", maintain_order=True
    )
    if not rows.height:
        return pl.DataFrame(schema=_SCHEMA)
    age_days = (at_ns - rows["known_ns"].to_numpy()) / DAY_NS
    counts = rows["count"].to_numpy() * np.exp2(-age_days / prior.half_life_days)
    good = counts * rows["label"].to_numpy()
    names, starts, sizes = np.unique(
        rows["source"].to_numpy().astype(str), return_index=True, return_counts=True
    )
    total, wins = np.add.reduceat(counts, starts), np.add.reduceat(good, starts)
    middle = float((1.0 + good.sum()) / (2.0 + counts.sum()))
    a = prior.strength * middle + wins
    b = prior.strength * (1.0 - middle) + total - wins
    from scipy.stats import beta

    low, high = (beta.ppf(tail, a, b) for tail in _TAILS)
    return pl.DataFrame(
        {
            "source": names.tolist(),
            "tier": rows["tier"].to_numpy()[starts + sizes - 1],
            "mean": a / (a + b),
            "low": low,
            "high": high,
            "count": total,
            "prior": np.full(len(names), middle),
        },
        schema=_SCHEMA,
    )


def tier_weights(table: pl.DataFrame, base: Sequence[float]) -> tuple[float, ...]:
    """Return weights of the five tiers, in proportion to the reliability of their sources.

    A tier's reliability is the mean over its sources by use. The weights are scaled so that their
    mean by use stays as it was: scores keep their meaning. Tiers that nobody used keep theirs.

    Parameters
    ----------
    table
        As `reliability` gives it.
    base
        Weights of tiers 1 to 5 that they replace.

    Returns
    -------
    tuple of float
        In ten-thousandths, at most 10.
    """
    tier, count = table["tier"].to_numpy(), table["count"].to_numpy()
    use = np.array([float(count[tier == t].sum()) for t in range(1, 6)])
    mean = table["mean"].to_numpy()
    told = np.array([float((count * mean)[tier == t].sum()) for t in range(1, 6)])
    level = math.fsum((use * np.array(base)).tolist())
    total = math.fsum(told.tolist())
    if not (total > 0.0 and level > 0.0):
        return tuple(base)
    out = []
    for k in range(5):
        weight = told[k] / use[k] * level / total if use[k] > 0.0 else base[k]
        out.append(min(round(float(weight), _DIGITS), 10.0))
    return tuple(out)


def learn_sources(
    result: Result, months: Sequence[Session] | None = None, *, prior: Prior = DEFAULT
) -> SourceLearning:
    """Learn the reliability of sources at the first session of each month, and tier weights of it.

    Parameters
    ----------
    result
        A run with its lake, from the lake's first session.
    months
        Sessions at whose 04:00 it is learned; None for the first of each month.
    prior
        Forgetting, and the prior's strength.

    Raises
    ------
    ParamsError
        If the run's variant takes effect by date itself.
    """
    base = result.params
    check_base(base)
    observations = observations_of(result)
    tables, weights, entries = [], [], []
    for session in months_of(result) if months is None else months:
        table = reliability(observations, session.pre_ns, prior=prior)
        own = tier_weights(table, base.catalyst.tier_weights)
        tables.append((session.day, table))
        weights.append(own)
        if table.height:
            entries.append((session.day, base.replace(tier_weights=own, variant=NAME)))
    params = replace(base, variant=NAME, by_date=tuple(entries))
    return SourceLearning(params, tuple(tables), tuple(weights))
