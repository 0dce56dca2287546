"""An event study as one page of HTML: the test named beforehand first, then curves and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from catalyst.data.report.document import document
from catalyst.data.report.markup import between, figure, note, section, signed, table, text, words
from catalyst.research.event_tables import SHOWN

if TYPE_CHECKING:
    from catalyst.research.event_study import EventStudy

_TONES = {"supported": "gain", "contradicted": "loss", "not shown": "open"}
_CLOCKS = {
    "known": "from the first price one could have had",
    "published": "from the last price before publication",
}
_NAMES = {
    "category": "Category",
    "tier": "Tier of the source",
    "state": "Market state at publication",
    "half_hour": "Half-hour in which it became known",
    "sentiment": "Sentiment",
    "tercile": "Thirds of the sentiment",
    "repeat": "First or repeat",
}
_FEWEST_DRAWN = 10
_STYLE = (
    ".many{display:grid;gap:.4rem 1.2rem;"
    "grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr))}"
    ".many .plot{height:13rem}"
)


def event_page(study: EventStudy) -> str:
    """Write the page of a study."""
    charts: dict[str, Any] = {}
    facts = study.facts
    sections = [_verdict(study), _whole(study, charts)]
    named = [name for name in study.table["grouping"].unique(maintain_order=True) if name != "all"]
    sections += [_grouping(study, name, charts) for name in named]
    sections.append(_counted(study))
    return document(
        f"News on {facts['timeframe']} bars, {facts['start']} to {facts['end']}",
        brand="event study",
        about=f"{study.count:,} events of {facts['symbols']} symbols. Times are New York "
        "time. Returns are before costs.",
        sections=sections,
        content={"charts": charts, "windows": {}, "stories": {}},
        synthetic=facts.get("synthetic") == "yes",
        style=_STYLE,
    )


def _verdict(study: EventStudy) -> tuple[str, str, str]:
    named = study.named
    groups = study.table.filter(pl.col("grouping") != "all")
    tested, claimed = groups["p_value"].is_finite().sum(), int(groups["claimed"].sum())
    before = study.table.row(0, named=True)["before"]
    gone = (
        f"Between publication and the first price one could have had, the same news moved prices "
        f"by {before:+.1f} bps in its direction, the mean of all events: nobody who waits for the "
        "news gets that part."
        if math.isfinite(before)
        else "What happened between publication and the first price can't be told."
    )
    html = (
        f'<div class="verdict tone-{_TONES[named.word]}"><p class="first">{words(named.sentence)}'
        f"</p><p>{words(gone)}</p></div>"
        + note(
            words(
                f"That is the one test named beforehand. Of {tested:,} groups below, {claimed:,} "
                "stand after Benjamini and Hochberg's correction for their number, at most 5 % of "
                "them false: they are there to find questions."
            )
        )
    )
    return "verdict", "Verdict", section("verdict", "What the news was worth", html)


def _whole(study: EventStudy, charts: dict[str, Any]) -> tuple[str, str, str]:
    curves = study.curves.filter(pl.col("grouping") == "all")
    parts = []
    for unit, clock, measure in (
        ("minute", "known", "abnormal_return"),
        ("minute", "published", "abnormal_return"),
        ("minute", "known", "abnormal_volume"),
        ("day", "known", "abnormal_return"),
        ("day", "published", "abnormal_return"),
        ("day", "known", "abnormal_volume"),
    ):
        own = _curve(curves, unit, clock, measure)
        if own.height:
            name = f"all-{unit}-{clock}-{measure}"
            charts[name] = _chart(own, unit, measure, None)
            what = "volume, multiples of the usual" if "volume" in measure else "price, bps"
            parts.append(figure(name, text(f"{what}, by {unit}, {_CLOCKS[clock]}")))
    html = f'<div class="many">{"".join(parts)}</div>' + note(
        words(
            "Price: beside the market, in the direction of the sentiment (news without one is left "
            "out). Zero of the clock known is the open of the first bar that opens after the news "
            "could be known; what lies left of it is over. By day, 0 is the close of that session. "
            "Bands: 95 %, days drawn with replacement."
        )
    )
    return "all", "All news", section("all", "All news together", html)


def _grouping(study: EventStudy, name: str, charts: dict[str, Any]) -> tuple[str, str, str]:
    rows = study.table.filter(pl.col("grouping") == name)
    unit = "minute" if study.horizons["minute"] else "day"
    curves = study.curves.filter(pl.col("grouping") == name)
    kept = rows.filter(pl.col("events") >= _FEWEST_DRAWN)["group"].to_list()
    shown = {
        group: _curve(curves.filter(pl.col("group") == group), unit, "known", "abnormal_return")
        for group in kept
    }
    span = _range(list(shown.values()))
    figures = []
    for place, (group, own) in enumerate(shown.items()):
        key = f"{name}-{place}"
        charts[key] = _chart(own, unit, "abnormal_return", span)
        count = int(own["events"].max() or 0)  # type: ignore[arg-type]
        figures.append(figure(key, text(f"{group}: {count:,} events")))
    sign = "in the direction of the sentiment" if rows["signed"][0] else "as it is, not turned"
    html = _table(rows, sign) + f'<div class="many">{"".join(figures)}</div>'
    label = _NAMES.get(name, name)
    return name, label, section(name, label, html)


def _table(rows: pl.DataFrame, sign: str) -> str:
    heads = ["", "events", "days", "gone before", "to the close", "95 %", "p", "next close"]
    heads += ["95 %", "5 sessions", "95 %", "volume", "stands"]
    cells = [
        (
            text(row["group"]),
            f"{row['events']:,}",
            f"{row['days']:,}",
            signed(row["before"], 1),
            signed(row["close"], 1),
            between(row["close_low"], row["close_high"]),
            f"{row['p_value']:.3f}" if math.isfinite(row["p_value"]) else "–",
            signed(row["day_1"], 1),
            between(row["day_1_low"], row["day_1_high"]),
            signed(row["day_5"], 1),
            between(row["day_5_low"], row["day_5_high"]),
            f"{row['volume']:.2f}" if math.isfinite(row["volume"]) else "–",
            "yes" if row["claimed"] else "no",
        )
        for row in rows.iter_rows(named=True)
    ]
    says = f"Abnormal return, bps before costs, {sign}; volume as a multiple of the usual"
    return table(words(says), heads, cells)


def _counted(study: EventStudy) -> tuple[str, str, str]:
    facts = [
        ("rows of news in the span", f"{study.rows:,}"),
        *((f"left out: {name}", f"{n:,}") for name, n in study.dropped.items()),
        ("events whose symbol had another within ten sessions", f"{study.overlapping:,}"),
        *((f"events without a price {name}", f"{n:,}") for name, n in study.missing.items()),
        *((name.replace("_", " "), value) for name, value in study.facts.items()),
    ]
    body = "".join(f"<div><dt>{text(k)}</dt><dd>{text(v)}</dd></div>" for k, v in facts)
    html = f'<dl class="facts">{body}</dl>'
    return "counted", "What was counted", section("counted", "What was counted", html)


def _curve(curves: pl.DataFrame, unit: str, clock: str, measure: str) -> pl.DataFrame:
    return curves.filter(
        (pl.col("unit") == unit) & (pl.col("clock") == clock) & (pl.col("measure") == measure)
    ).sort("horizon")


def _range(curves: Sequence[pl.DataFrame]) -> list[float] | None:
    """Return one scale for small pictures side by side: of the means, with room for bands."""
    values = [v for curve in curves for v in curve["value"].to_list() if math.isfinite(v)]
    if not values:
        return None
    low, high = min(*values, 0.0), max(*values, 0.0)
    room = 0.35 * max(high - low, 1.0)
    return [round(low - room, 1), round(high + room, 1)]


def _chart(
    curve: pl.DataFrame, unit: str, measure: str, span: list[float] | None
) -> dict[str, Any]:
    x = curve["horizon"].to_list()
    value, low, high = (
        [round(v, 3) if math.isfinite(v) else None for v in curve[name].to_list()]
        for name in ("value", "low", "high")
    )
    volume = measure == "abnormal_volume"
    # A hole in a band would be filled across: its ends are joined instead.
    inside = [k for k, (a, b) in enumerate(zip(low, high, strict=True)) if None not in (a, b)]
    edge = {
        "type": "scatter",
        "mode": "lines",
        "x": [x[k] for k in inside],
        "line": {"width": 0},
    }
    quiet = {"hoverinfo": "skip", "showlegend": False}
    yaxis: dict[str, Any] = {"title": {"text": "x usual" if volume else "bps"}}
    if span:
        yaxis["range"] = span
    return {
        "data": [
            {**edge, **quiet, "y": [high[k] for k in inside]},
            {
                **edge,
                **quiet,
                "y": [low[k] for k in inside],
                "fill": "tonexty",
                "fillcolor": "@grid",
            },
            {
                "type": "scatter",
                "mode": "lines" if unit == "minute" else "lines+markers",
                "x": x,
                "y": value,
                "line": {"color": "@held" if volume else "@strategy", "width": 2},
                "customdata": [
                    [a, b, n] for a, b, n in zip(low, high, curve["events"].to_list(), strict=True)
                ],
                "hovertemplate": f"{unit} %{{x}}: %{{y:+.1f}} (%{{customdata[0]:.1f}} to "
                "%{customdata[1]:.1f}), %{customdata[2]:,} events<extra></extra>",
                "showlegend": False,
            },
        ],
        "layout": {
            "yaxis": {**yaxis, "zeroline": True, "zerolinewidth": 2},
            "xaxis": {
                "title": {"text": "minutes" if unit == "minute" else "sessions"},
                "zeroline": True,
                "zerolinewidth": 2,
            },
            "showlegend": False,
        },
    }


def group_cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return a row of the table as texts for a terminal."""
    out = [row["group"], f"{row['events']:,}", f"{row['days']:,}", signed(row["before"], 1)]
    for name in SHOWN:
        out += [signed(row[name], 1), between(row[f"{name}_low"], row[f"{name}_high"], 0)]
    out.append(f"{row['volume']:.2f}" if math.isfinite(row["volume"]) else "–")
    out.append("yes" if row["claimed"] else "")
    return tuple(out)
