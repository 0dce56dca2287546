"""One request to Alpaca's trading API: timeouts, what may be asked again, what an answer means."""

from __future__ import annotations

import json
import random
from typing import Any, NoReturn

import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from requests.adapters import HTTPAdapter

from catalyst.data.vendors.patience import wished_pause
from catalyst.errors import BrokerRefusalError, BrokerSilenceError, InvariantError
from catalyst.live.endpoint import Endpoint, Keys, Money
from catalyst.live.pacing import Pace, growing

CONNECT_S = 3.0
#: Between two bytes of an answer: of orders, and of everything else.
ORDERS_S, OTHERS_S = 5.0, 10.0

_TRIES = 4
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 60.0
_TOO_MANY = 429
_CONNECTIONS = 32
_LONGEST_WORDS = 200
_PRIVATE = ("_session", "_retry", "_retry_codes")


class AlpacaRest:
    """Ask Alpaca's trading API through alpaca-py's client, a request at a time.

    What can be asked twice without harm (GET, DELETE) is asked up to four times; POST and PATCH are
    sent again only after a 429, with which Alpaca says that it did not take them. alpaca-py would
    repeat them after a 504 as well, which may come after the order was accepted: that is switched
    off. Its request models are not used, for they make a price a float.

    Parameters
    ----------
    seed
        Of the chance in the pauses.

    Raises
    ------
    InvariantError
        If alpaca-py keeps its session or its retries elsewhere than 0.44 does.
    """

    def __init__(self, endpoint: Endpoint, keys: Keys, pace: Pace, *, seed: int = 0) -> None:
        self._client = _client(endpoint, keys)
        self._secrets = (keys.secret, keys.key)
        self._pace = pace
        self._rng = random.Random(seed)  # noqa: S311 - it spreads pauses, it guards nothing

    def read(self, path: str, fields: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Ask with GET.

        Raises
        ------
        BrokerRefusalError
            If it is answered with 4xx, but 429.
        BrokerSilenceError
            If it isn't answered in four tries, or without JSON.
        """
        return self._patient("GET", path, fields)

    def remove(self, path: str) -> None:
        """Ask with DELETE; after a try that may have been taken, a refusal says that it was.

        Raises
        ------
        BrokerRefusalError, BrokerSilenceError
            As `read`.
        """
        self._patient("DELETE", path, None)

    def send(self, method: str, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Ask with POST or PATCH, once unless a 429 says that it was not taken.

        Returns
        -------
        Any
            The JSON, or None if it was taken and the answer can't be read.

        Raises
        ------
        BrokerRefusalError
            If it is answered with 4xx.
        BrokerSilenceError
            If it isn't answered, or with 5xx or a redirect: it may have been taken.
        """
        pauses = growing(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, self._rng)
        for number in range(_TRIES):
            self._pace.take(read=False)
            try:
                return self._once(method, path, body)
            except _TooManyError as error:
                self._pace.refused(max(error.wished_s, next(pauses)))
                if number + 1 == _TRIES:
                    raise BrokerSilenceError(
                        f"alpaca answered {method} {path} with 429, too many requests, {_TRIES} "
                        "times; it was not taken, and may be sent again later"
                    ) from None
        raise AssertionError

    def _patient(self, method: str, path: str, fields: dict[str, str] | None) -> Any:  # noqa: ANN401
        pauses = growing(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, self._rng)
        maybe_taken = False
        for number in range(_TRIES):
            self._pace.take(read=method == "GET")
            try:
                return self._told_something(method, path, fields)
            except _TooManyError as error:
                self._pace.refused(max(error.wished_s, next(pauses)))
                why = "it answers 429, too many requests"
            except BrokerRefusalError as error:
                if maybe_taken and method == "DELETE" and error.status in {404, 422}:
                    return None
                raise
            except BrokerSilenceError as error:
                maybe_taken, why = True, str(error)
                if number + 1 < _TRIES:
                    self._pace.sleep(next(pauses))
        raise BrokerSilenceError(f"alpaca did not answer {method} {path} in {_TRIES} tries: {why}")

    def _told_something(self, method: str, path: str, fields: dict[str, str] | None) -> Any:  # noqa: ANN401
        answer = self._once(method, path, fields)
        if answer is None and method == "GET":
            raise BrokerSilenceError(f"alpaca answered GET {path} without JSON")
        return answer

    def _once(self, method: str, path: str, fields: dict[str, Any] | None) -> Any:  # noqa: ANN401
        ask = getattr(self._client, method.lower())
        what = f"{method} {path.partition('?')[0]}"
        try:
            return ask(path, fields)
        except APIError as error:
            # Its code and message can't be read where a proxy answered: the status comes first.
            self._refused(what, error)
        except requests.exceptions.JSONDecodeError:
            return None
        except requests.exceptions.RequestException as error:
            # Its own text has the address, and may have a header.
            raise BrokerSilenceError(
                f"alpaca did not answer {what}: {type(error).__name__}; is ALPACA_BASE_URL right "
                "and the network up?"
            ) from None

    def _refused(self, what: str, error: APIError) -> NoReturn:
        status = error.status_code
        if status is None or status >= 500 or status == 408:
            raise BrokerSilenceError(f"alpaca answered {what} with {status}") from None
        if status == _TOO_MANY:
            wished = wished_pause(error.response.headers, now=self._pace.now())
            raise _TooManyError(min(wished or 0.0, _LONGEST_PAUSE_S)) from None
        code, words = 0, str(error)
        try:
            body = json.loads(words)
            words = str(body["message"])
            code = int(body.get("code", 0))
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise BrokerRefusalError(status, code, self._told(words)) from None

    def _told(self, words: str) -> str:
        for secret in self._secrets:
            words = words.replace(secret, "***")
        shown = "".join(letter if letter.isprintable() else " " for letter in words)
        return " ".join(shown.split())[:_LONGEST_WORDS] or "no reason given"


class _TooManyError(Exception):
    def __init__(self, wished_s: float) -> None:
        super().__init__()
        self.wished_s = wished_s


class _Strict(HTTPAdapter):
    """Set timeouts, and let no redirect pass for an answer."""

    def __init__(self) -> None:
        # Several acts go out at once, each on a connection of its own.
        super().__init__(pool_maxsize=_CONNECTIONS)

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        **options: Any,  # noqa: ANN401 - as requests passes them
    ) -> requests.Response:
        is_order = request.method != "GET" or "/orders" in (request.url or "")
        options["timeout"] = (CONNECT_S, ORDERS_S if is_order else OTHERS_S)
        response = super().send(request, **options)
        # alpaca-py does not follow it, and takes its body for the answer.
        if 300 <= response.status_code < 400:
            raise BrokerSilenceError(
                f"the address in ALPACA_BASE_URL redirects ({response.status_code}); keys are not "
                "sent after it: give the broker's own address"
            )
        return response


def _client(endpoint: Endpoint, keys: Keys) -> TradingClient:
    client = TradingClient(
        keys.key,
        keys.secret,
        raw_data=True,
        url_override=endpoint.url,
        paper=endpoint.money is not Money.REAL,
    )
    session = getattr(client, "_session", None)
    if not isinstance(session, requests.Session) or not all(
        hasattr(client, name) for name in _PRIVATE
    ):
        raise InvariantError(
            f"alpaca-py no longer has {', '.join(_PRIVATE)}, where timeouts are set and its own "
            "retries of orders are switched off; install alpaca-py 0.44"
        )
    client._retry, client._retry_codes = 0, []  # noqa: SLF001 - it has no public switch
    # A proxy of the environment must not see, nor answer for, what stays on this machine.
    session.trust_env = endpoint.money is not Money.LOCAL
    session.mount("https://", _Strict())
    session.mount("http://", _Strict())
    return client
