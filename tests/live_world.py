"""A small market made by hand in which one session has every kind of order there is."""

from __future__ import annotations

import datetime as dt
from functools import cache

import polars as pl
from lake_rows import at
from worlds import INSTANT, scratch

from catalyst import Lake, Params
from catalyst.data.calendar import NEW_YORK, sessions
from catalyst.live.preparation import session_of
from catalyst.strategy.values import Session

#: A session of them is lived through by one run; all are the same.
DAYS = tuple(sessions(dt.date(2015, 3, 2), dt.date(2016, 12, 30)))
#: So many sessions of history come first.
HISTORY = 6
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
VOLUME = 20_000.0

_BAR = dt.timedelta(minutes=15)
_Values = tuple[float, float, float, float, float]

#: Bars that matter by symbol and New York time; from then on it stays flat at the price beside.
#: AAA is entered before the open, in two parts, watched, protected at the open, and stopped out.
#: BBB is entered by two brackets, in parts; target 1 fills, the stop trails, twice, and is hit.
#: CCC is left at the market when its news turns. DDD fills in part, and the rest is cancelled.
#: EEE is held until all is flattened. FFF is entered before the open, falls below its stop while
#: it is watched, and leaves by limits, in parts.
_BARS: dict[str, dict[str, tuple[_Values, float]]] = {
    "AAA": {
        "09:00": ((100.0, 100.05, 99.9, 100.0, 400.0), 100.0),
        "10:30": ((99.0, 99.0, 97.5, 97.8, VOLUME), 97.8),
    },
    "BBB": {
        "10:00": ((100.0, 100.2, 99.9, 100.0, 500.0), 100.0),
        "10:30": ((101.0, 103.6, 101.0, 103.4, VOLUME), 104.0),
        "11:00": ((104.4, 104.8, 104.2, 104.6, VOLUME), 104.6),
        "11:15": ((104.6, 104.7, 103.0, 103.2, VOLUME), 103.0),
    },
    "DDD": {
        "10:00": ((100.0, 100.2, 99.9, 100.0, 600.0), 101.5),
        "10:45": ((101.5, 101.6, 99.9, 100.0, VOLUME), 100.0),
    },
    "FFF": {
        "08:45": ((99.0, 99.0, 97.0, 97.5, VOLUME), 97.5),
        "09:00": ((97.4, 97.6, 97.3, 97.5, 300.0), 97.5),
        "09:15": ((97.4, 97.6, 97.3, 97.5, 300.0), 97.5),
    },
}
_GOOD, _BAD = "earnings beat estimates, profit surges", "fraud lawsuit: profit plunges, bankruptcy"
_NEWS = (
    ("FFF", "08:20", _GOOD),
    ("AAA", "08:50", _GOOD),
    ("BBB", "09:40", _GOOD),
    ("CCC", "09:41", _GOOD),
    ("DDD", "09:42", _GOOD),
    ("EEE", "09:43", _GOOD),
    ("CCC", "10:50", _BAD),
)


@cache
def live_params() -> Params:
    """The news alone decides; whatever has good news is bought once, and all is sold at noon."""
    return Params.load("news_only").replace(
        catalyst_min=0,
        rvol_min=0,
        volume_min=0,
        quarter_from=0,
        half_from=1,
        news_hours=3,
        scan_minutes=30,
        scan_minutes_after_hours=390,
        stop_tight=1,
        stop_wide=1,
        entries_a_day=6,
        positions_max=6,
        daily_loss_frac=0.5,
        time_stop_hours=300,
        flatten_minutes=240,
    )


@cache
def live_lake(n_sessions: int) -> Lake:
    """6 symbols, 15-minute bars, and so many equal sessions after the history."""
    lake = Lake(scratch() / f"live-{n_sessions}", create=True)
    days = DAYS[: HISTORY + n_sessions]
    lake.add_bars(_bars(days), timeframe="15m", source="made")
    rows = [
        # Words of the day: the same headline a day later would be a copy, and weigh less.
        (f"{symbol} {text} {_words(n)}", at(f"{day}T{clock}"), symbol, "Reuters")
        for n, day in enumerate(days[HISTORY:])
        for symbol, clock, text in _NEWS
    ]
    names = ["headline", "published_at", "symbol", "source"]
    news = pl.DataFrame(rows, schema=names, orient="row")
    published = pl.col("published_at").cast(INSTANT)
    lake.add_news(news.with_columns(published, collected_at=published + dt.timedelta(seconds=30)))
    return lake


def session_on(day: str) -> Session:
    """Give the session of a day, ISO."""
    found = session_of(dt.date.fromisoformat(day))
    assert found is not None
    return found


def _words(number: int) -> str:
    words = ("report", "page", "desk", "wire", "line", "note", "item")
    return " ".join(f"{word}{number}" for word in words)


def _bars(days: tuple[dt.date, ...]) -> pl.DataFrame:
    rows = []
    for number, day in enumerate(days):
        for symbol in SYMBOLS:
            start, price = at(f"{day}T04:00"), 100.0
            script = _BARS.get(symbol, {}) if number >= HISTORY else {}
            for k in range(64):
                ts = start + k * _BAR
                told = script.get(ts.astimezone(NEW_YORK).strftime("%H:%M"))
                if told is None:
                    values: _Values = (price, price + 0.2, price - 0.2, price, VOLUME)
                else:
                    values, price = told
                rows.append((symbol, ts, *values))
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("ts").cast(INSTANT))
    return frame.with_columns(known_at=pl.col("ts") + _BAR)
