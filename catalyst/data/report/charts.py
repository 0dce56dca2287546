"""The report's charts as plotly figures; colours are names that the page turns into its theme's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.calendar import NEW_YORK
from catalyst.data.report.values import Interval, ScoreTable, Stage

Chart = dict[str, Any]
_MOST_POINTS = 1_500
_LINES = (
    ("strategy", "strategy", "@strategy", "solid", 2.4),
    ("buy_and_hold", "buy and hold", "@held", "dash", 1.6),
    ("equal_weight", "equal weight", "@equal", "dot", 1.8),
)


def equity_chart(curve: pl.DataFrame) -> Chart:
    """Draw growth above and drawdown below, of the strategy and both benchmarks."""
    step = max(-(-curve.height // _MOST_POINTS), 1)
    rows = [*range(0, curve.height, step)]
    if curve.height and rows[-1] != curve.height - 1:
        rows.append(curve.height - 1)
    days = [f"{at.astimezone(NEW_YORK):%Y-%m-%d}" for at in curve["ts"]]
    data = []
    for place, below in (("y", False), ("y2", True)):
        for name, label, colour, dash, width in _LINES:
            growth = curve[name].to_numpy()
            values = growth / np.maximum.accumulate(np.maximum(growth, 1.0)) if below else growth
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines" if curve.height > 1 else "markers",
                    "name": label,
                    "legendgroup": name,
                    "showlegend": not below,
                    "x": [days[k] for k in rows],
                    "y": [round(float(values[k] - 1.0) * 100, 3) for k in rows],
                    "yaxis": place,
                    "line": {"color": colour, "dash": dash, "width": width},
                    "hovertemplate": "%{y:+.2f} %",
                }
            )
    return {
        "data": data,
        "layout": {
            "hovermode": "x unified",
            "yaxis": {"domain": [0.36, 1], "ticksuffix": " %", "title": {"text": "return"}},
            "yaxis2": {"domain": [0, 0.3], "ticksuffix": " %", "title": {"text": "drawdown"}},
            "xaxis": {"anchor": "y2", "type": "date", "hoverformat": "%a %Y-%m-%d"},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        },
    }


def funnel_chart(stages: Sequence[Stage]) -> Chart:
    """Draw what arrived at each stage and what went on, on a logarithmic axis."""
    names = [stage.short for stage in stages]
    most = math.log10(max([stage.asked for stage in stages] + [10])) + 0.7
    parts = (("arrived", "asked", "@quiet"), ("went on", "passed", "@strategy"))
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": label,
            "y": names,
            "x": [max(getattr(stage, part), 0.5) for stage in stages],
            "text": [f"{getattr(stage, part):,}" for stage in stages],
            "textposition": "outside",
            "textfont": {"size": 11},
            "cliponaxis": False,
            "hoverinfo": "text+name",
            "marker": {"color": colour},
        }
        for label, part, colour in parts
    ]
    return {
        "data": data,
        "layout": {
            "barmode": "group",
            "xaxis": {
                "type": "log",
                "dtick": 1,
                "range": [-0.5, most],
                "title": {"text": "number (logarithmic)"},
            },
            "yaxis": {"autorange": "reversed", "automargin": True},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        },
    }


def score_chart(table: ScoreTable, horizon: int, until: str) -> Chart:
    """Draw the mean return of each bucket with its interval; empty buckets keep their place."""
    cells = [row[horizon] for row in table.cells]
    return _intervals(
        [label.replace(" to ", "\N{EN DASH}") for label in table.buckets],
        cells,
        title=f"bps {until if until.startswith('to ') else f'over {until}'}",
        texts=[f"{cell.count:,} on {cell.days:,} days" for cell in cells],
    )


def sensitivity_chart(rows: pl.DataFrame) -> Chart:
    """Draw the mean profit of a trade as news comes later."""
    cells = [
        Interval(row["mean"], row["low"], row["high"], row["trades"], row["days"])
        for row in rows.iter_rows(named=True)
    ]
    labels = [f"+{minutes} min" if minutes else "as assumed" for minutes in rows["minutes"]]
    texts = [f"{cell.count:,} trades on {cell.days:,} days" for cell in cells]
    return _intervals(labels, cells, title="USD a closed trade", texts=texts)


def _intervals(
    labels: list[str], cells: Sequence[Interval], *, title: str, texts: list[str]
) -> Chart:
    def known(value: float) -> float | None:
        return round(value, 3) if math.isfinite(value) else None

    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": labels,
                "y": [known(cell.value) for cell in cells],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [known(cell.high - cell.value) for cell in cells],
                    "arrayminus": [known(cell.value - cell.low) for cell in cells],
                    "color": "@strategy",
                    "thickness": 1.6,
                    "width": 5,
                },
                "text": texts,
                "hovertemplate": "%{x}: %{y:+,.1f}, %{text}<extra></extra>",
                "marker": {"color": "@strategy", "size": 8},
                "showlegend": False,
            }
        ],
        "layout": {
            "xaxis": {"type": "category", "categoryorder": "array", "categoryarray": labels},
            "yaxis": {"title": {"text": title}, "zeroline": True, "zerolinewidth": 2},
        },
    }
