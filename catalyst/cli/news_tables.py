"""Tables for people: articles found, symbols that trend, stories and who confirmed them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from catalyst.cli.lake_tables import stdout
from catalyst.data.visible import visible

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

# Below it a table leaves its last column, the headline, no room.
_TABLE_WIDTH = 120


def show_articles(rows: list[dict[str, Any]]) -> None:
    """Print articles found by `catalyst.data.news_search.search_news`."""
    columns = ("published (ET)", "source", "tier", "symbols", "categories", "tone", "headline")
    _print(
        columns,
        [
            (
                _eastern(row["published_at"]),
                _cell(row["source"]),
                str(row["tier"]),
                _cell(" ".join(row["symbols"])),
                ", ".join(row["categories"]),
                f"{row['sentiment']:+.2f}",
                _cell(row["headline"]),
            )
            for row in rows
        ],
    )


def show_trending(rows: list[dict[str, Any]]) -> None:
    """Print symbols found by `catalyst.data.trending.trending`."""
    columns = ("symbol", "reports", "usual", "surprise", "sources", "catalyst", "headlines")
    _print(
        columns,
        [
            (
                _cell(row["symbol"]),
                f"{row['reports']:,}",
                f"{row['usual']:.1f}",
                f"{row['surprise']:.1f}",
                f"{row['sources']:,}",
                f"{row['catalyst_score']:.0f} {row['sign']} {row['direction']:+.2f}",
                _lines(row["headlines"] or []),
            )
            for row in rows
        ],
    )


def show_narratives(rows: list[dict[str, Any]]) -> None:
    """Print stories found by `catalyst.data.narratives.narratives`."""
    columns = (
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
    cells = []
    for row in rows:
        minutes = row["confirm_minutes"]
        cells.append(
            (
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
        )
    _print(columns, cells)


def _print(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    console = stdout()
    if console.width >= _TABLE_WIDTH:
        table = _table(columns)
        for row in rows:
            table.add_row(*row)
        console.print(table)
        return
    from rich.padding import Padding
    from rich.text import Text

    for *facts, headline in rows:
        named = [
            Text(f"{name.partition(' (')[0]} ").append_text(Text(str(fact)))
            for name, fact in zip(columns, facts, strict=False)
            if str(fact)
        ]
        console.print(Text(" · ").join(named))
        console.print(Padding(headline, (0, 0, 0, 4), expand=False))


def _table(columns: Sequence[str]) -> Table:
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
