"""Requests that fail: what is tried again, how long is waited, and what is said in the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from vendor_pulls import Watch, alpaca, asked, bytes_of, pulled
from vendor_server import HTML_502, KEY, SECRET, Fault, VendorServer, too_many

from catalyst.data.vendors import requests_adapter
from catalyst.data.vendors.patience import wished_pause
from catalyst.errors import InputError, InvariantError

ONE_PAGE = asked("bars", symbols=("AAA",), timeframe="1h")


@pytest.fixture
def server() -> Iterator[VendorServer]:
    with VendorServer() as running:
        yield running


def test_retry_after_is_honoured(server: VendorServer, tmp_path: Path) -> None:
    watch = Watch()
    server.faults = [too_many(Retry_After="7")]
    report = pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), ONE_PAGE, watch)

    assert (watch.slept[0], watch.whys) == (7.0, ["it answered 429, too many requests"])
    assert report.ok


def test_the_reset_of_the_rate_limit_is_honoured(server: VendorServer, tmp_path: Path) -> None:
    watch = Watch()
    server.faults = [too_many(X_RateLimit_Reset="1800000009")]
    pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), ONE_PAGE, watch)

    assert watch.slept[0] == 9.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "25"}, 25.0),
        ({"X-RateLimit-Reset": "-4"}, None),
        ({}, None),
    ],
)
def test_the_pause_that_headers_ask_for_is_read(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert wished_pause(headers, now=10.0) == seconds


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(502, HTML_502), "it answered 502"),
        (Fault(504, HTML_502), "it answered 504"),
        (Fault(drop=True), "the connection failed (ChunkedEncodingError)"),
        (Fault(200, HTML_502), "it answered without JSON"),
        (Fault(200, '{"bars": {"AAA": [{"t":'), "it answered without JSON"),
    ],
)
def test_a_failure_that_may_pass_is_tried_again(
    server: VendorServer, tmp_path: Path, fault: Fault, why: str
) -> None:
    smooth = Watch()
    pulled(tmp_path / "smooth", alpaca(server, smooth, tmp_path), ONE_PAGE, smooth)
    watch = Watch()
    server.faults = [fault]
    pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), ONE_PAGE, watch)

    assert (watch.whys, watch.slept[0]) == ([why], 1.0)
    assert bytes_of(tmp_path / "lake") == bytes_of(tmp_path / "smooth")


def test_an_answer_that_does_not_come_is_not_waited_for(
    server: VendorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_adapter, "TIMEOUT_S", (1.0, 0.2))
    watch = Watch()
    server.faults = [Fault(mute=0.6)]
    pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), ONE_PAGE, watch)

    assert watch.whys == ["the connection failed (ReadTimeout)"]


@pytest.mark.parametrize("status", [429, 504])
def test_tries_are_bounded_and_not_multiplied_by_the_clients_own(
    server: VendorServer, tmp_path: Path, status: int
) -> None:
    watch = Watch()
    server.faults = [Fault(status, HTML_502)] * 100
    report = pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), ONE_PAGE, watch)

    assert len(server.paths()) == 6
    assert watch.slept[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert [why for _, why in report.failed] == [
        f"alpaca did not answer in 6 tries: it answered {status}"
        + (", too many requests" if status == 429 else "")
    ]


def test_a_pause_of_an_hour_is_not_sat_out(server: VendorServer, tmp_path: Path) -> None:
    watch = Watch()
    server.faults = [too_many(Retry_After="3600")]
    report = pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), ONE_PAGE, watch)

    assert (len(server.paths()), watch.slept) == (1, [])
    assert "asks to wait 3,600 s" in report.failed[0][1]


def test_a_vendor_that_keeps_failing_is_left_alone(server: VendorServer, tmp_path: Path) -> None:
    watch = Watch()
    server.faults = [Fault(502, HTML_502)] * 100
    request = asked("news", first=dt.date(2024, 1, 8))
    report = pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), request, watch)

    assert (len(report.failed), report.left, len(server.paths())) == (3, 2, 18)


def test_wrong_keys_are_one_sentence_without_the_keys(server: VendorServer, tmp_path: Path) -> None:
    watch = Watch()
    vendor = alpaca(server, watch, tmp_path, secret=SECRET[::-1])
    with pytest.raises(InputError) as caught:
        pulled(tmp_path / "lake", vendor, ONE_PAGE, watch)

    assert str(caught.value) == (
        "alpaca refuses the keys (403: forbidden.); check ALPACA_API_KEY and ALPACA_SECRET_KEY, "
        "which must be a pair"
    )
    assert "invented" not in repr(vendor)


def test_a_vendor_that_repeats_the_keys_is_not_quoted(server: VendorServer, tmp_path: Path) -> None:
    watch = Watch()
    server.faults = [Fault(418, f'{{"message":"no {KEY} with\\u001b[2J {SECRET}"}}')]
    report = pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), ONE_PAGE, watch)

    assert report.failed[0][1] == "alpaca refuses (418): no *** with [2J ***"


def test_sip_that_is_too_recent_says_what_to_do(server: VendorServer, tmp_path: Path) -> None:
    watch = Watch()
    message = "subscription does not permit querying recent SIP data"
    server.faults = [Fault(403, f'{{"message":"{message}"}}')]
    with pytest.raises(InputError, match="recent SIP data; give an earlier --end, or --feed iex"):
        pulled(tmp_path / "lake", alpaca(server, watch, tmp_path), ONE_PAGE, watch)


def test_the_clients_still_keep_their_session_where_a_timeout_is_mounted(
    server: VendorServer, tmp_path: Path
) -> None:
    vendor = alpaca(server, Watch(), tmp_path)
    sessions = [
        client._session for client in (vendor._stocks, vendor._articles, vendor._actions_client)
    ]

    assert all(isinstance(session, requests.Session) for session in sessions)


def test_a_client_without_that_session_fails_with_a_sentence() -> None:
    class Moved:
        pass

    with pytest.raises(InvariantError, match="no longer keeps its"):
        requests_adapter.mount(Moved(), None)  # type: ignore[type-var, arg-type]
