"""Where orders may go, and whose account it must be."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from catalyst.data.settings import Settings
from catalyst.errors import InputError
from catalyst.live.endpoint import Money, endpoint_of, hold_to_account, keys_of, parse_endpoint

REAL = "https://api.alpaca.markets"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ALPACA_BASE_URL", "ALPACA_API_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CATALYST_REAL_MONEY", "CATALYST_REAL_MONEY_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "money", "stream"),
    [
        ("https://paper-api.alpaca.markets", Money.PAPER, "wss://paper-api.alpaca.markets/stream"),
        ("https://PAPER-API.alpaca.markets/", Money.PAPER, "wss://paper-api.alpaca.markets/stream"),
        ("https://paper-api.alpaca.markets/v2", Money.PAPER, None),
        ("https://paper-api.alpaca.markets:443", Money.PAPER, None),
        ("http://127.0.0.1:8300", Money.LOCAL, "ws://127.0.0.1:8300/stream"),
        ("http://localhost:8300", Money.LOCAL, None),
        ("http://[::1]:8300", Money.LOCAL, "ws://[::1]:8300/stream"),
        ("https://api.alpaca.markets", Money.REAL, "wss://api.alpaca.markets/stream"),
        ("https://paper-api.alpaca.markets:8443", Money.REAL, None),
        ("https://paper-api.alpaca.markets.evil.com", Money.REAL, None),
        ("https://paper-api-alpaca.markets", Money.REAL, None),
        ("https://evil.com/", Money.REAL, None),
        ("https://127.0.0.1.evil.com", Money.REAL, None),
        ("https://localhost.evil.com", Money.REAL, None),
        ("https://2130706433", Money.REAL, None),
        ("https://10.0.0.7", Money.REAL, None),
    ],
)
def test_only_the_paper_host_and_this_machine_are_not_real_money(
    text: str, money: Money, stream: str | None
) -> None:
    found = parse_endpoint(text)

    assert found.money is money
    assert stream is None or found.stream_url == stream


@pytest.mark.parametrize(
    "text",
    [
        "https://paper-api.alpaca.markets@evil.com",
        "https://user:hunter2@paper-api.alpaca.markets",
        "https://evil.com\\@paper-api.alpaca.markets",
        "https://evil.com#@paper-api.alpaca.markets",
        "https://evil.com?@paper-api.alpaca.markets",
        "https://evil.com/paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets\t.evil.com",
        "https://paper-api.alpaca.markets .evil.com",
        "https://paper\u2010api.alpaca.markets",
        "https://paper-api\u3002alpaca.markets",
        "https://paper-api.alpaca.markets%2eevil.com",
        "https://paper-api.alpaca.markets.",
        "https://paper-api.alpaca.markets:port",
        "https://",
        "paper-api.alpaca.markets",
        "ftp://paper-api.alpaca.markets",
        "http://paper-api.alpaca.markets",
        "http://10.0.0.7:8300",
        "https://[::1",
    ],
)
def test_an_address_with_a_trick_in_it_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_endpoint(text)

    assert "ALPACA_BASE_URL" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_without_a_setting_orders_go_to_paper() -> None:
    assert endpoint_of(Settings()).money is Money.PAPER


@pytest.mark.parametrize(
    ("consent", "account"), [(None, None), ("yes", None), (None, "123"), ("YES!", "123")]
)
def test_real_money_is_refused_in_words_that_say_which_two_settings(
    consent: str | None, account: str | None
) -> None:
    told = Settings(
        alpaca_base_url=REAL, catalyst_real_money=consent, catalyst_real_money_account=account
    )

    with pytest.raises(InputError) as caught:
        endpoint_of(told)

    assert "CATALYST_REAL_MONEY=yes" in str(caught.value)
    assert "CATALYST_REAL_MONEY_ACCOUNT" in str(caught.value)


def test_real_money_is_held_to_the_account_that_the_broker_reports() -> None:
    told = Settings(
        alpaca_base_url=REAL, catalyst_real_money="yes", catalyst_real_money_account="123456789"
    )
    endpoint = endpoint_of(told)
    hold_to_account(endpoint, told, "123456789")

    with pytest.raises(InputError, match="987654321"):
        hold_to_account(endpoint, told, "987654321")


def test_a_paper_account_needs_no_number() -> None:
    hold_to_account(endpoint_of(Settings()), Settings(), "PA0000000001")


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        (None, None, "ALPACA_API_KEY and ALPACA_SECRET_KEY are missing"),
        ("k", None, "ALPACA_SECRET_KEY is missing"),
        (None, "s", "ALPACA_API_KEY is missing"),
    ],
)
def test_incident_10_missing_keys_are_one_clear_error(
    key: str | None, secret: str | None, words: str
) -> None:
    told = Settings(
        alpaca_api_key=SecretStr(key) if key else None,
        alpaca_secret_key=SecretStr(secret) if secret else None,
    )

    with pytest.raises(InputError, match=words):
        keys_of(told)


def test_keys_do_not_show() -> None:
    told = Settings(alpaca_api_key=SecretStr("k-e-y"), alpaca_secret_key=SecretStr("s-e-c"))
    keys = keys_of(told)

    assert (keys.key, keys.secret) == ("k-e-y", "s-e-c")
    assert repr(keys) == "Keys()"
