"""Heatmaps of a sweep: any two of its parameters, all of its trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from catalyst.data.report.markup import DASH, MINUS, note, percent, section, table, text
from catalyst.data.report.search_page import search_page
from catalyst.research.sweep_axes import Axis
from catalyst.research.sweep_grid import OBJECTIVES

_MOST_LABELS = 12
_BINS = 8
_SHOWN = 25
_FIGURES = {
    "sharpe": ("Sharpe ratio", False),
    "excess_sharpe": ("Sharpe ratio beside the market", False),
    "net_return": ("net return", True),
    "max_drawdown": ("largest drawdown", True),
    "hit_rate": ("hit rate", True),
    "expectancy": ("expectancy, USD a trade", False),
    "turnover": ("turnover", False),
    "n_trades": ("trades", False),
}
_LESS = {name for name, sign in OBJECTIVES.items() if sign < 0} | {"turnover"}
_FOLDS = (
    ("median", "Median"),
    ("mean", "Mean"),
    ("best", "Best"),
    ("worst", "Worst"),
)


def sweep_page(axes: Sequence[Axis], trials: pl.DataFrame, summary: dict[str, Any]) -> str:
    """Write a sweep as one page of HTML that asks for nothing from anywhere.

    Two parameters, the figure, and how the trials that share a cell are taken together are chosen
    in the page. Every title says how many trials there were: the best cell of many is luck until
    shown otherwise.

    Parameters
    ----------
    axes
        What varied.
    trials
        As `catalyst.research.sweep_tables.trials_table` makes it.
    summary
        Content of ``sweep.json``.
    """
    failed = summary["failed"]
    said = f"all {summary['trials']:,} trials" + (f", {failed:,} of which failed" if failed else "")
    heat = {
        "axes": [],
        "trials": [],
        "said": said,
        "figures": [
            {
                "label": label,
                "percent": is_share,
                "less": name in _LESS,
                "values": [_rounded(value) for value in trials[name].to_list()],
            }
            for name, (label, is_share) in _FIGURES.items()
        ],
    }
    columns = [_binned(axis, trials[axis.name]) for axis in axes]
    heat["axes"] = [
        {"name": a.name, "labels": labels} for a, (labels, _) in zip(axes, columns, strict=True)
    ]
    heat["trials"] = [list(places) for places in zip(*(p for _, p in columns), strict=True)]
    span = f"{summary['start']} to {summary['end']}"
    return search_page(
        f"{summary['name']}: {summary['trials']:,} trials",
        f"{summary['grid']['variant']} on {summary['span']['timeframe']} bars, {span}, "
        f"{summary['sessions']:,} sessions; searched by {summary['grid']['search']}.",
        [
            section("verdict", "What luck would reach", verdict(summary)),
            section("heat", "Any two parameters", _choices(axes, summary["objective"])),
            section("best", "The best, one beside the other", _best(axes, trials, summary)),
        ],
        {"charts": {}, "heat": heat},
        synthetic=bool(summary["synthetic"]),
    )


def verdict(summary: dict[str, Any]) -> str:
    """Write what the best of so many trials is worth, as HTML."""
    found, best = summary["honesty"], summary["best"]
    if best is None:
        return note(f"No trial has a figure for {_said(summary['objective'])}.")
    figures = best["figures"]
    ratio, beside = (_number(figures[name]) for name in ("sharpe", "excess_sharpe"))
    first = (
        f"Trial {best['trial']} is the best of {summary['distinct']:,} by "
        f"{_said(summary['objective'])}: net return {_share(figures['net_return'])}, Sharpe ratio "
        f"{ratio}, beside the market {beside}."
    )
    lines: list[str] = []
    if all(value is None for value in found.values()):
        lines.append(
            "There is too little to judge the best by: too few sessions, or trials that don't "
            "differ. What so few sessions show is luck until more do."
        )
    if found["deflated_sharpe"] is not None:
        lines.append(
            f"The best of so many would reach a Sharpe ratio of {_number(found['luck_sharpe'])} by "
            "luck alone. That this one is better than luck has the probability "
            f"{percent(found['deflated_sharpe'])} (deflated Sharpe ratio)."
        )
    if found["overfitting"] is not None:
        lines.append(
            "Chosen in one half of the sessions, the best was below the median in the other in "
            f"{percent(found['overfitting'])} of all ways to halve them (probability of "
            "overfitting; 50 % is pure luck)."
        )
    if found["spa_p_value"] is not None:
        lines.append(
            "If none of them earned more than the market held with as much money, a best this good "
            f"would still be seen with the probability {percent(found['spa_p_value'], 1)} (Hansen)."
        )
    lines.append(
        "This counts the trials of this sweep alone; <code>catalyst ledger</code> counts all that "
        "were ever run on these sessions."
    )
    body = "".join(f"<p>{line}</p>" for line in lines)
    return f'<div class="verdict"><p class="first">{first}</p>{body}</div>'


def _choices(axes: Sequence[Axis], objective: str) -> str:
    names = [text(axis.name) for axis in axes]
    second = min(1, len(names) - 1)
    figure = max(list(_FIGURES).index(objective) if objective in _FIGURES else 0, 0)
    labels = [label for label, _ in _FIGURES.values()]
    picks = (
        _select("figure", "Figure", [(str(k), label) for k, label in enumerate(labels)], figure),
        _select("fold", "Trials in a cell", list(_FOLDS), 0),
        _select("across", "Across", [(str(k), name) for k, name in enumerate(names)], 0),
        _select("up", "Up", [(str(k), name) for k, name in enumerate(names)], second),
    )
    return (
        f'<div class="filter">{"".join(picks)}</div>'
        '<h3 id="heat-title" aria-live="polite"></h3>'
        '<figure><div class="plot tall" role="img" aria-label="Heatmap; the table below holds the '
        'same figures"></div><figcaption>A broad region of good cells says more than one bright '
        "cell. Parameters that are not shown vary within a cell.</figcaption></figure>"
        "<details><summary>The same as a table: figure (trials)</summary>"
        '<div class="scroll" tabindex="0"><table><thead><tr id="heat-head"></tr></thead>'
        '<tbody id="heat-table"></tbody></table></div></details>'
    )


def _select(name: str, label: str, options: list[tuple[str, str]], chosen: int) -> str:
    inside = "".join(
        f'<option value="{value}"{" selected" if k == chosen else ""}>{shown}</option>'
        for k, (value, shown) in enumerate(options)
    )
    return f'<label>{label} <select id="{name}">{inside}</select></label>'


def _best(axes: Sequence[Axis], trials: pl.DataFrame, summary: dict[str, Any]) -> str:
    objective = summary["objective"]
    sign = OBJECTIVES[objective]
    known = trials.filter(pl.col(objective).is_not_null())
    order = known.sort(pl.col(objective) * -sign, "trial", maintain_order=True).head(_SHOWN)
    names = [axis.name for axis in axes]
    heads = ["trial", *map(text, names), *(label for label, _ in _FIGURES.values())]
    rows = [
        [
            str(row["trial"]),
            *(text(_label(row[name])) for name in names),
            *(
                _share(row[name]) if is_share else _number(row[name])
                for name, (_, is_share) in _FIGURES.items()
            ),
        ]
        for row in order.iter_rows(named=True)
    ]
    shown = table(f"The first {len(rows)} of {trials.height:,} by {_said(objective)}", heads, rows)
    failed = trials.filter(pl.col("error").is_not_null())
    if not failed.height:
        return shown
    reasons = [
        [f"{row['len']:,}", text(row["error"])]
        for row in failed.group_by("error")
        .len()
        .sort("len", "error", descending=[True, False])
        .head(_SHOWN)
        .iter_rows(named=True)
    ]
    return shown + table("Trials that could not run, and why", ["trials", "why"], reasons)


def _binned(axis: Axis, values: pl.Series) -> tuple[list[str], list[int]]:
    """Return labels of the values an axis took, and each trial's place among them."""
    if axis.values:
        labels = [_label(axis.shown(value)) for value in axis.values]
        if len(labels) <= _MOST_LABELS or values.dtype == pl.String:
            places = {label: k for k, label in enumerate(labels)}
            return labels, [places[_label(value)] for value in values.to_list()]
    numbers = [float(value) for value in values.to_list()]
    low, high = (axis.low, axis.high) if not axis.values else (min(numbers), max(numbers))
    scale = math.log if axis.log else float
    width = (scale(high) - scale(low)) / _BINS or 1.0
    edges = [scale(low) + k * width for k in range(_BINS + 1)]
    shown = [f"{math.exp(edge) if axis.log else edge:.3g}" for edge in edges]
    labels = [f"{shown[k]} to {shown[k + 1]}" for k in range(_BINS)]
    return labels, [
        min(max(int((scale(number) - edges[0]) / width), 0), _BINS - 1) for number in numbers
    ]


def _said(objective: str) -> str:
    label, _ = _FIGURES.get(objective, (objective.replace("_", " "), False))
    return label


def _share(value: float | None) -> str:
    return percent(value, 2).replace("-", MINUS)


def _label(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:,.2f}".replace("-", MINUS)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
