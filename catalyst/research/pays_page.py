"""What pays as one page of HTML, and its rows as texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from catalyst.data.report.document import document
from catalyst.data.report.markup import between, note, percent, section, signed, table, text, words
from catalyst.research.pays import KINDS

if TYPE_CHECKING:
    from catalyst.research.pays import Pays

HEADS = (
    "", "catalyst", "signals", "worth", "days", "hits", "moved, bps", "95 %", "stands",
    "trades", "P&L", "bps a trade", "95 %",
)  # fmt: skip
"""Headings of `cells_of`."""
_LABELS = {
    "pattern": "Patterns",
    "source": "Sources",
    "provider": "Providers",
    "tier": "Tiers",
    "category": "Categories",
    "keyword": "Keywords",
}


def pays_page(found: Pays, summary: Mapping[str, Any]) -> str:
    """Write the page.

    Parameters
    ----------
    found
        What pays.
    summary
        Of the run.
    """
    first, *others = found.sentences
    verdict = f'<div class="verdict tone-open"><p class="first">{words(first)}</p>'
    verdict += "".join(f"<p>{words(one)}</p>" for one in others) + "</div>"
    verdict += note(
        words(
            f"Moved: return {found.horizon} in the direction of the signal or pattern, beside the "
            "market, before costs. Hits: how often it was above zero. Worth: what is left of the "
            "signals after each is shared among its articles by their weight in its score. 95 %: "
            "days drawn with replacement."
        )
    )
    sections = [("verdict", "What pays", section("verdict", "What pays", verdict))]
    for kind in KINDS:
        rows = found.rows.filter(pl.col("kind") == kind)
        if rows.height:
            cells = (tuple(text(cell) for cell in cells_of(r)) for r in rows.iter_rows(named=True))
            html = table(_LABELS[kind], [text(head) for head in HEADS], cells, hidden=True)
            sections.append((kind, _LABELS[kind], section(kind, _LABELS[kind], html)))
    body = "".join(
        f"<div><dt>{text(name)}</dt><dd>{n:,}</dd></div>" for name, n in found.counted.items()
    )
    html = section("counted", "What was counted", f'<dl class="facts">{body}</dl>')
    sections.append(("counted", "What was counted", html))
    return document(
        f"{summary['variant']} on {summary['timeframe']} bars, {summary['start']} to "
        f"{summary['end']}",
        brand="what pays",
        about="Patterns and articles are joined to signals and trades by their ids.",
        sections=sections,
        content={"charts": {}, "windows": {}, "stories": {}},
        synthetic=bool(summary["synthetic"]),
    )


def cells_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a row as texts, in the order of `HEADS`."""
    return (
        row["name"],
        row["catalyst"],
        f"{row['n']:,}",
        f"{row['share']:,.0f}",
        f"{row['days']:,}",
        percent(row["hit_rate"]),
        signed(row["mean"], 1),
        between(row["low"], row["high"], 0),
        "yes" if row["claimed"] else "",
        f"{row['trades']:,}",
        signed(row["pnl_usd"] if row["trades"] else math.nan, 0, "$"),
        signed(row["pnl_mean"], 1),
        between(row["pnl_low"], row["pnl_high"], 0),
    )
