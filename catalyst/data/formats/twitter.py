"""Tweets as Twitter's API v1 gives them: one JSON object a line.

A file named by a day in a folder named by a symbol (``AAPL/2014-06-06``) is a provider's link to
that symbol. The day is not used: whoever filed the tweets may have lived in any time zone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catalyst.data.formats.chunks import Chunk, text_chunks, utf8_pieces, with_last
from catalyst.data.formats.content import Content
from catalyst.data.formats.opened import Opened
from catalyst.data.given import Given
from catalyst.data.messages import shown
from catalyst.data.symbols import joined_symbol
from catalyst.errors import ImportFileError

if TYPE_CHECKING:
    import polars as pl

FORMAT = "twitter-jsonl"

_JSON = "json"
_SHAPE = "shape"
_COLUMNS = (
    "headline", "published_at", "id", "source", "is_retweet", "retweet_of_id", "retweet_of_source",
)  # fmt: skip
_DAY_NAME = re.compile(r"^\d{4}-\d{2}-\d{2}(?:\.jsonl?|\.txt)?$")
_FOLDER = re.compile(r"^[A-Z][A-Z0-9]{0,5}(?:[.\-][A-Z]{1,2})?$")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_SNIFFED = 5
_HEAD_BYTES = 65_536


def is_twitter(head: str) -> bool:
    """Tell whether one of the first lines is, or begins as, a tweet."""
    lines = [line for line in head.splitlines() if line.strip()][:_MOST_SNIFFED]
    return any(
        line.lstrip().startswith("{")
        and '"created_at"' in line
        and ('"text"' in line or '"full_text"' in line)
        for line in lines
    )


def open_twitter(content: Content, notes: Sequence[str]) -> Opened:
    """Open a file of tweets.

    The text is the longest that the tweet itself has: ``extended_tweet.full_text``, else
    ``full_text``, else ``text``; a retweet keeps its own, cut as it may be. The row is kept as the
    line stands. A line that is no JSON breaks the rule ``json``, one that is no tweet ``shape``.
    """
    file = str(content.path)
    preset: dict[str, object] = {
        "mapping": {name: name for name in _COLUMNS},
        "provider": "twitter",
        "tz": "UTC",
        "midnight": "time",
    }
    said = list(notes)
    symbol = _folder_symbol(content)
    if symbol is not None:
        preset["symbol"] = symbol
        said.append("twitter-jsonl: each tweet is linked to the symbol that its folder names")

    def read() -> Iterator[Given]:
        return _blocks(content, file)

    return Opened(file, FORMAT, content.size_bytes, tuple(said), read, preset)


def _folder_symbol(content: Content) -> str | None:
    folder = content.path.absolute().parent.name
    if _DAY_NAME.match(content.name) and _FOLDER.match(folder):
        return joined_symbol(folder)
    return None


def _blocks(content: Content, file: str) -> Iterator[Given]:
    notes: list[str] = []
    line = 1
    mended = recoded = given = 0
    pieces = utf8_pieces(content, notes)
    for chunk, last in with_last(text_chunks(pieces, delimiter=None)):
        lost: list[tuple[int, str, str]] = []
        lines: list[tuple[int, str]] = []
        if isinstance(chunk, Chunk):
            recoded += chunk.recoded
            every = _lines(chunk)
            lines = [(line + place, text) for place, text in enumerate(every) if text]
            line += len(every)
        else:
            lost.append((line, _JSON, chunk.row))
            line += 1
        found, halves = tweets_of(lines, file)
        mended += halves
        given += len(found) + len(lost)
        if last:
            notes += _counted(mended, recoded)
            if not given:
                raise ImportFileError(f"{shown(file)} is empty; expected a tweet in each line")
        yield Given(
            found.frame,
            file,
            found.line,
            found.broken + lost,
            tuple(notes),
            chunk.end_byte,
            found.raw,
        )


def tweets_of(lines: Sequence[tuple[int, str]], file: str) -> tuple[Given, int]:
    """Read tweets.

    Parameters
    ----------
    lines
        Number and text of each line.
    file
        Name of their file.

    Returns
    -------
    (Given, int)
        The rows, and how many texts had half a character.
    """
    columns: dict[str, list[str | bool | None]] = {name: [] for name in _COLUMNS}
    numbers: list[int] = []
    raw: list[str] = []
    broken: list[tuple[int, str, str]] = []
    mended = 0
    for line, text in lines:
        found = _tweet(text)
        if isinstance(found, str):
            broken.append((line, found, json.dumps(text, ensure_ascii=False)))
        else:
            mended += _append(columns, found)
            numbers.append(line)
            raw.append(text)
    given = Given(
        _frame(columns), file, np.array(numbers, np.int64), broken, raw=_series("raw", raw)
    )
    return given, mended


def _lines(chunk: Chunk) -> list[str]:
    lines = chunk.data.decode().split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.strip(" \t\r") for line in lines]


def _counted(mended: int, recoded: int) -> list[str]:
    notes = []
    if mended:
        texts = "1 text" if mended == 1 else f"{mended:,} texts"
        notes.append(f"twitter-jsonl: {texts} with half a character, which is shown as \ufffd")
    if recoded:
        lines = "1 line that is" if recoded == 1 else f"{recoded:,} lines that are"
        notes.append(f"encoding guessed: windows-1252 for {lines} no UTF-8")
    return notes


def _tweet(text: str) -> dict[str, Any] | str:
    """Read a line; give the name of the rule that it breaks if it is no tweet."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _JSON
    if not isinstance(found, dict) or not isinstance(found.get("created_at"), str):
        return _SHAPE
    if _text(found) is None or _id(found) is None:
        return _SHAPE
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _append(columns: dict[str, list[str | bool | None]], tweet: dict[str, Any]) -> int:
    found = tweet.get("retweeted_status")
    is_retweet = isinstance(found, dict)
    original: dict[str, Any] = found if isinstance(found, dict) else {}
    values: tuple[str | None, ...] = (
        _text(tweet),
        tweet["created_at"],
        _id(tweet),
        _author(tweet),
        _id(original),
        _author(original),
    )
    names = [name for name in _COLUMNS if name != "is_retweet"]
    mended = False
    for name, value in zip(names, values, strict=True):
        whole = value
        if value is not None and _SURROGATE.search(value):
            whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            mended = True
        columns[name].append(whole)
    columns["is_retweet"].append(is_retweet)
    return int(mended)


def _text(tweet: dict[str, Any]) -> str | None:
    extended = tweet.get("extended_tweet")
    longer = extended.get("full_text") if isinstance(extended, dict) else None
    for text in (longer, tweet.get("full_text"), tweet.get("text")):
        if isinstance(text, str):
            return text
    return None


def _id(tweet: dict[str, Any]) -> str | None:
    # Ids exceed 2^53: text or a whole number, never through a float.
    for name in ("id_str", "id"):
        value = tweet.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**64:
            return str(value)
    return None


def _author(tweet: dict[str, Any]) -> str | None:
    user = tweet.get("user")
    name = user.get("screen_name") if isinstance(user, dict) else None
    return name if isinstance(name, str) else None


def _frame(columns: dict[str, list[str | bool | None]]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        columns,
        schema={name: pl.Boolean if name == "is_retweet" else pl.String for name in _COLUMNS},
    )


def _series(name: str, texts: list[str]) -> pl.Series:
    import polars as pl

    return pl.Series(name, texts, dtype=pl.String)
