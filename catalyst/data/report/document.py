"""One file of HTML that asks for nothing from anywhere: its frame, its script, its charts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from catalyst.data.report.library import packed, packed_plotly, plotly_script, source_hash
from catalyst.data.report.markup import text


def document(
    title: str,
    *,
    brand: str,
    about: str,
    sections: Sequence[tuple[str, str, str]],
    content: Mapping[str, Any],
    synthetic: bool = False,
    style: str = "",
) -> str:
    """Write a page: light or dark, for a desk or a phone.

    A content policy forbids every request and every script but the two that are named by their
    hash, so that not even a mistake in escaping could run a headline. Charts lie in the page
    compressed; tables are plain HTML and need no script.

    Parameters
    ----------
    title
        Any text.
    brand
        What kind of page it is, such as ``report``.
    about
        A sentence below the title, escaped already.
    sections
        Name, label in the contents and HTML of each, from `catalyst.data.report.markup.section`.
        Figures of `markup.figure` are filled with the chart of their name; parts of class ``h h0``,
        ``h h1``, ... show for the choice of a select with the id ``horizon``.
    content
        ``charts``: plotly figures by name, or a list of them, one a horizon; colours may be
        ``@strategy`` and other names of the style. What else the script reads: ``windows``,
        ``stories``.
    synthetic
        Whether to stamp it so.
    style
        CSS beyond the page's own.
    """
    script, css = _asset("page.js"), _asset("page.css") + style
    policy = (
        f"default-src 'none'; script-src {source_hash(script)} {source_hash(plotly_script())}; "
        "style-src 'unsafe-inline'; img-src data: blob:"
    )
    data = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    kind = '<span class="stamp">SYNTHETIC</span> ' if synthetic else ""
    links = "".join(f'<li><a href="#{name}">{label}</a></li>' for name, label, _ in sections)
    body = "".join(html for _, _, html in sections)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{text(title)}: catalyst</title><style>{css}</style></head><body>",
        f'<a class="skip" href="#{sections[0][0]}">To the verdict</a>',
        f"<header><p class='brand'>catalyst {brand}</p><h1>{kind}{_whole_dates(title)}</h1>",
        f"<p>{about}</p>",
        '<label class="theme">Light or dark <select id="theme"><option value="">as the system',
        '</option><option value="light">light</option><option value="dark">dark</option></select>',
        "</label></header>",
        f'<nav aria-label="Contents"><ul>{links}</ul></nav><main>',
        "<noscript><p class='note'>Charts, and the stories behind the trades, need a script that ",
        "this browser does not run. Every figure stands in a table.</p></noscript>",
        f'<p class="note" id="trouble" role="alert" hidden></p>{body}</main>',
        "<footer><p>Written by catalyst from the run's tables; charts by plotly.js. Not advice.",
        "</p></footer>",
        f'<script type="text/plain" id="packed-data">{packed(data)}</script>',
        f'<script type="text/plain" id="packed-plotly">{packed_plotly()}</script>',
        f"<script>{script}</script></body></html>\n",
    ]
    return "".join(parts)


def _whole_dates(title: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", r"<span class='whole'>\g<0></span>", text(title))


def _asset(name: str) -> str:
    return resources.files("catalyst.data.report").joinpath(name).read_text(encoding="utf-8")
