"""Numbers and instants as a trader reads them: short, with their unit, New York time."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

from catalyst.data.calendar import NEW_YORK
from catalyst.strategy.money import MICRO

_MOST_DIGITS = 12
_SECOND_NS = 1_000_000_000


def price(usd: float) -> str:
    """Write a price in USD: cents, up to a hundredth of one where it has them."""
    if not math.isfinite(usd):
        return "-"
    text = f"{usd:,.4f}"
    return text[:-2] if text.endswith("00") else text.removesuffix("0")


def money(micro: int, *, signed: bool = False) -> str:
    """Write whole micro-dollars exactly, with two to six digits behind the point."""
    sign = "-" if micro < 0 else "+" if signed else ""
    whole, rest = divmod(abs(micro), MICRO)
    digits = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{digits}"


def micro_of(usd: Decimal | float) -> int:
    """Return the micro-dollars of a money column's value, exactly."""
    return int(usd.scaleb(6)) if isinstance(usd, Decimal) else round(usd * MICRO)


def number(value: float, digits: int = 2) -> str:
    """Write a number with at most so many digits behind the point; whole ones without."""
    if not math.isfinite(value):
        return "unknown"
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def against(value: float, limit: float, digits: int = 2) -> tuple[str, str]:
    """Write a number and what it was compared with, so that two that differ look different."""
    texts = number(value, digits), number(limit, digits)
    if value == limit or texts[0] != texts[1] or digits >= _MOST_DIGITS:
        return texts
    return against(value, limit, digits + 1)


def percent(frac: float, digits: int = 1) -> str:
    """Write a fraction in percent."""
    return f"{number(frac * 100.0, digits)} %" if math.isfinite(frac) else "unknown"


def eastern(ns: int, *, date: bool = True, marked: bool = True) -> str:
    """Write an instant in New York time: to the minute, to the second where it has seconds."""
    at = dt.datetime.fromtimestamp(ns // _SECOND_NS, NEW_YORK)
    clock = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
    day = f"{at:%Y-%m-%d} " if date else ""
    return f"{day}{clock}{' ET' if marked else ''}"


def eastern_date(ns: int) -> dt.date:
    """Return the New York date of an instant."""
    return dt.datetime.fromtimestamp(ns // _SECOND_NS, NEW_YORK).date()


def iso_utc(ns: int) -> str:
    """Write an instant as ISO 8601 UTC, every nanosecond kept."""
    seconds, rest = divmod(ns, _SECOND_NS)
    text = f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%S}"
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"


def span(ns: int) -> str:
    """Write a length of time: ``45 s``, ``12 min``, ``3 h 05 min``, ``2 days 3 h``."""
    seconds = ns // _SECOND_NS
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    unit = "day" if days == 1 else "days"
    return f"{days} {unit} {hours} h" if hours else f"{days} {unit}"


def count(n: int, noun: str, plural: str = "") -> str:
    """Write a number of things: ``1 article``, ``1,200 articles``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
