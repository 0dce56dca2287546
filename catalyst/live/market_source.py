"""Where bars and news come from: Alpaca's data API and streams, or a paper exchange's."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from catalyst.data.vendors.alpaca import FEEDS
from catalyst.errors import InputError

_DATA_HOST = "data.alpaca.markets"
_STREAM_HOST = "stream.data.alpaca.markets"
_HERE = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True)
class MarketSource:
    """Hold where market data is, and the keys for it; made by `market_source`.

    Attributes
    ----------
    rest_url, stream_url
        Without a path.
    key, secret
        Never shown.
    feed
        ``iex`` or ``sip``.
    is_here
        Whether it is a server on this machine.
    """

    rest_url: str
    stream_url: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    feed: str
    is_here: bool


def market_source(rest_url: str, *, key: str, secret: str, feed: str) -> MarketSource:
    """Say where the streams are that belong to a data API.

    Parameters
    ----------
    rest_url
        Such as ``https://data.alpaca.markets``, or ``http://127.0.0.1:8300`` of a paper exchange.
    key, secret
        Of the account.
    feed
        ``sip`` (all exchanges; a paid plan) or ``iex`` (one of them).

    Raises
    ------
    InputError
        If a key is missing, the address is none or would send them in clear to another machine, or
        the feed is unknown.
    """
    if not key or not secret:
        raise InputError(
            "ALPACA_API_KEY and ALPACA_SECRET_KEY must both be set, in the environment or in .env, "
            "to hear bars and news"
        )
    if feed not in FEEDS:
        raise InputError(f"the feed {feed} is unknown; expected one of {', '.join(FEEDS)}")
    try:
        told = urlsplit(rest_url)
        host, port = told.hostname or "", told.port
    except ValueError:
        host, port = "", None
    is_here = host in _HERE
    if (
        not host
        or told.username
        or told.scheme not in ({"http", "https"} if is_here else {"https"})
    ):
        raise InputError(
            "ALPACA_DATA_URL leads nowhere safe; expected https://data.alpaca.markets, or "
            "http://127.0.0.1:PORT of a paper exchange"
        )
    name = f"[{host}]" if ":" in host else host
    place = f"{name}:{port}" if port else name
    stream = place.replace(_DATA_HOST, _STREAM_HOST) if host == _DATA_HOST else place
    scheme = "wss" if told.scheme == "https" else "ws"
    return MarketSource(
        f"{told.scheme}://{place}", f"{scheme}://{stream}", key, secret, feed, is_here
    )
