"""The whole page: sections, charts, stories and the script that draws them, in one file."""

from __future__ import annotations

import math
from typing import Any

from catalyst.data.report import outcome_sections, reason_sections
from catalyst.data.report.charts import equity_chart, funnel_chart, score_chart, sensitivity_chart
from catalyst.data.report.document import document
from catalyst.data.report.values import ReportTables
from catalyst.data.story_html import STYLE
from catalyst.data.visible import visible

_SECTIONS = (
    ("verdict", "Verdict", outcome_sections.verdict),
    ("figures", "Figures", outcome_sections.figures),
    ("equity", "Equity", outcome_sections.equity),
    ("months", "Months", outcome_sections.months),
    ("trades", "Trades", outcome_sections.trades),
    ("funnel", "What binds", reason_sections.funnel),
    ("scores", "Scores", reason_sections.scores),
    ("exits", "Exits", reason_sections.exits),
    ("costs", "Costs", reason_sections.costs),
    ("sensitivity", "Later news", reason_sections.sensitivity),
    ("groups", "Where from", reason_sections.groups),
    ("facts", "The run", reason_sections.facts),
)


def page(tables: ReportTables) -> str:
    """Write the report as one page of HTML that asks for nothing from anywhere.

    Charts, bars and stories lie in the page compressed; see `catalyst.data.report.document`.

    Parameters
    ----------
    tables
        What to show.
    """
    s = tables.summary
    return document(
        f"{s['variant']} on {s['timeframe']} bars, {s['start']} to {s['end']}",
        brand="report",
        about=f"{s['symbols']:,} symbols, {s['sessions']:,} sessions. Times are New York time.",
        sections=[(name, label, write(tables)) for name, label, write in _SECTIONS],
        content=_content(tables),
        synthetic=bool(s["synthetic"]),
        style=STYLE,
    )


def _content(tables: ReportTables) -> dict[str, Any]:
    charts: dict[str, Any] = {
        "equity": equity_chart(tables.curve),
        "funnel": funnel_chart(tables.funnel),
    }
    for place, found in enumerate(tables.scores):
        charts[f"score-{place}"] = [
            score_chart(found, k, horizon.label) for k, horizon in enumerate(tables.horizons)
        ]
    if tables.sensitivity is not None and tables.sensitivity.height > 1:
        charts["sensitivity"] = sensitivity_chart(tables.sensitivity)
    windows = {
        trade_id: {
            "bars": dict(window.bars),
            "marks": [dict(mark) for mark in window.marks],
            "news": [
                {**item, "headline": visible(item["headline"]), "source": visible(item["source"])}
                for item in window.news
            ],
            "levels": {k: value for k, value in window.levels.items() if math.isfinite(value)},
            "label": window.bar_label,
        }
        for trade_id, window in tables.windows.items()
    }
    return {"charts": charts, "windows": windows, "stories": dict(tables.stories)}
