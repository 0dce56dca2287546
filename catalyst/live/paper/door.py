"""What every request passes: who it is from, how often they came, how an answer looks."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from catalyst.errors import InputError
from catalyst.live.paper.exchange import account_id_of
from catalyst.live.paper.requests import Answer
from catalyst.live.paper.wire import moment_of
from catalyst.strategy.clock import MINUTE_NS

TRADING_A_MINUTE = 200
"""Requests an account may send to the trading side in a minute of exchange time."""
DATA_A_MINUTE = 10_000
"""Requests an account may send to the data side: a limit of its own."""


@dataclass
class Rates:
    """Count requests by account and side, in minutes of exchange time."""

    _minute: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def take(self, account_id: str, side: str, now_ns: int) -> tuple[bool, dict[str, str]]:
        """Count a request; tell whether it may pass, and the headers that say how many are left."""
        limit = DATA_A_MINUTE if side == "data" else TRADING_A_MINUTE
        minute = now_ns // MINUTE_NS
        last, count = self._minute.get((account_id, side), (minute, 0))
        count = count + 1 if last == minute else 1
        self._minute[account_id, side] = (minute, count)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - count, 0)),
            "X-RateLimit-Reset": str((minute + 1) * 60),
        }
        return count <= limit, headers


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the API key of a request; None without one. Any key is accepted."""
    key = headers.get("apca-api-key-id")
    if key and headers.get("apca-api-secret-key"):
        return key
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, secret = base64.b64decode(rest).decode().partition(":")
        except ValueError:
            return None
        return user if secret else None
    return rest if scheme.lower() == "bearer" and rest else None


def visitor(request: Request) -> str:
    """Return the account id that a request is from; the gate has let it in."""
    return account_id_of(key_of(request.headers) or "")


def answered(answer: Answer) -> Response:
    """Turn an answer into a response."""
    if answer.body is None:
        return Response(status_code=answer.status)
    return JSONResponse(answer.body, status_code=answer.status)


def no(status: int, code: int, message: str) -> JSONResponse:
    """Return a refusal as Alpaca writes them."""
    return JSONResponse({"code": code, "message": message}, status_code=status)


def asked_instant(query: Mapping[str, str], name: str) -> int | None:
    """Read an instant or a date of a query as ns UTC; None if it is not there.

    Raises
    ------
    InputError
        If it is neither.
    """
    text = query.get(name)
    if not text:
        return None
    try:
        return moment_of(text)
    except ValueError:
        raise InputError(f"{name} is {text!r}; expected an instant as of RFC 3339") from None


def asked_number(query: Mapping[str, str], name: str, default: int) -> int:
    """Read a whole number above 0 of a query.

    Raises
    ------
    InputError
        If it is none.
    """
    text = query.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise InputError(f"{name} is {text!r}; expected a whole number above 0")
    return int(text)


def asked_date(query: Mapping[str, str], name: str) -> dt.date | None:
    """Read a date of a query, of which an instant may stand; None if it is not there.

    Raises
    ------
    InputError
        If it is none.
    """
    text = query.get(name)
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        raise InputError(f"{name} is {text!r}; expected a date such as 2024-01-02") from None
