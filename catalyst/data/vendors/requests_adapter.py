"""Patience for clients built on requests: an adapter that no call can go around."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from catalyst.data.vendors.patience import TIMEOUT_S, Patience
from catalyst.errors import InvariantError

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient

ClientT = TypeVar("ClientT", bound="RESTClient")

_TRANSIENT = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


def mount(client: ClientT, patience: Patience) -> ClientT:
    """Give an alpaca-py client timeouts and our retries.

    alpaca-py has no timeout, and repeats a 429 or 504 by itself: since no such answer passes this
    adapter, the two never multiply.

    Raises
    ------
    InvariantError
        If the client no longer keeps its session where alpaca-py 0.44 does.
    """
    session = getattr(client, "_session", None)
    if not isinstance(session, requests.Session):
        raise InvariantError(
            "alpaca-py no longer keeps its requests.Session in `_session`, where a timeout is "
            "mounted; install alpaca-py 0.44"
        )
    adapter = _Patient(patience)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return client


class _Patient(HTTPAdapter):
    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._patience = patience

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        **options: Any,  # noqa: ANN401 - as requests passes them
    ) -> requests.Response:
        options["timeout"] = options.get("timeout") or TIMEOUT_S
        send = super().send

        def once() -> requests.Response:
            response = send(request, **options)
            # Read here, so that a body that breaks off is tried again as well.
            _ = response.content
            return response

        return self._patience.send(once, transient=_TRANSIENT, flaw=_flaw)


def _flaw(response: requests.Response) -> str | None:
    body = response.content.strip()
    if body.startswith(b"{") and body.endswith(b"}"):
        return None
    # A proxy's page of excuses, now and then with status 200.
    return "it answered without JSON"
