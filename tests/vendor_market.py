"""An invented market for the vendors' server: bars, articles, splits and dividends by a seed."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from catalyst.data import calendar, timeframes

Row = dict[str, Any]

_WORDS = ("beats estimates", "cuts guidance", "wins order", "names chief", "recalls product")


@dataclass
class Market:
    """Hold what the vendors know; change it between two pulls to see what they make of it.

    Attributes
    ----------
    symbols
        With bars; `invalid` ones are refused, others are known but have none.
    splits
        (symbol, ex-date, new, old).
    dividends
        (symbol, ex-date, US dollars a share of that day, special).
    renames
        (old, new, process date).
    revised_bars
        (symbol, stamp as in the answer) to another close.
    hidden_bars
        (symbol, stamp) that the vendor has not yet.
    articles
        Besides those made from the seed.
    null_dates
        (symbol, date) on which Yahoo has nulls.
    """

    symbols: tuple[str, ...] = ("AAA", "BBB", "BRK.B")
    invalid: tuple[str, ...] = ("BAD1",)
    splits: list[tuple[str, dt.date, int, int]] = field(default_factory=list)
    dividends: list[tuple[str, dt.date, float, bool]] = field(default_factory=list)
    renames: list[tuple[str, str, dt.date]] = field(default_factory=list)
    revised_bars: dict[tuple[str, str], float] = field(default_factory=dict)
    hidden_bars: set[tuple[str, str]] = field(default_factory=set)
    articles: list[Row] = field(default_factory=list)
    null_dates: set[tuple[str, dt.date]] = field(default_factory=set)
    minutes_apart: int = 1

    def bars(self, symbol: str, timeframe: str, start_ns: int, end_ns: int) -> list[Row]:
        """List raw bars that start in a span, its end included, as Alpaca writes them."""
        if symbol not in self.symbols:
            return []
        every = calendar.sessions()
        first = max(0, int(np.searchsorted(every.close_ns, start_ns - calendar.DAY_NS)))
        found = []
        for place in range(first, len(every)):
            if int(every.pre_ns[place]) > end_ns:
                break
            day = calendar.day_to_date(int(every.day[place]))
            rows = _session_bars(symbol, day, timeframe, self.minutes_apart)
            found += [
                self._as_known(symbol, day, row)
                for ns, row in rows
                if start_ns <= ns <= end_ns and (symbol, row["t"]) not in self.hidden_bars
            ]
        return found

    def news(self, symbols: set[str], start_ns: int, end_ns: int) -> list[Row]:
        """List articles updated in a span, its end included, by that time."""
        made = [
            one
            for symbol in self.symbols
            for one in _articles(symbol, start_ns // calendar.DAY_NS, end_ns // calendar.DAY_NS + 1)
        ]
        by_id = {one["id"]: one for one in [*made, *self.articles]}
        found = [
            one
            for one in by_id.values()
            if symbols & set(one["symbols"]) and start_ns <= _ns(one["updated_at"]) <= end_ns
        ]
        return sorted(found, key=lambda one: (one["updated_at"], one["id"]))

    def ratio_after(self, symbol: str, day: dt.date) -> float:
        """Multiply the ratios of the splits after a day."""
        found = 1.0
        for name, ex_date, new, old in self.splits:
            if name == symbol and day < ex_date:
                found *= new / old
        return found

    def _as_known(self, symbol: str, day: dt.date, row: Row) -> Row:
        ratio = self.ratio_after(symbol, dt.date.min) / self.ratio_after(symbol, day)
        if ratio != 1:
            row = row | {letter: round(row[letter] / ratio, 2) for letter in "ohlc"}
        close = self.revised_bars.get((symbol, row["t"]))
        if close is None:
            return row
        return row | {"c": close, "h": max(row["h"], close), "l": min(row["l"], close)}


def text_of(ns: int) -> str:
    """Write an instant as Alpaca does."""
    found = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=ns // 10**9)
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


def _ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * 10**9


def _rng(*parts: object) -> np.random.Generator:
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@cache
def _session_bars(
    symbol: str, day: dt.date, timeframe: str, minutes_apart: int
) -> list[tuple[int, Row]]:
    every = calendar.sessions()
    place = every.index_of(day)
    open_ns, close_ns = int(every.open_ns[place]), int(every.close_ns[place])
    rng = _rng(symbol, day)
    level = 20 + 60 * _rng(symbol).random() + 2 * rng.standard_normal()
    if timeframe == timeframes.DAILY:
        # Midnight in New York.
        stamps = [open_ns - 570 * calendar.MINUTE_NS]
    else:
        step = timeframes.LENGTH_NS[timeframe] * minutes_apart
        stamps = list(range(open_ns, close_ns, step))
    walk = level + 0.02 * np.cumsum(rng.standard_normal(len(stamps) + 1))
    volumes = rng.integers(100, 50_000, len(stamps))
    rows = []
    for number, ns in enumerate(stamps):
        o, c = round(float(walk[number]), 2), round(float(walk[number + 1]), 2)
        row = {"t": text_of(ns), "o": o, "h": round(max(o, c) + 0.03, 2)}
        row |= {"l": round(min(o, c) - 0.02, 2), "c": c, "v": int(volumes[number])}
        rows.append((ns, row | {"n": 10, "vw": round((o + c) / 2, 4)}))
    return rows


def _articles(symbol: str, first_day: int, last_day: int) -> list[Row]:
    return [one for day in range(first_day - 1, last_day + 1) for one in _articles_of(symbol, day)]


@cache
def _articles_of(symbol: str, day: int) -> list[Row]:
    rng = _rng("news", symbol, day)
    found = []
    for number in range(int(rng.integers(0, 3))):
        ns = day * calendar.DAY_NS + int(rng.integers(0, 86_400)) * 10**9
        late_s = int(rng.choice([0, 2, 300, 4_000]))
        word = _WORDS[int(rng.integers(0, len(_WORDS)))]
        found.append(
            article(
                int(rng.integers(1, 2**40)),
                f"{symbol} {word} &amp; says so, item {day}-{number}",
                created_ns=ns,
                updated_ns=ns + late_s * 10**9,
                symbols=[symbol],
            )
        )
    return found


def article(
    number: int, headline: str, *, created_ns: int, updated_ns: int, symbols: list[str]
) -> Row:
    """Write an article as Alpaca does."""
    return {
        "id": number,
        "headline": headline,
        "author": "An Invented Desk",
        "created_at": text_of(created_ns),
        "updated_at": text_of(updated_ns),
        "summary": f"In short: {headline}",
        "content": "<p>a long text that nobody stores</p>",
        "url": f"https://news.example/{number}",
        "images": [{"size": "thumb", "url": "https://news.example/t.jpg"}],
        "symbols": symbols,
        "source": "benzinga",
    }
