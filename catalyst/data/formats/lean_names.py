"""What a LEAN file is, told by its folders, its name and its first line.

``minute/aapl/20140605_trade.zip`` holds ``20140605_aapl_minute_trade.csv``; ``daily/uw.zip`` holds
``uw.csv``; ``factor_files/aapl.csv``, ``map_files/aapl.csv`` and ``coarse/20140325.csv`` are plain.
None of them has a header. Source: https://www.quantconnect.com/docs/v2/lean-engine/data-format
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import PurePath

from catalyst.data.formats.content import Content
from catalyst.data.messages import shown
from catalyst.data.symbols import symbol_in_name
from catalyst.errors import ImportFileError

#: A coarse snapshot under another name than its date, which stands nowhere else.
UNDATED = "undated"
#: What may be read, and into which table.
TABLES = {"bars": "bars", "factors": "actions", "map": "actions", "coarse": "universe"}
#: What it is called in a sentence.
NAMES = {
    "bars": "LEAN trade bars",
    "factors": "LEAN factor files",
    "map": "LEAN map files",
    "coarse": "LEAN coarse snapshots",
}

_TIMEFRAMES = {"minute": "1m", "hour": "1h", "daily": "1d"}
_RESOLUTIONS = (*_TIMEFRAMES, "second", "tick")
_CLASSES = frozenset(
    {"crypto", "cryptofuture", "forex", "cfd", "future", "option", "futureoption", "indexoption"}
)
_MEMBER = re.compile(
    r"^(\d{8})_(.+?)_(?:(tick|second|minute|hour|daily)_(trade|quote|openinterest)"
    r"|(trade|quote)_tick)\.csv$"
)
_DATED = re.compile(r"^(\d{8})_(trade|quote|openinterest)\.(?:zip|csv)$")
_DAY_FILE = re.compile(r"^(\d{8})\.csv$")
_NUMBER = r"-?\d*\.?\d+(?:e[+-]?\d+)?"
_FACTORS = re.compile(rf"^\d{{8}},{_NUMBER},{_NUMBER},{_NUMBER}\s*$", re.IGNORECASE)
_MAP = re.compile(r"^\d{8},[A-Za-z][A-Za-z0-9.\-]*(?:,[A-Za-z]*)?\s*$")
_COARSE = re.compile(r"^[A-Z0-9./\-]+ [A-Z0-9]+,[^,]+,[^,]*,[^,]*,[^,]*,(?:True|False),")
_SLOW_BARS = re.compile(r"^\d{8} (\d{2}:\d{2})(?:,-?\d+){5}\s*$")

_DIGITS = re.compile(r"^\d{8} \d{2}:\d{2},")


@dataclass(frozen=True, slots=True)
class LeanFile:
    """Say what a LEAN file holds.

    Attributes
    ----------
    kind : str
        ``bars``, ``factors``, ``map``, ``coarse``, or the name of what is not read: ``quotes``,
        ``ticks``, ``second bars``, ``open interest`` or ``prices of another asset class``.
    symbol : str
        The ticker, as the lake spells it; empty for a snapshot of all.
    timeframe : str
        ``1m``, ``1h`` or ``1d`` of bars, else empty.
    day : date or None
        Day of a file of one day.
    guessed : str
        What was guessed from the first line, for a note; empty if nothing was.
    """

    kind: str
    symbol: str = ""
    timeframe: str = ""
    day: dt.date | None = None
    guessed: str = ""


def lean_file(content: Content, first_line: str) -> LeanFile | None:
    """Tell what a file of LEAN's holds; None if it is none.

    Parameters
    ----------
    content
        The file.
    first_line
        Its first line.

    Raises
    ------
    ImportFileError
        If its folder and its name contradict each other.
    """
    parts = [part.lower() for part in content.path.parts]
    parent = parts[-2] if len(parts) > 1 else ""
    name = content.path.name.lower()
    inner = PurePath(content.name).name.lower()
    return (
        _of_one_day(content, parts, inner)
        or _slow_bars(parts, parent, name, inner, first_line)
        or _plain(parent, inner, first_line)
    )


def _of_one_day(content: Content, parts: list[str], inner: str) -> LeanFile | None:
    member = _MEMBER.match(inner)
    dated = _DATED.match(parts[-1])
    folders = parts[-3:-1] if len(parts) > 2 and parts[-3] in _RESOLUTIONS else None
    if member is None and (dated is None or folders is None):
        return None
    said: list[tuple[str, str, str, str]] = []
    if member is not None:
        day, symbol, resolution, kind, tick_kind = member.groups()
        said.append((day, symbol, resolution or "tick", kind or tick_kind))
    if dated is not None and folders is not None:
        said.append((dated[1], folders[1], folders[0], dated[2]))
    if len(set(said)) > 1:
        inside, outside = (" ".join(one) for one in said)
        raise ImportFileError(
            f"{shown(content.path)} holds '{shown(inside)}' inside and says '{shown(outside)}' by "
            "its name and folders; expected the same; put it where it belongs"
        )
    day, symbol, resolution, kind = said[0]
    if folders is not None and _is_other_class(parts[:-3]):
        return LeanFile("prices of another asset class")
    if kind != "trade":
        return LeanFile("quotes" if kind == "quote" else "open interest")
    if resolution not in _TIMEFRAMES:
        return LeanFile("ticks" if resolution == "tick" else "second bars")
    found = symbol_in_name(symbol)
    date = _date(day)
    if found is None or date is None:
        return None
    return LeanFile("bars", found, _TIMEFRAMES[resolution], date)


def _slow_bars(
    parts: list[str], parent: str, name: str, inner: str, first_line: str
) -> LeanFile | None:
    form = _SLOW_BARS.match(first_line)
    known = parent in ("daily", "hour") and name.endswith((".zip", ".csv"))
    if not known and form is None:
        return None
    if known and _is_other_class(parts[:-2]):
        return LeanFile("prices of another asset class")
    stem = name if name.endswith((".zip", ".csv")) else inner
    if stem.endswith(("_quote.zip", "_quote.csv")):
        return LeanFile("quotes")
    symbol = symbol_in_name(stem)
    if symbol is None:
        return None
    if known and (form is not None or _DIGITS.match(first_line)):
        return LeanFile("bars", symbol, _TIMEFRAMES[parent])
    if form is None:
        return None
    timeframe = "1d" if form[1] == "00:00" else "1h"
    guessed = f"lean: timeframe guessed from the first time, {form[1]}: {timeframe}"
    return LeanFile("bars", symbol, timeframe, guessed=guessed)


def _plain(parent: str, inner: str, first_line: str) -> LeanFile | None:
    symbol = symbol_in_name(inner) or ""
    if _FACTORS.match(first_line) and symbol:
        return LeanFile("factors", symbol)
    if _MAP.match(first_line) and symbol:
        return LeanFile("map", symbol)
    dated = _DAY_FILE.match(inner)
    if dated is not None and (parent == "coarse" or _COARSE.match(first_line)):
        day = _date(dated[1])
        return None if day is None else LeanFile("coarse", day=day)
    return LeanFile(UNDATED) if _COARSE.match(first_line) else None


def _is_other_class(parts: list[str]) -> bool:
    # class / market / resolution / ...
    return len(parts) > 1 and parts[-2] in _CLASSES


def _date(text: str) -> dt.date | None:
    try:
        return dt.datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None
