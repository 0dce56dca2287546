"""Patterns and sources that pay: what followed signals, by what they rest on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from catalyst.research.event_bands import bands
from catalyst.research.forward_returns import horizons_of, named_horizon
from catalyst.research.honesty import benjamini_hochberg
from catalyst.research.pays_rows import PaidRows, paid_rows
from catalyst.research.result import Result
from catalyst.research.tape import tape_of
from catalyst.research.trade_groups import closed_trades, days_held
from catalyst.strategy.values import Floats, Ints

KINDS = ("pattern", "source", "provider", "tier", "category", "keyword")
"""What signals and trades are grouped by."""
MOST = 40
"""Sources, providers and keywords shown: those that most rests on, whatever they earned."""
SEED = 1
_ALIGNED = ("all", "with", "without")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Pays:
    """Hold what followed a run's signals, by pattern, source, tier, category and keyword.

    Attributes
    ----------
    rows : DataFrame
        kind (of `KINDS`), name, catalyst (patterns: ``all``, ``with`` and ``without`` an aligned
        catalyst; else empty), n (detections, or signals that rest on it), share (signals' worth:
        the sum of shares), days, hit_rate, mean, low, high (return in its direction less the
        market's to the horizon, bps, 95 %), p_value, claimed (after Benjamini and Hochberg over all
        rows), trades, pnl_usd (sum), pnl_mean, pnl_low, pnl_high (bps a trade); NaN where unknown.
    horizon
        Of the returns, for people.
    sentences
        What it says, first things first.
    counted : dict of str to int
        What was left out, and how many.
    """

    rows: pl.DataFrame
    horizon: str
    sentences: tuple[str, ...]
    counted: dict[str, int]

    def as_mapping(self) -> dict[str, Any]:
        """Return what a machine may want to read; null where a figure is unknown."""
        rows = self.rows.with_columns(pl.selectors.float().fill_nan(None)).to_dicts()
        return {
            "horizon": self.horizon,
            "sentences": list(self.sentences),
            "counted": self.counted,
            "rows": rows,
        }


def what_pays(result: Result, *, seed: int = SEED, tell: Tell = lambda _: None) -> Pays:
    """Measure what followed a run's signals by pattern, source, tier, category and keyword.

    Everything is joined through ids: a signal names the patterns and articles that made it, a trade
    its signal. A pattern counts once for each of its bars, in its own direction; it is credited
    with a trade if it spoke for it. A signal with several articles counts in each by the share of
    the catalyst score's weight that the article had when the signal was made, so that a copy of a
    story from an unknown account is not taken for what moved the score. A keyword or category of an
    article gets the article's whole share.

    Parameters
    ----------
    result
        A run with its lake.
    seed
        Of the bootstrap.
    tell
        Called with what is being worked out, in a few words.

    Raises
    ------
    InputError
        If the run was opened without its lake.
    """
    tape = tape_of(result)
    tell("returns after signals and patterns")
    found = paid_rows(result, tape)
    horizon = horizons_of(tape)[named_horizon(tape)]
    measured = _Measured(len(tape.sessions), seed, days_held(closed_trades(result)))
    tell("intervals")
    rows = [measured.row(*group) for group in _groups(found)]
    frame = pl.DataFrame(rows, schema=_SCHEMA)
    p_values = frame["p_value"].to_numpy()
    tested = np.isfinite(p_values)
    claimed = np.zeros(len(p_values), np.bool_)
    if tested.any():
        claimed[tested] = benjamini_hochberg(p_values[tested])
    frame = frame.with_columns(claimed=pl.Series(claimed))
    label = horizon.label if horizon.label.startswith("to ") else f"over {horizon.label}"
    counted = {
        "patterns without a direction": found.undirected,
        "pattern bars seen at a later scan": found.repeated,
        "articles that the lake no longer holds": found.lost,
    }
    return Pays(frame, label, _sentences(frame, int(tested.sum()), label), counted)


_FLOATS = ("share", "hit_rate", "mean", "low", "high", "p_value", "pnl_usd", "pnl_mean")
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("kind", "name", "catalyst"), pl.String),
    **dict.fromkeys(("n", "days", "trades"), pl.Int64),
    **dict.fromkeys((*_FLOATS, "pnl_low", "pnl_high"), pl.Float64),
}


def _groups(found: PaidRows) -> Iterator[tuple[str, str, str, pl.DataFrame]]:
    patterns = found.patterns.with_columns(share=pl.lit(1.0))
    for (name,), rows in _by(patterns, "pattern"):
        parts = (rows, rows.filter(aligned=1), rows.filter(pl.col("aligned") != 1))
        for catalyst, part in zip(_ALIGNED, parts, strict=True):
            if part.height:
                yield "pattern", name, catalyst, part
    articles = found.articles
    kinds = {
        "source": articles.with_columns(name=pl.col("source").fill_null("(unknown)")),
        "provider": articles.with_columns(name=pl.col("provider").fill_null("(unknown)")),
        "tier": articles.with_columns(name=pl.format("tier {}", "tier")),
        "category": _each(articles, "categories"),
        "keyword": _each(articles, "keywords"),
    }
    for kind, rows in kinds.items():
        sizes = (
            rows.group_by("name")
            .agg(pl.col("share").sum())
            .sort(pl.col("share").round(9), "name", descending=[True, False])
        )
        shown = sizes["name"].head(MOST).implode()
        for (name,), part in _by(rows.filter(pl.col("name").is_in(shown)), "name"):
            # Several articles of a group are one signal's, by the sum of their shares.
            first = pl.exclude("share", "signal_id").first()
            of_signal = part.group_by("signal_id", maintain_order=True).agg(
                first, pl.col("share").sum()
            )
            yield kind, name, "", of_signal


def _name(one: tuple[tuple[Any, ...], pl.DataFrame]) -> str:
    return str(one[0][0])


def _by(rows: pl.DataFrame, column: str) -> list[tuple[tuple[Any, ...], pl.DataFrame]]:
    return sorted(rows.group_by(column, maintain_order=True), key=_name)


def _each(articles: pl.DataFrame, column: str) -> pl.DataFrame:
    named = pl.when(pl.col(column).list.len() > 0).then(column).otherwise(pl.lit(["(none)"]))
    return articles.with_columns(name=named).explode("name")


@dataclass(frozen=True)
class _Measured:
    n_days: int
    seed: int
    held: int

    def row(self, kind: str, name: str, catalyst: str, rows: pl.DataFrame) -> dict[str, Any]:
        moved = rows["moved"].cast(pl.Float64).fill_null(math.nan).to_numpy()
        share, place = rows["share"].to_numpy(), rows["place"].to_numpy()
        known = np.isfinite(moved)
        found = self._band(moved, place, share, block=1)
        traded = rows.filter(pl.col("pnl").is_not_null())
        pnl = traded["pnl_bps"].cast(pl.Float64).to_numpy()
        weight = traded["share"].to_numpy()
        paid = self._band(pnl, traded["trade_place"].to_numpy(), weight, block=self.held)
        whole = float(share[known].sum())
        hits = float(share[known & (moved > 0)].sum())
        return {
            "kind": kind,
            "name": name,
            "catalyst": catalyst,
            "n": int(known.sum()),
            "share": whole,
            "days": found[4],
            "hit_rate": hits / whole if whole else math.nan,
            "mean": found[0],
            "low": found[1],
            "high": found[2],
            "p_value": found[3],
            "trades": traded.height,
            "pnl_usd": float((traded["pnl"].to_numpy() * weight).sum()),
            "pnl_mean": paid[0],
            "pnl_low": paid[1],
            "pnl_high": paid[2],
        }

    def _band(
        self, values: Floats, place: Ints, weights: Floats, *, block: int
    ) -> tuple[float, float, float, float, int]:
        if not len(values):
            return math.nan, math.nan, math.nan, math.nan, 0
        found = bands(
            values[:, None],
            place.astype(np.int64),
            np.array([block]),
            n_days=self.n_days,
            seed=self.seed,
            weights=weights,
        )
        one = (found.value[0], found.low[0], found.high[0], found.p_value[0])
        return (*(float(x) for x in one), int(found.days[0]))  # type: ignore[return-value]


def _sentences(rows: pl.DataFrame, tested: int, label: str) -> tuple[str, ...]:
    claimed = rows.filter("claimed")
    if not tested:
        said = "no pattern, source or keyword has signals on twenty days"
        return (f"Whether anything pays can't be told: {said}.",)
    first = (
        f"Of {tested:,} patterns, sources, tiers, categories and keywords with signals on twenty "
        f"days or more, {claimed.height or 'none'} moved prices {label}, beside the market and "
        "before costs, after Benjamini and Hochberg's correction for their number."
    )
    if not claimed.height:
        return (first, "What stands out below is what would stand out by luck.")
    words = []
    for verb, part in (
        ("For its signals", claimed.filter(pl.col("mean") > 0)),
        ("Against its signals", claimed.filter(pl.col("mean") < 0)),
    ):
        if part.height:
            best = part.sort("p_value", "kind", "name").head(5)
            named = ", ".join(
                f"{kind} {name}{f' {catalyst} catalyst' if catalyst else ''} ({mean:+.1f} bps)"
                for kind, name, catalyst, mean in best.select(
                    "kind", "name", "catalyst", "mean"
                ).rows()
            )
            words.append(f"{verb}: {named}{' and others' if part.height > 5 else ''}.")
    return (first, *words)
