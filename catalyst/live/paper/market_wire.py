"""The shapes of bars, news and corporate actions, as Alpaca's clients read them."""

from __future__ import annotations

from typing import Any

import msgpack

from catalyst.live.paper.tape import Article, Quoted
from catalyst.live.paper.wire import Json, instant


def bar_json(quoted: Quoted) -> Json:
    """Return a bar of a REST answer; a lake knows neither trades nor their mean price."""
    return _bar(quoted, instant(quoted.ts_ns))


def trade_json(quoted: Quoted, at_ns: int) -> Json:
    """Return the last trade that a bar tells of: its close, at its end."""
    return {
        "t": instant(at_ns),
        "p": quoted.close,
        "s": 0,
        "x": "V",
        "i": 0,
        "c": ["@"],
        "z": "C",
    }


def bar_message(quoted: Quoted, *, packed: bool) -> Json:
    """Return a bar of the stream; one that corrects another is of a kind of its own."""
    kind = "u" if quoted.again else "b"
    return {"T": kind, "S": quoted.symbol, **_bar(quoted, stamp(quoted.ts_ns, packed=packed))}


def article_json(article: Article) -> Json:
    """Return an article of a REST answer."""
    return _article(article, instant(article.published_ns), instant(article.known_ns))


def article_message(article: Article, *, packed: bool) -> Json:
    """Return an article of the stream."""
    made = stamp(article.published_ns, packed=packed), stamp(article.known_ns, packed=packed)
    return {"T": "n", **_article(article, *made)}


def stamp(ns: int, *, packed: bool) -> Any:  # noqa: ANN401 - a time of one of two codings
    """Return an instant as a stream carries it: msgpack has a type for it."""
    return msgpack.Timestamp.from_unix_nano(ns) if packed else instant(ns)


def _bar(quoted: Quoted, at: object) -> Json:
    volume = quoted.volume
    return {
        "t": at,
        "o": quoted.open,
        "h": quoted.high,
        "l": quoted.low,
        "c": quoted.close,
        "v": int(volume) if volume.is_integer() else volume,
        "n": None,
        "vw": None,
    }


def _article(article: Article, created: object, updated: object) -> Json:
    return {
        "id": article.number,
        "headline": article.headline,
        "source": article.source,
        "author": article.author,
        "url": article.url,
        "summary": "",
        "content": "",
        "created_at": created,
        "updated_at": updated,
        "symbols": list(article.symbols),
        "images": [],
    }
