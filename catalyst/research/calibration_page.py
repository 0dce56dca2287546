"""A calibration as one page of HTML: how often an edge is claimed, without one and with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from catalyst.data.report.document import document
from catalyst.data.report.markup import figure, note, percent, section, table, text, words
from catalyst.research.calibration import LEVEL, Calibration, Rate

_BINS = 10
_LEGS = (
    ("claimed", "any", "@equal", "dot"),
    ("claimed_score", "score, before costs", "@held", "dash"),
    ("claimed_money", "money, after costs", "@strategy", "solid"),
)


def calibration_page(found: Calibration) -> str:
    """Write the page.

    Parameters
    ----------
    found
        What it shows.
    """
    charts: dict[str, Any] = {}
    sections = [_verdict(found)]
    if found.null.worlds:
        sections += [_kinds(found), _chances(found, charts)]
    scales = found.worlds["edge_scale"].unique().sort().to_list()
    if len(scales) > 1:
        sections.append(_power(found, scales, charts))
    return document(
        "How often the search claims an edge",
        brand="calibration",
        about=f"{found.worlds.height:,} worlds, each searched as a whole with a ledger of its own.",
        sections=sections,
        content={"charts": charts, "windows": {}, "stories": {}},
        synthetic=True,
    )


def _verdict(found: Calibration) -> tuple[str, str, str]:
    tone = "loss" if found.is_finding else "open"
    html = f'<div class="verdict tone-{tone}"><p class="first">{words(found.sentence)}</p></div>'
    return "verdict", "Verdict", section("verdict", "Does the search keep its level?", html)


def _kinds(found: Calibration) -> tuple[str, str, str]:
    kinds = found.worlds.filter(pl.col("edge_scale") == 0.0)["kind"].unique().sort()
    rows = [(text(kind), *_cells(found.rate(kind=kind, edge_scale=0.0))) for kind in kinds]
    rows.append(("all", *_cells(found.null)))
    html = section(
        "kinds",
        "By kind of world",
        table("Worlds without an edge", ("kind", *_HEADS), rows),
        note(
            "news: days of news exchanged within a symbol. returns: sessions of returns drawn in "
            "blocks. tickers: symbols given another's news. simulated: the simulator without its "
            "edge. An edge is claimed if any leg of anything tried is supported."
        ),
    )
    return "kinds", "Kinds", html


_HEADS = ("worlds", "claimed", "share", "95 %", "by money", "by score")


def _cells(rate: Rate) -> tuple[str, ...]:
    return (
        f"{rate.worlds:,}",
        f"{rate.claimed:,}",
        percent(rate.share, 1),
        f"{rate.low:.1%} to {rate.high:.1%}",
        f"{rate.claimed_money:,}",
        f"{rate.claimed_score:,}",
    )


def _chances(found: Calibration, charts: dict[str, Any]) -> tuple[str, str, str]:
    null = found.worlds.filter(pl.col("edge_scale") == 0.0).select("identity")
    edges = found.edges.join(null, on="identity", how="semi")
    values = edges["score_alone"].drop_nulls().drop_nans().to_numpy()
    charts["chances"] = chance_chart(values)
    html = section(
        "chances",
        "Chances of the score, before correction",
        figure(
            "chances", "One-sided p-values of the scores of all variants in worlds without one."
        ),
        note(
            "Without an edge every tenth is as likely as the next: bars of equal height. More on "
            "the left would mean a test that says yes too soon. Variants of a world share its "
            "news, so that they are not independent."
        ),
    )
    return "chances", "Chances", html


def chance_chart(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    """Draw how p-values are spread over tenths.

    Parameters
    ----------
    values : float64[n]
        p-values.
    """
    counts, _ = np.histogram(values, bins=_BINS, range=(0.0, 1.0))
    labels = [f"{k / _BINS:.1f}\N{EN DASH}{(k + 1) / _BINS:.1f}" for k in range(_BINS)]
    return {
        "data": [
            {
                "type": "bar",
                "x": labels,
                "y": counts.tolist(),
                "marker": {"color": "@strategy"},
                "showlegend": False,
            }
        ],
        "layout": {
            "xaxis": {"type": "category", "title": {"text": "p-value"}},
            "yaxis": {"title": {"text": "scores"}},
        },
    }


def _power(
    found: Calibration, scales: Sequence[float], charts: dict[str, Any]
) -> tuple[str, str, str]:
    charts["power"] = power_chart(found, scales)
    rows = [(f"{scale:g}", *_cells(found.rate(edge_scale=scale))) for scale in scales]
    html = section(
        "power",
        "Power",
        figure("power", "Share of worlds in which an edge was claimed, by the size of the edge."),
        table("1 is the edge of the bundled sample", ("size of the edge", *_HEADS), rows),
        note(
            f"At size 0 at most {LEVEL:.0%} may be claimed. A search that finds nothing at the "
            "size of edge that one hopes for can't tell its absence from its presence."
        ),
    )
    return "power", "Power", html


def power_chart(found: Calibration, scales: Sequence[float]) -> dict[str, Any]:
    """Draw the share of worlds with a claim against the size of the planted edge.

    Parameters
    ----------
    found
        A calibration with edges of several sizes.
    scales
        The sizes, ascending.
    """
    rates = [found.rate(edge_scale=scale) for scale in scales]
    data = []
    for name, label, colour, dash in _LEGS:
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": label,
                "x": list(scales),
                "y": [round(100 * getattr(rate, name) / rate.worlds, 2) for rate in rates],
                "line": {"color": colour, "dash": dash, "width": 2},
                "hovertemplate": "%{y:.0f} %",
            }
        )
    return {
        "data": data,
        "layout": {
            "hovermode": "x unified",
            "xaxis": {"title": {"text": "size of the planted edge"}},
            "yaxis": {"ticksuffix": " %", "range": [-2, 102], "title": {"text": "claimed"}},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        },
    }
