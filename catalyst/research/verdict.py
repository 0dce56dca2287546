"""What a run shows and what it does not: sentences that the intervals bear out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.report.values import Interval, Verdict
from catalyst.research.bootstrap import FEWEST_DAYS, mean_interval
from catalyst.strategy.values import Floats

_FEW_TRADES = 30
_SHOWN_RULES = 3
_BPS = 1e4


def verdict_of(
    summary: Mapping[str, Any],
    trades: pl.DataFrame,
    curve: pl.DataFrame,
    exposure: Floats,
    beside: Floats,
    *,
    seed: int,
    block: int,
) -> Verdict:
    """Say what a run's closed trades show, against zero and against the benchmarks.

    Parameters
    ----------
    summary
        Of the run.
    trades
        From `catalyst.research.trade_groups.closed_trades`.
    curve
        The run's table ``benchmarks``.
    exposure : float64[sessions]
        Part of the equity that was invested in each session.
    beside : float64[sessions]
        What the market made of as much money (`catalyst.research.outcome.Outcome`).
    seed, block
        Of the bootstrap.
    """
    n = trades.height
    if not n:
        opened = summary["n_trades"]
        if opened:
            text = f"No trade was closed, only {_counted(opened, 'opened')}: nothing to judge yet."
            return Verdict("none", (text, *_synthetic(summary)))
        rules = sorted(summary["binding_rules"], key=lambda r: -r["count"] / max(r["of"], 1))
        reasons = [_sentence(rule["text"]) for rule in rules[:_SHOWN_RULES]]
        text = "There are no trades, so there is nothing to judge."
        return Verdict("none", (text, *reasons, *_synthetic(summary)))
    days = trades["day"].to_numpy()
    usd = mean_interval(trades["pnl"].to_numpy(), days, seed=seed, block=block)
    # By money, as costs are told: small trades don't count like large ones.
    bps = 1e4 * float(trades["pnl"].sum()) / float(trades["entered"].sum())
    few = n < _FEW_TRADES or usd.days < FEWEST_DAYS
    sentences = [
        _first(usd, few=few),
        f"The mean trade {_made(usd.value)} ({bps:+.1f} bps of the money put in); "
        + (
            f"drawing the {usd.days:,} trading days again and again, 95 % of the means lie between "
            f"{_money(usd.low)} and {_money(usd.high)}."
            if math.isfinite(usd.low)
            else f"from {_counted(usd.days, 'day')} there is no interval."
        ),
        *_against(curve, exposure, beside, seed=seed),
        *_one_carries(trades, seed=seed, block=block),
        *_synthetic(summary),
    ]
    tone = "open" if few or usd.sign == 0 else "gain" if usd.sign > 0 else "loss"
    return Verdict(tone, tuple(sentences))


def _first(usd: Interval, *, few: bool) -> str:
    if few:
        return (
            f"No conclusion: {_counted(usd.count, 'closed trade')} on {_counted(usd.days, 'day')} "
            "can't tell an edge from luck."
        )
    if usd.sign == 0:
        return "No edge is shown: the mean profit of a trade can't be told from zero."
    if usd.sign < 0:
        return "This lost money, and more surely than chance explains."
    return (
        "The mean profit of a trade lies above zero in this run. That is not yet an edge: the best "
        "of several variants tried would show the same by luck."
    )


def _against(curve: pl.DataFrame, exposure: Floats, beside: Floats, *, seed: int) -> list[str]:
    if curve.height < FEWEST_DAYS:
        return []
    grown = curve["strategy"].to_numpy()
    returns = grown / np.concatenate([[1.0], grown[:-1]]) - 1.0
    days = np.arange(curve.height, dtype=np.int64)
    found = mean_interval((returns - beside) * _BPS, days, seed=seed)
    told = {1: "it earned more", -1: "it earned less", 0: "it can't be told from it"}[found.sign]
    held = f"all symbols held equally with as much money at the same times ({exposure.mean():.0%}"
    span = f"(95 % from {found.low:+.1f} to {found.high:+.1f})"
    return [
        f"Beside the market, {held} on average), {told}: {found.value:+.1f} bps a session {span}."
    ]


def _one_carries(trades: pl.DataFrame, *, seed: int, block: int) -> list[str]:
    """Say what is left without the best symbol and without the best day."""
    out = []
    total = float(trades["pnl"].sum())
    for column, what in (("symbol", "symbol"), ("day", "day")):
        sums = trades.group_by(column).agg(pl.col("pnl").sum()).sort("pnl", column)
        best = sums.row(sums.height - 1)
        if sums.height < 2 or best[1] <= 0 or total <= 0:
            continue
        rest = trades.filter(pl.col(column) != best[0])
        left = mean_interval(rest["pnl"].to_numpy(), rest["day"].to_numpy(), seed=seed, block=block)
        name = f" {best[0]}" if column == "symbol" else ""
        out.append(
            f"Without its best {what}{name} ({_money(best[1])}) the mean trade "
            f"{_made(left.value)}{_range(left)}."
        )
    return out


def _range(found: Interval) -> str:
    if not math.isfinite(found.low):
        return ""
    return f", 95 % from {_money(found.low)} to {_money(found.high)}"


def _synthetic(summary: Mapping[str, Any]) -> list[str]:
    if not summary["synthetic"]:
        return []
    return ["The market is simulated: whatever stands here says nothing about a real one."]


def _made(value: float) -> str:
    return f"made {_money(value)}" if value >= 0 else f"lost {_money(-value, sign=False)}"


def _money(value: float, *, sign: bool = True) -> str:
    if not math.isfinite(value):
        return "-"
    mark = ("+" if value >= 0 else "-") if sign else ""
    return f"{mark}${abs(value):,.2f}"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 or noun == "opened" else "s")


def _sentence(text: str) -> str:
    text = text.removeprefix("no trades: ")
    return f"{text[0].upper()}{text[1:]}."
