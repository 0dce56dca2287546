"""The page of a search: one file of HTML that asks for nothing from anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from catalyst.data.report.library import packed, packed_plotly, plotly_script, source_hash
from catalyst.data.report.markup import text


def search_page(
    title: str, about: str, sections: Sequence[str], content: Mapping[str, Any], *, synthetic: bool
) -> str:
    """Write a page of charts and tables.

    A content policy forbids every request and every script but the two named by their hash, as in
    a run's report.

    Parameters
    ----------
    title, about
        Head of the page, plain text.
    sections
        HTML, as `catalyst.data.report.markup.section` writes it.
    content
        What the script draws: ``charts`` by name, and perhaps ``heat``. No NaN.
    synthetic
        Whether the lake says that it is simulated.
    """
    script, style = _asset("search.js"), _asset("page.css")
    policy = (
        f"default-src 'none'; script-src {source_hash(script)} {source_hash(plotly_script())}; "
        "style-src 'unsafe-inline'; img-src data: blob:"
    )
    kind = '<span class="stamp">SYNTHETIC</span> ' if synthetic else ""
    data = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{text(title)}: catalyst</title><style>{style}</style></head><body>",
            f"<header><p class='brand'>catalyst search</p><h1>{kind}{text(title)}</h1>",
            f"<p>{text(about)}</p>",
            '<label class="theme">Light or dark <select id="theme">',
            '<option value="">as the system</option><option value="light">light</option>',
            '<option value="dark">dark</option></select></label></header><main>',
            "<noscript><p class='note'>Charts need a script that this browser does not run. The ",
            "figures stand in tables.</p></noscript>",
            f'<p class="note" id="trouble" role="alert" hidden></p>{"".join(sections)}</main>',
            "<footer><p>Written by catalyst; charts by plotly.js. Not advice.</p></footer>",
            f'<script type="text/plain" id="packed-data">{packed(data)}</script>',
            f'<script type="text/plain" id="packed-plotly">{packed_plotly()}</script>',
            f"<script>{script}</script></body></html>\n",
        ]
    )


def _asset(name: str) -> str:
    return resources.files("catalyst.data.report").joinpath(name).read_text(encoding="utf-8")
