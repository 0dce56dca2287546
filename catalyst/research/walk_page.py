"""The page of a walk: one curve out of sample, and what each fold chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from catalyst.data.report.markup import DASH, MINUS, figure, note, percent, section, table, text
from catalyst.data.report.search_page import search_page


def walk_page(
    summary: dict[str, Any], folds: pl.DataFrame, equity: pl.DataFrame, axes: Sequence[str]
) -> str:
    """Write a walk as one page of HTML that asks for nothing from anywhere.

    Parameters
    ----------
    summary
        Content of ``walk_forward.json``.
    folds, equity
        The tables of the same names.
    axes
        What varied.
    """
    tried = f"{summary['trials_a_fold']:,} trials in each of {summary['folds']:,} folds"
    return search_page(
        f"{summary['name']}: walked forward",
        f"{summary['start']} to {summary['end']} on {summary['span']['timeframe']} bars, "
        f"{summary['sessions_out_of_sample']:,} sessions out of sample; {tried}.",
        [
            section("verdict", "Out of sample", _verdict(summary)),
            section(
                "equity",
                "One curve",
                figure("equity", "Growth after costs; a line is a seam.", tall=True),
            ),
            section("folds", "What each fold chose", _folds(folds, axes)),
        ],
        {"charts": {"equity": _chart(equity)}},
        synthetic=bool(summary["synthetic"]),
    )


def _verdict(s: dict[str, Any]) -> str:
    out = s["out_of_sample"]
    first = (
        f"Chosen in sample, traded after it: net return {_share(out['net_return'])}, Sharpe ratio "
        f"{_number(out['sharpe'])}, {out['n_trades'] or 0:,.0f} trades."
    )
    rest = (
        f"Beside the market held with as much money, what was chosen had a Sharpe ratio of "
        f"{_number(s['in_sample_excess_sharpe'])} in sample (the mean of the folds) and of "
        f"{_number(s['out_of_sample_excess_sharpe'])} out of sample."
    )
    told = (
        f"The folds chose {s['distinct_choices']:,} different sets of parameters. The more they "
        "agree, the less of it is chance. <code>variant.yaml</code> holds the choice by date, and "
        "<code>out_of_sample</code> its run: judge it with <code>catalyst edge</code>."
    )
    return f'<div class="verdict"><p class="first">{first}</p><p>{rest}</p><p>{told}</p></div>'


def _folds(folds: pl.DataFrame, axes: Sequence[str]) -> str:
    heads = [
        "judged from",
        "to",
        "chosen from",
        "to",
        *map(text, axes),
        *("in: return", "out: return", "in: Sharpe", "out: Sharpe"),
        *("in: beside market", "out: beside market"),
    ]
    rows = [
        [
            *(str(row[name]) for name in ("test_start", "test_end", "train_start", "train_end")),
            *(DASH if row[name] is None else text(_label(row[name])) for name in axes),
            *(_share(row[f"{side}_net_return"]) for side in ("in", "out")),
            *(_number(row[f"{side}_sharpe"]) for side in ("in", "out")),
            *(_number(row[f"{side}_excess_sharpe"]) for side in ("in", "out")),
        ]
        for row in folds.iter_rows(named=True)
    ]
    return table("Sharpe ratios are annualised; those of a short window are noisy", heads, rows) + (
        note("A dash: no trial had the objective, and the variant stayed as it was.")
        if folds["trial"].null_count()
        else ""
    )


def _chart(equity: pl.DataFrame) -> dict[str, Any]:
    days = [str(day) for day in equity["day"].to_list()]
    seams = equity.group_by("fold", maintain_order=True).first()["day"].to_list()[1:]
    lines = [
        ("strategy", "chosen in sample", "@strategy", "solid"),
        ("market", "all symbols held equally", "@equal", "dot"),
    ]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": label,
                "x": days,
                "y": [round((value - 1.0) * 100, 3) for value in equity[name].to_list()],
                "line": {"color": colour, "dash": dash, "width": 2},
                "hovertemplate": "%{y:+.2f} %",
            }
            for name, label, colour, dash in lines
        ],
        "layout": {
            "hovermode": "x unified",
            "xaxis": {"type": "date"},
            "yaxis": {"ticksuffix": " %", "title": {"text": "return"}},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
            "shapes": [
                {
                    "type": "line",
                    "xref": "x",
                    "yref": "paper",
                    "x0": str(day),
                    "x1": str(day),
                    "y0": 0,
                    "y1": 1,
                    "line": {"color": "@quiet", "width": 1, "dash": "dot"},
                }
                for day in seams
            ],
        },
    }


def _label(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _share(value: float | None) -> str:
    return percent(value, 2).replace("-", MINUS)


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:,.2f}".replace("-", MINUS)
