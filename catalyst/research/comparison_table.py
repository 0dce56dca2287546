"""A comparison as people read it: figures in words, with their intervals below."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from catalyst.research.compared import Compared, Comparison

ROWS = (
    ("net return", "net_return", "{:+.2%}"),
    ("Sharpe ratio", "sharpe", "{:.2f}"),
    ("largest drawdown", "max_drawdown", "{:.2%}"),
    ("hit rate", "hit_rate", "{:.1%}"),
    ("expectancy, USD a trade", "expectancy", "{:+,.2f}"),
    ("turnover", "turnover", "{:.1f}"),
    ("exposure", "exposure", "{:.1%}"),
    ("information coefficient", "information_coefficient", "{:+.3f}"),
    ("slippage, part of traded", "slippage_share", "{:.3%}"),
    ("trades", "n_trades", "{:,.0f}"),
)
"""Of each row its label, the figure's name, and how it is written."""
BENCHMARKS = {"buy_and_hold": "buy and hold", "equal_weight": "equal weight"}
"""Labels of the benchmarks by name."""


def title_of(comparison: Comparison) -> str:
    """Say what was compared on; empty if every variant failed."""
    first = next((one.result for one in comparison.whole), None)
    if first is None:
        return ""
    s = first.summary
    return (
        f"{'SYNTHETIC ' if s['synthetic'] else ''}{s['timeframe']} bars, {s['start']} to "
        f"{s['end']}, {s['symbols']} symbols; below a figure its 95 % interval"
    )


def cell(
    form: str, name: str, figures: Mapping[str, float | None], one: Compared | None
) -> list[str]:
    """Write a figure, and its interval where there is one.

    Parameters
    ----------
    form, name
        From `ROWS`.
    figures
        Of a variant, or of a benchmark.
    one
        The variant; None for a benchmark.
    """
    value = figures.get(name)
    if value is None:
        return ["-" if one is not None else ""]
    interval = one.intervals.get(name) if one is not None else None
    if interval is None:
        return [form.format(value)]
    return [form.format(value), f"{form.format(interval.low)} .. {form.format(interval.high)}"]


def luck(one: Compared | None) -> list[str]:
    """Write what random trades at a variant's own instants came to, and how many it beats."""
    found = one.luck if one is not None else {}
    if not found:
        return [""]
    return [f"{found['net_return']:+.2%}", f"beats {found['beaten']:.0f} of {found['count']:.0f}"]


def comparison_html(comparison: Comparison) -> str:
    """Write a comparison for a notebook: the edge first, then the figures."""
    reasons = comparison.edges.reasons if comparison.edges else ()
    columns: list[tuple[str, Compared | None, Mapping[str, float | None]]] = [
        *((one.name, one, one.figures) for one in comparison.whole),
        *((label, None, comparison.benchmarks.get(k, {})) for k, label in BENCHMARKS.items()),
    ]
    rows = [
        (label, [cell(form, name, figures, one) for _, one, figures in columns])
        for label, name, form in ROWS
    ]
    if any(one.controls for one in comparison.whole):
        rows.append(("random trades instead", [luck(one) for _, one, _ in columns]))
    rows.append(("edge", [[one.word if one else ""] for _, one, _ in columns]))
    failed = [f"{one.name} failed: {one.error}" for one in comparison.variants if one.error]
    return "".join(
        [
            f"<p><b>{escape(comparison.headline)}</b></p>",
            "<ul>",
            *(f"<li>{escape(text)}</li>" for text in (*reasons, *failed)),
            "</ul>",
            f"<p>{escape(title_of(comparison))}</p><table><thead><tr><th></th>",
            *(f"<th>{escape(name)}</th>" for name, _, _ in columns),
            "</tr></thead><tbody>",
            *(_row(label, cells) for label, cells in rows),
            "</tbody></table>",
        ]
    )


def _row(label: str, cells: list[list[str]]) -> str:
    shown = "".join(f"<td>{'<br>'.join(map(escape, lines))}</td>" for lines in cells)
    return f'<tr><th style="text-align: left">{escape(label)}</th>{shown}</tr>'
