"""Patience for yfinance: a session of its own kind, so that Yahoo meets a browser's handshake."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from curl_cffi import requests as curl
from curl_cffi.requests.exceptions import RequestException

from catalyst.data.vendors.patience import TIMEOUT_S, Patience

# Only prices are worth a second try: without cookie and crumb, yfinance goes on by itself.
_PRICES = "/v8/finance/chart/"


class YahooSession(curl.Session):  # type: ignore[type-arg]
    """Send yfinance's requests, paced and repeated.

    yfinance takes a session of curl_cffi or of requests, but Yahoo soon turns away the latter,
    which does not shake hands as a browser does.

    Parameters
    ----------
    patience
        How requests are paced and repeated.
    url
        A server that stands in for Yahoo's; it gets the real host as the first part of the path.
    """

    def __init__(self, patience: Patience, url: str | None = None) -> None:
        super().__init__(impersonate="chrome")
        self._patience = patience
        self._url = url

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        **options: Any,  # noqa: ANN401 - as curl_cffi takes them
    ) -> curl.Response:
        """Send one request; see `curl_cffi.requests.Session.request`."""
        if self._url is not None:
            parts = urlsplit(url)
            query = f"?{parts.query}" if parts.query else ""
            url = f"{self._url}/{parts.hostname}{parts.path}{query}"
        options["timeout"] = options.get("timeout") or TIMEOUT_S
        send = super().request

        def once() -> curl.Response:
            answer: curl.Response = send(method, url, **options)  # type: ignore[arg-type]
            return answer

        if _PRICES in url:
            return self._patience.send(once, transient=(RequestException,), flaw=_flaw)
        self._patience.pace()
        return once()


def _flaw(response: curl.Response) -> str | None:
    body = response.content.strip()
    return None if body.startswith(b"{") and body.endswith(b"}") else "it answered without JSON"
