"""What a run's warnings mean for somebody who wants to believe its result."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: A sign in a run's warning, and what it means.
MEANINGS: dict[str, str] = {
    r"^synthetic:": "The figures show how the machinery works. They say nothing about a market.",
    r"closed trades: no conclusion": (
        "A few lucky or unlucky trades decide the total. More history or more symbols help."
    ),
    r"^only [\d,]+ sessions": (
        "One kind of weather: nobody knows how this does in another. Give it a longer span."
    ),
    r"carries \d+% of all gains": (
        "The result is that of one stock. Look at P&L by symbol, and at what is left without it."
    ),
    r"bars are adjusted by their vendor": (
        "Prices were rewritten with splits or dividends that nobody knew then, so rules on price "
        "and dollar volume saw other numbers than a trader. Import raw bars, and actions apart."
    ),
    r"news times are assumed": (
        "Nobody recorded when these articles arrived. If they came later than assumed, some "
        "entries were impossible: catalyst backtest --sensitivity shows what is left when they "
        "come 5, 15 and 60 minutes later."
    ),
    r"bar times are assumed": (
        "A bar counts as known at its end. Feeds are seconds late, delayed ones minutes."
    ),
    r"showed a price of old shares": (
        "The vendor's bars of the first minutes after a split were wrong and not traded on."
    ),
    r"known too late to fill": (
        "These bars were corrections or late prints; orders could not fill in them."
    ),
    r"^still held at the end": (
        "Their gain or loss is on paper: it is in the return, not among the closed trades."
    ),
    r"moved [+-]\d+% to": "If it was a split, gains and losses around it are not real.",
    r"have bars of several sources": (
        "Volumes of two feeds differ; which one is read changes which symbols pass."
    ),
    r"sessions had no news": (
        "Part of the span is empty of news: the benchmarks earned in it, the strategy could not."
    ),
}


def cautions_of(warnings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pair each warning with what it means; one that is not known here stands alone."""
    return tuple(
        (text, next((meaning for sign, meaning in MEANINGS.items() if re.search(sign, text)), ""))
        for text in warnings
    )
