"""An event study as tables: curves by group, figures at few horizons, and the one named test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.variants import load
from catalyst.research.event_bands import Bands, bands, blocks_for
from catalyst.research.event_choice import is_signed, labels_of
from catalyst.research.event_paths import DAYS, Paths
from catalyst.research.honesty import benjamini_hochberg
from catalyst.strategy.params import CATEGORIES
from catalyst.strategy.values import Flags, Floats, Ints

CLOCKS = ("known", "published")
SHOWN = {"close": 0, "day_1": 1, "day_5": 5}
"""Horizons of the table, in sessions after that of bar 0."""
_BPS = 1e4
_FIRST_HOUR = 60


@dataclass(frozen=True)
class Named:
    """Hold the test that was named beforehand.

    Attributes
    ----------
    word
        ``supported``, ``not shown`` or ``contradicted``.
    sentence
        What it says, for people.
    value, low, high
        Mean abnormal return from bar 0 to the close of its session, in the direction of the
        sentiment, each event weighing as its source's tier and its category do in the catalyst
        score, bps, before costs; NaN where too few days leave nothing to say.
    p_value
        Two-sided.
    count, days
        Events with a direction, and their days.
    """

    word: str
    sentence: str
    value: float
    low: float
    high: float
    p_value: float
    count: int
    days: int


@dataclass(frozen=True)
class _Means:
    """Work out bands of groups over the same sessions."""

    paths: Paths
    direction: Floats
    place: Ints
    n_days: int
    seed: int

    def returns(self, values: Floats, rows: Ints, blocks: Ints, *, signed: bool) -> Bands:
        sign = self.direction[rows] if signed else np.ones(len(rows))
        used = sign != 0.0
        rows, sign = rows[used], sign[used]
        return self.volumes(values * 1.0, rows, blocks, scale=sign[:, None] * _BPS)

    def named(self, weights: Floats) -> Bands:
        used = np.flatnonzero(weights * self.direction != 0.0)
        values = self.paths.days["known"][used][:, SHOWN["close"] == DAYS]
        return bands(
            values * self.direction[used, None] * _BPS,
            self.place[used],
            np.ones(1, np.int64),
            n_days=self.n_days,
            seed=self.seed,
            weights=weights[used],
        )

    def volumes(
        self, values: Floats, rows: Ints, blocks: Ints, *, scale: Floats | float = 1.0
    ) -> Bands:
        return bands(
            values[rows] * scale, self.place[rows], blocks, n_days=self.n_days, seed=self.seed
        )


def studied(
    events: pl.DataFrame, paths: Paths, by: Sequence[str], *, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame, Named]:
    """Return curves, table and the named test of events that all have a bar 0.

    Returns
    -------
    curves : DataFrame
        grouping, group, clock, measure (abnormal_return, bps; abnormal_volume, multiples of the
        usual), unit (minute, day), horizon, signed, value, low, high, events, days.
    table : DataFrame
        grouping, group, signed, events, days, and of ``before``, each horizon of `SHOWN` and
        ``volume`` (first hour, or the session with daily bars) value, low, high; p_value of the
        close, and claimed: after Benjamini and Hochberg over all groups.
    named : Named
    """
    first = int(paths.session.min()) if len(paths.session) else 0
    place = paths.session - first
    n_days = int(place.max()) + 1 if len(place) else 1
    direction = events["direction"].cast(pl.Float64).to_numpy()
    means = _Means(paths, direction, place, n_days, seed)
    curves: list[pl.DataFrame] = []
    rows: list[dict[str, Any]] = []
    for grouping in ("all", *by):
        labels = labels_of(events, grouping)
        for (group,), part in sorted(labels.group_by("group"), key=lambda one: str(one[0][0])):
            at = np.sort(part["row"].to_numpy()).astype(np.int64)
            told = {"grouping": grouping, "group": str(group), "signed": is_signed(grouping)}
            curves += _curves(means, at, told)
            rows.append(_row(means, at, told))
    table = pl.DataFrame(rows, infer_schema_length=None)
    table = table.with_columns(claimed=pl.Series(_claimed(table)))
    found = means.named(_weights(events))
    return pl.concat(curves), table, _named(found, daily=not len(paths.minutes))


def _weights(events: pl.DataFrame) -> Floats:
    """Return what the catalyst score makes of tier and category; 0 for a repeat of a story."""
    tiers, by_category, other, *_ = load("spec").catalyst.arrays
    named = dict(zip(CATEGORIES, by_category.tolist(), strict=True))
    best = [
        max((named[c] for c in kinds if c in named), default=float(other))
        for kinds in events["categories"].to_list()
    ]
    tier = events["tier"].cast(pl.Int64).to_numpy()
    weights: Floats = tiers[tier - 1] * np.array(best) * events["alone"].to_numpy()
    return weights


def _curves(means: _Means, at: Ints, told: Mapping[str, Any]) -> list[pl.DataFrame]:
    paths, out = means.paths, []
    ones = np.ones(len(paths.minutes), np.int64)
    for clock in CLOCKS:
        for unit, horizons, blocks, gains, volumes in (
            ("minute", paths.minutes, ones, paths.minute_paths, paths.minute_volumes),
            ("day", DAYS, blocks_for(DAYS), paths.days, paths.day_volumes),
        ):
            if not len(horizons):
                continue
            found = (
                ("abnormal_return", means.returns(gains[clock], at, blocks, signed=told["signed"])),
                ("abnormal_volume", means.volumes(volumes[clock], at, blocks)),
            )
            for measure, one in found:
                frame = pl.DataFrame(
                    {
                        "horizon": horizons,
                        "value": one.value,
                        "low": one.low,
                        "high": one.high,
                        "events": one.count,
                        "days": one.days,
                    }
                )
                constants = {**told, "clock": clock, "measure": measure, "unit": unit}
                out.append(
                    frame.select(
                        *(pl.lit(value).alias(name) for name, value in constants.items()),
                        *frame.columns,
                    )
                )
    return out


def _row(means: _Means, at: Ints, told: Mapping[str, Any]) -> dict[str, Any]:
    paths, signed = means.paths, bool(told["signed"])
    one = np.ones(1, np.int64)
    shown = {"before": means.returns(paths.before[:, None], at, one, signed=signed)}
    for name, day in SHOWN.items():
        values = paths.days["known"][:, day == DAYS]
        shown[name] = means.returns(values, at, blocks_for(np.array([day])), signed=signed)
    if len(paths.minutes):
        hour = (paths.minutes > 0) & (paths.minutes <= _FIRST_HOUR)
        volume = _mean_of(paths.minute_volumes["known"][:, hour])
    else:
        volume = paths.day_volumes["known"][:, DAYS == 0]
    shown["volume"] = means.volumes(volume, at, one)
    close = shown["close"]
    out: dict[str, Any] = {**told, "events": int(close.count[0]), "days": int(close.days[0])}
    for name, found in shown.items():
        out |= {
            name: float(found.value[0]),
            f"{name}_low": float(found.low[0]),
            f"{name}_high": float(found.high[0]),
        }
    return out | {"p_value": float(close.p_value[0])}


def _mean_of(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean[:, None]


def _claimed(table: pl.DataFrame) -> Flags:
    """Control the share of false claims among all groups; the whole is no group of them."""
    p_values = table["p_value"].to_numpy()
    asked = np.isfinite(p_values) & (table["grouping"] != "all").to_numpy()
    out = np.zeros(len(p_values), np.bool_)
    if asked.any():
        out[asked] = benjamini_hochberg(p_values[asked])
    return out


def _named(found: Bands, *, daily: bool) -> Named:
    value, low, high = (float(x[0]) for x in (found.value, found.low, found.high))
    count, days = int(found.count[0]), int(found.days[0])
    word = "supported" if low > 0 else "contradicted" if high < 0 else "not shown"
    span = "over one day" if daily else "to the close"
    events = f"{count:,} events on {days:,} days"
    if not math.isfinite(low):
        mean = f"mean {value:+.1f} bps, but " if math.isfinite(value) else ""
        said = f"{mean}only {events} with a direction and a price: too few for an interval"
    else:
        said = (
            f"from the first price one could have had {span}, in the direction of the news and "
            f"beside the market, {value:+.1f} bps before costs, 95 % from {low:+.1f} to "
            f"{high:+.1f}, {events}, each weighing by source and category as in the catalyst score"
        )
    sentence = f"edge: {word}: {said}."
    return Named(word, sentence, value, low, high, float(found.p_value[0]), count, days)
