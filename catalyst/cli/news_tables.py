"""Tables for people: articles found, symbols that trend, stories and who confirmed them."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

from catalyst.cli.visible import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_PIPE_WIDTH = 160


def show_articles(rows: list[dict[str, Any]]) -> None:
    """Print articles found by `catalyst.data.news_search.search_news`."""
    table = _table("published (ET)", "source", "tier", "symbols", "categories", "tone", "headline")
    for row in rows:
        table.add_row(
            _eastern(row["published_at"]),
            _cell(row["source"]),
            str(row["tier"]),
            _cell(" ".join(row["symbols"])),
            ", ".join(row["categories"]),
            f"{row['sentiment']:+.2f}",
            _cell(row["headline"]),
        )
    _console().print(table)


def show_trending(rows: list[dict[str, Any]]) -> None:
    """Print symbols found by `catalyst.data.trending.trending`."""
    table = _table("symbol", "reports", "usual", "surprise", "sources", "catalyst", "headlines")
    for row in rows:
        table.add_row(
            _cell(row["symbol"]),
            f"{row['reports']:,}",
            f"{row['usual']:.1f}",
            f"{row['surprise']:.1f}",
            f"{row['sources']:,}",
            f"{row['catalyst_score']:.0f} {row['sign']} {row['direction']:+.2f}",
            _lines(row["headlines"] or []),
        )
    _console().print(table)


def show_narratives(rows: list[dict[str, Any]]) -> None:
    """Print stories found by `catalyst.data.narratives.narratives`."""
    table = _table(
        "first known (ET)",
        "symbol",
        "first by",
        "sources",
        "size",
        "confirmed by",
        "after min",
        "coordination",
        "first headline",
    )
    for row in rows:
        minutes = row["confirm_minutes"]
        table.add_row(
            _eastern(row["first_known_at"]),
            _cell(row["symbol"]),
            _cell(row["source"]),
            f"{row['sources']:,}",
            f"{row['size']:,}",
            _cell(row["confirmed_by"] if minutes is not None else "unconfirmed"),
            "" if minutes is None else f"{minutes:,.1f}",
            f"{row['coordination']:.2f}",
            _cell(row["headline"]),
        )
    _console().print(table)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table()
    last = len(columns) - 1
    numbers = {"tier", "tone", "reports", "usual", "surprise", "sources", "size", "after min"}
    for at, name in enumerate(columns):
        justify = "right" if name in {*numbers, "coordination"} else "left"
        table.add_column(name, justify=justify, no_wrap=at != last, ratio=1 if at == last else None)  # type: ignore[arg-type]
    return table


def _cell(text: str | None) -> Text:
    from rich.text import Text

    # Text, not str: rich would read "[red]" in a str as markup.
    return Text(visible(text), overflow="ellipsis")


def _lines(texts: list[str]) -> Text:
    from rich.text import Text

    return Text("\n").join(Text(visible(text)) for text in texts)


def _eastern(instant: dt.datetime | None) -> str:
    from catalyst.data.calendar import NEW_YORK

    return "" if instant is None else f"{instant.astimezone(NEW_YORK):%Y-%m-%d %H:%M} ET"


def _console() -> Console:
    from rich.console import Console

    # A terminal that can't show a letter gets its number, not a traceback.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, emoji=False)
