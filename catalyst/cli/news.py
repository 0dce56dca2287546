"""``catalyst news``: look into the news of a lake as it stood at an instant."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalyst.cli.news_tables import show_articles, show_narratives, show_trending

if TYPE_CHECKING:
    import polars as pl

    from catalyst.data.lake import Lake

app = typer.Typer(
    name="news",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Search a lake's news; see what trends, who said it first, and who confirmed it.",
)

SEARCH_EPILOG = """
**Examples**

    catalyst news search "price target" --symbol AAPL
    catalyst news search 'merger "all cash"' --tier 2 --since 2014-06-01
    catalyst news search --category fda --asof 2014-06-09T09:35 --json
"""
TRENDING_EPILOG = """
**Examples**

    catalyst news trending
    catalyst news trending --asof 2014-06-09T09:35 --hours 2
"""
NARRATIVES_EPILOG = """
**Examples**

    catalyst news narratives --min-sources 3
    catalyst news narratives --symbol AAPL --asof 2014-06-09 --hours 48 --json
"""

LakeOption = Annotated[
    Path | None,
    typer.Option("--lake", help="Lake folder; default $CATALYST_LAKE, else the bundled sample."),
]
AsofOption = Annotated[
    str | None,
    typer.Option(
        "--asof",
        help="See only what was known then: an instant, New York time unless it says, or a whole "
        "date. Default: the newest of the lake.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout, times UTC, instead of a table.")
]
LimitOption = Annotated[int, typer.Option(help="Most rows.", min=1, max=1_000_000)]


@app.command("search", epilog=SEARCH_EPILOG)
def search(
    query: Annotated[
        str, typer.Argument(help='Whole words, all of them; "words in quotes" side by side.')
    ] = "",
    *,
    lake: LakeOption = None,
    symbol: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this outlet or account.")] = None,
    tier: Annotated[int | None, typer.Option(help="This tier or better, 1 to 5.")] = None,
    category: Annotated[str | None, typer.Option(help="A category, such as merger.")] = None,
    since: Annotated[str | None, typer.Option(help="Published at or after: date, instant.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Published by: date, or before instant.")
    ] = None,
    asof: AsofOption = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Find articles by the words of their headlines, the newest first."""
    from catalyst.data.news_search import search_news

    opened = _opened(lake)
    symbols = None if symbol is None else [one for one in symbol.split(",") if one.strip()]
    found = search_news(
        opened,
        query,
        symbols=symbols,
        source=source,
        tier=tier,
        category=category,
        since=since,
        until=until,
        asof=asof,
        limit=limit,
    )
    if as_json:
        _print_json(opened, asof, "articles", found)
    elif found.height:
        show_articles(found.to_dicts())
    else:
        _say("no article matches; fewer words, or a later --asof, find more")


@app.command("trending", epilog=TRENDING_EPILOG)
def trending(
    *,
    lake: LakeOption = None,
    asof: AsofOption = None,
    hours: Annotated[float, typer.Option(help="Length of now in hours, at most 24.")] = 4.0,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List symbols in the news more than they use to be, with catalyst score and headlines."""
    from catalyst.data.trending import DAYS, trending

    opened = _opened(lake)
    found = trending(opened, asof=asof, hours=hours).head(limit)
    if as_json:
        _print_json(opened, asof, "symbols", found)
    elif found.height:
        show_trending(found.to_dicts())
    else:
        _say(
            f"nothing trends: no symbol has more news than in the same hours of {DAYS} days before"
        )


@app.command("narratives", epilog=NARRATIVES_EPILOG)
def narratives(
    *,
    lake: LakeOption = None,
    symbol: Annotated[str | None, typer.Option(help="Only stories on this symbol.")] = None,
    asof: AsofOption = None,
    hours: Annotated[float, typer.Option(help="Told within so many hours.")] = 24.0,
    min_sources: Annotated[int, typer.Option("--min-sources", help="Least sources.")] = 2,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List stories: who was first, how many tell it, who confirmed it, how concerted it looks."""
    from catalyst.data.narratives import narratives

    opened = _opened(lake)
    found = narratives(opened, symbol=symbol, asof=asof, hours=hours, min_sources=min_sources)
    found = found.head(limit)
    if as_json:
        _print_json(opened, asof, "stories", found)
    elif found.height:
        show_narratives(found.to_dicts())
    else:
        _say("no such story; a lower --min-sources or more --hours find more")


def _opened(lake: Path | None) -> Lake:
    from catalyst.data.lake import Lake
    from catalyst.data.settings import resolve_lake

    return Lake(resolve_lake(lake))


def _print_json(lake: Lake, asof: str | None, name: str, found: pl.DataFrame) -> None:
    from catalyst.data.news_asof import asof_ns

    instant = dt.datetime.fromtimestamp(asof_ns(lake, asof) / 1e9, dt.UTC)
    rows = [{key: _plain(value) for key, value in row.items()} for row in found.to_dicts()]
    # ASCII only: escaped, a control character does nothing to a terminal.
    typer.echo(json.dumps({"lake": str(lake.root), "asof": instant.isoformat(), name: rows}))


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell of any column
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the command line's voice
