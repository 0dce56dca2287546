"""Where orders go: paper, this machine, or real money, which must be asked for twice."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

from catalyst.data.settings import Settings
from catalyst.errors import InputError

PAPER_HOST = "paper-api.alpaca.markets"

_CONSENT = "yes"
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")
_FORM = "expected https://host, such as https://paper-api.alpaca.markets, or http://127.0.0.1:port"


class Money(Enum):
    """Name what trades at an endpoint are made of."""

    PAPER = "paper"
    LOCAL = "local"
    REAL = "real"


@dataclass(frozen=True)
class Endpoint:
    """Hold where a broker is; made by `endpoint_of` alone.

    Attributes
    ----------
    url
        Of its REST, rebuilt from its parts, without a path.
    stream_url
        Of its trade updates.
    """

    url: str
    stream_url: str
    money: Money


@dataclass(frozen=True)
class Keys:
    """Hold an account's pair; never shown."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


def keys_of(settings: Settings) -> Keys:
    """Read the account's keys.

    Raises
    ------
    InputError
        If one is missing; it says which.
    """
    key, secret = settings.alpaca_api_key, settings.alpaca_secret_key
    if key is not None and secret is not None:
        return Keys(key.get_secret_value(), secret.get_secret_value())
    named = {"ALPACA_API_KEY": key, "ALPACA_SECRET_KEY": secret}
    missing = [name for name, value in named.items() if value is None]
    raise InputError(
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing in the "
        "environment and .env; a broker needs both, and a free paper account has both"
    )


def endpoint_of(settings: Settings) -> Endpoint:
    """Read where orders go; see `parse_endpoint`.

    Raises
    ------
    InputError
        If ``ALPACA_BASE_URL`` has another form, or leads to real money without
        ``CATALYST_REAL_MONEY=yes`` and a ``CATALYST_REAL_MONEY_ACCOUNT``.
    """
    endpoint = parse_endpoint(settings.alpaca_base_url)
    if endpoint.money is Money.REAL:
        _consented(endpoint, settings)
    return endpoint


def parse_endpoint(text: str) -> Endpoint:
    """Parse an address strictly: what is neither Alpaca's paper host nor this machine is real.

    Raises
    ------
    InputError
        If it has a user, a query, an unusual character or a path other than ``/v2``, or is not
        TLS while it leaves this machine. The text itself is not repeated: it may hold a password.
    """
    if not text.isascii() or not text.isprintable() or set(text) & set(" \\"):
        raise InputError(f"ALPACA_BASE_URL has a character that no address has; {_FORM}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InputError(f"ALPACA_BASE_URL is no address; {_FORM}") from None
    if "@" in parts.netloc:
        raise InputError(
            f"ALPACA_BASE_URL names a user: keys belong into ALPACA_API_KEY and "
            f"ALPACA_SECRET_KEY; {_FORM}"
        )
    if parts.query or parts.fragment or parts.path.rstrip("/") not in {"", "/v2"}:
        raise InputError(f"ALPACA_BASE_URL goes on after the host; {_FORM}")
    if parts.scheme not in {"http", "https"} or not _is_host(host):
        raise InputError(f"ALPACA_BASE_URL is no address of a broker; {_FORM}")
    local = _is_this_machine(host)
    secure = parts.scheme == "https"
    if not secure and not local:
        raise InputError(
            f"ALPACA_BASE_URL leaves this machine to {host} without TLS: keys would be readable "
            f"on the way; {_FORM}"
        )
    place = f"[{host}]" if ":" in host else host
    place += "" if port is None else f":{port}"
    is_paper = secure and host == PAPER_HOST and port in {None, 443}
    money = Money.LOCAL if local else Money.PAPER if is_paper else Money.REAL
    return Endpoint(
        url=f"{parts.scheme}://{place}",
        stream_url=f"{'wss' if secure else 'ws'}://{place}/stream",
        money=money,
    )


def hold_to_account(endpoint: Endpoint, settings: Settings, number: str) -> None:
    """Refuse real money on another account than the one that was named.

    Called with what the broker reports, before anything else is asked of it.

    Raises
    ------
    InputError
        If the endpoint is of real money, and one of the two settings is not as it must be.
    """
    if endpoint.money is not Money.REAL:
        return
    named = _consented(endpoint, settings)
    if number != named:
        raise InputError(
            f"CATALYST_REAL_MONEY_ACCOUNT is {named}, but the keys are of account {number} at "
            f"{endpoint.url}; nothing was traded: correct the setting or the keys"
        )


def _consented(endpoint: Endpoint, settings: Settings) -> str:
    named = settings.catalyst_real_money_account
    if settings.catalyst_real_money == _CONSENT and named is not None:
        return named
    raise InputError(
        f"ALPACA_BASE_URL {endpoint.url} is neither Alpaca's paper endpoint nor this machine, so "
        "orders would be real money: set CATALYST_REAL_MONEY=yes and CATALYST_REAL_MONEY_ACCOUNT "
        "to the number of the account, both, or unset ALPACA_BASE_URL to trade on paper"
    )


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return bool(_HOST.match(host))


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
