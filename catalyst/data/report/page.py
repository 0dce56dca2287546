"""The whole page: sections, charts, stories and the script that draws them, in one file."""

from __future__ import annotations

import json
import math
import re
from importlib import resources
from typing import Any

from catalyst.data.report import outcome_sections, reason_sections
from catalyst.data.report.charts import equity_chart, funnel_chart, score_chart, sensitivity_chart
from catalyst.data.report.library import packed, packed_plotly, plotly_script, source_hash
from catalyst.data.report.markup import text
from catalyst.data.report.values import ReportTables
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

    A content policy forbids every request and every script but the two that are named by their
    hash, so that not even a mistake in escaping could run a headline. Charts, bars and stories lie
    in the page compressed; the tables are plain HTML and need no script.

    Parameters
    ----------
    tables
        What to show.
    """
    script, style = _asset("page.js"), _asset("page.css") + _story_style()
    policy = (
        f"default-src 'none'; script-src {source_hash(script)} {source_hash(plotly_script())}; "
        "style-src 'unsafe-inline'; img-src data: blob:"
    )
    s = tables.summary
    title = f"{s['variant']} on {s['timeframe']} bars, {s['start']} to {s['end']}"
    kind = '<span class="stamp">SYNTHETIC</span> ' if s["synthetic"] else ""
    links = "".join(f'<li><a href="#{name}">{label}</a></li>' for name, label, _ in _SECTIONS)
    body = "".join(write(tables) for _, _, write in _SECTIONS)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{text(title)}: catalyst</title><style>{style}</style></head><body>",
        '<a class="skip" href="#verdict">To the verdict</a>',
        f"<header><p class='brand'>catalyst report</p><h1>{kind}{_whole_dates(title)}</h1>",
        f"<p>{s['symbols']:,} symbols, {s['sessions']:,} sessions. Times are New York time.</p>",
        '<label class="theme">Light or dark <select id="theme"><option value="">as the system',
        '</option><option value="light">light</option><option value="dark">dark</option></select>',
        "</label></header>",
        f'<nav aria-label="Contents"><ul>{links}</ul></nav><main>',
        "<noscript><p class='note'>Charts, and the stories behind the trades, need a script that ",
        "this browser does not run. Every figure stands in a table.</p></noscript>",
        f'<p class="note" id="trouble" role="alert" hidden></p>{body}</main>',
        "<footer><p>Written by catalyst from the run's tables; charts by plotly.js. Not advice.",
        "</p></footer>",
        f'<script type="text/plain" id="packed-data">{packed(_data(tables))}</script>',
        f'<script type="text/plain" id="packed-plotly">{packed_plotly()}</script>',
        f"<script>{script}</script></body></html>\n",
    ]
    return "".join(parts)


def _whole_dates(title: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", r"<span class='whole'>\g<0></span>", text(title))


def _data(tables: ReportTables) -> str:
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
    content = {"charts": charts, "windows": windows, "stories": dict(tables.stories)}
    return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _asset(name: str) -> str:
    return resources.files("catalyst.data.report").joinpath(name).read_text(encoding="utf-8")


def _story_style() -> str:
    from catalyst.data.story_html import STYLE

    return STYLE
