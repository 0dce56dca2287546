"""Quantities and prices as text on the wire: read to whole numbers and written back, exactly."""

from __future__ import annotations

import re

NANO = 1_000_000_000
"""Nano-dollars in a dollar: finer than any price on the wire."""

_PRICE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,9}\.[0-9]{1,40}", re.ASCII)
_SHARES = re.compile(r"(-?[0-9]{1,12})(?:\.0{1,9})?", re.ASCII)


def nano_price(text: str) -> int | None:
    """Read a price in USD as nano-dollars; None for what is no decimal text, the empty included."""
    found = _PRICE.fullmatch(text)
    if found is None:
        return None
    whole, fraction = found.groups()
    return int(whole) * NANO + int((fraction or "").ljust(9, "0"))


def is_decimal(text: str) -> bool:
    """Tell whether text is a decimal at all, however fine."""
    return _DECIMAL.fullmatch(text) is not None


def whole_shares(text: str) -> int | None:
    """Read a number of shares; None for a fraction and for what is no number."""
    found = _SHARES.fullmatch(text)
    return int(found[1]) if found else None


def nano_text(nano: int) -> str:
    """Write nano-dollars as decimal text in USD, without zeros at its end."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    whole, fraction = divmod(nano, NANO)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
