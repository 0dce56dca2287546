"""Alpaca's JSON becomes rows of the lake: bars, news and corporate actions."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catalyst.data import calendar

if TYPE_CHECKING:
    import polars as pl

#: Seconds from publication to knowledge of an article that was not changed since; assumed.
NEWS_LATENCY_S = 60
#: Kinds of actions asked for; the later ones have no place in the lake and are only named.
ACTION_TYPES = ("forward_split", "reverse_split", "cash_dividend", "name_change")
NAMED_ONLY = ("stock_dividend", "unit_split", "spin_off")

_NUMBERS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
# Large, or another's text that a headline doesn't need; left out of what is kept of an article.
_LEFT_OUT = frozenset({"content", "images"})


def bar_rows(bars: Mapping[str, Sequence[Mapping[str, Any]] | None]) -> pl.DataFrame:
    """Read bars by symbol: ts (start of the bar, datetime[ns, UTC]), US dollars, shares."""
    import polars as pl

    rows = [(symbol, bar) for symbol, found in bars.items() for bar in found or ()]
    frame = pl.DataFrame(
        {
            "symbol": [symbol for symbol, _ in rows],
            "ts": [bar.get("t") for _, bar in rows],
            **{
                name: pl.Series([bar.get(letter) for _, bar in rows], dtype=pl.Float64)
                for letter, name in _NUMBERS.items()
            },
        },
        schema_overrides={"symbol": pl.String, "ts": pl.String},
    )
    read = frame.with_columns(_instants(pl.col("ts")))
    # A row with an odd time goes to quarantine, as it was given.
    return frame if read["ts"].null_count() else read


def news_rows(articles: Sequence[Mapping[str, Any]]) -> tuple[pl.DataFrame, pl.Series]:
    """Read articles, and their text as JSON without content and images.

    The text given is the one of the last update, so an article is known at the later of its update
    and a minute after its publication; only the latter is assumed.
    """
    import polars as pl

    texts = ("headline", "source", "author", "url")
    frame = pl.DataFrame(
        {
            "id": [None if one.get("id") is None else str(one["id"]) for one in articles],
            **{name: [one.get(name) for one in articles] for name in texts},
            "published_at": [one.get("created_at") for one in articles],
            "updated_at": [one.get("updated_at") for one in articles],
            "symbol": [list(one.get("symbols") or ()) for one in articles],
        },
        schema_overrides=dict.fromkeys(("id", *texts, "published_at", "updated_at"), pl.String)
        | {"symbol": pl.List(pl.String)},
    ).with_columns(_instants(pl.col("published_at", "updated_at")))
    assumed = pl.col("published_at") + pl.duration(seconds=NEWS_LATENCY_S, time_unit="ns")
    is_updated = (pl.col("updated_at") > assumed).fill_null(value=False)
    frame = frame.with_columns(
        known_at=pl.when(is_updated).then("updated_at").otherwise(assumed),
        known_is_assumed=~is_updated,
    )
    raw = [
        json.dumps(
            {name: value for name, value in one.items() if name not in _LEFT_OUT},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for one in articles
    ]
    return frame.drop("updated_at"), pl.Series("raw", raw, dtype=pl.String)


def action_rows(
    actions: Iterable[tuple[str, Mapping[str, Any]]], *, first: dt.date, last: dt.date
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Read corporate actions, given with the name of their list (``forward_splits``).

    Cash dividends of one symbol and ex-date, an ordinary and a special one, are added up, since the
    lake holds one a day; the vendor's ids keep one that is given twice from counting twice. A
    change of name is effective on its process date, or on the next session. Actions of days before
    `first` or after `last` are those of other requests.

    Returns
    -------
    (DataFrame, tuple of str)
        Rows, and what was left out.
    """
    import polars as pl

    rows: list[dict[str, object]] = []
    dividends: dict[tuple[str, str], dict[str, float]] = {}
    others: dict[str, int] = {}
    for kind, one in actions:
        day = one.get("process_date" if kind == "name_changes" else "ex_date")
        if isinstance(day, str) and not str(first) <= day <= str(last):
            continue
        if kind in {"forward_splits", "reverse_splits"}:
            new, old = one.get("new_rate"), one.get("old_rate")
            value = float(new) / float(old) if new and old else None
            rows.append(_action(one.get("symbol"), day, "split", value))
        elif kind == "cash_dividends":
            symbol, rate = one.get("symbol"), one.get("rate")
            if symbol and day and rate:
                name = str(one.get("id") or f"{rate} {one.get('special')}")
                dividends.setdefault((str(symbol), str(day)), {})[name] = float(rate)
            else:
                rows.append(_action(symbol, day, "dividend", rate))
        elif kind == "name_changes":
            row = _action(one.get("old_symbol"), _session_from(day), "rename")
            rows.append(row | {"new_symbol": one.get("new_symbol")})
        else:
            others[kind] = others.get(kind, 0) + 1
    rows += [
        _action(symbol, date, "dividend", round(sum(rates.values()), 6))
        for (symbol, date), rates in sorted(dividends.items())
    ]
    schema = {"symbol": pl.String, "ex_date": pl.String, "kind": pl.String, "value": pl.Float64}
    notes = tuple(
        f"alpaca also tells of {count} {kind.replace('_', ' ')}, which the lake has no kind for"
        for kind, count in sorted(others.items())
    )
    return pl.DataFrame(rows, schema=schema | {"new_symbol": pl.String}), notes


def _action(
    symbol: object, date: object, kind: str, value: float | None = None
) -> dict[str, object]:
    return {"symbol": symbol, "ex_date": date, "kind": kind, "value": value, "new_symbol": None}


def _session_from(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        day = calendar.date_to_day(dt.date.fromisoformat(text))
    except ValueError:
        return text
    every = calendar.sessions()
    place = int(np.searchsorted(every.day, day))
    return str(calendar.day_to_date(int(every.day[place]))) if place < len(every) else text


def _instants(column: pl.Expr) -> pl.Expr:
    return column.str.to_datetime("%+", time_unit="ns", time_zone="UTC", strict=False)
