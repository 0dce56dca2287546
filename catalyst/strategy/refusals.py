"""A broker's no: its status, its code, its words. Codes are Alpaca's."""

from __future__ import annotations

from dataclasses import dataclass

BAD_REQUEST = 40010001
"""Code of an order of an impossible shape, of a repeated client id, of a wrong hour."""
BAD_LEVEL = 42210000
"""Code of a price off the tick, a level on the wrong side, an unknown asset."""
SHORT_OF = 40310000
"""Code of too few shares, too little money, and of orders that trade against each other."""
NOT_FOUND = 40410000
"""Code of an order, a position or an asset that is not there."""

LONGEST_CLIENT_ID = 48
"""Characters; older documentation's limit, the current one is not confirmed."""


@dataclass(frozen=True)
class Refusal:
    """Hold a broker's no: HTTP status, its code and words, and the two things compared (text)."""

    status: int
    code: int
    message: str
    value: str = ""
    threshold: str = ""


def bad(message: str, value: str = "", threshold: str = "") -> Refusal:
    """Return the refusal of an order of an impossible shape."""
    return Refusal(422, BAD_REQUEST, message, value, threshold)
