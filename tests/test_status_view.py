"""A status on a terminal: what a person must see is there at any width, and nothing hostile is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from status_lines import FULL

from catalyst.live.status import Protected, Protection, Running, Status
from catalyst.live.status_view import plain_lines

TOLD = (
    "● running  regular hours",
    "10:35:04 New York",
    "1000 shares of ZQAB are not protected",
    "20 of 20 entries are used up",
    "stop 168.02",
    "watched · stop 343.00",
    "UNPROTECTED",
    "unknown",
    "+307.83",
    "1 missed",
    "38 ████████████████████████ have news",
    "24 has a catalyst score below the minimum",
    "redis: Redis refused the password of REDIS_URL",
    "bought 120 AAPL at 171.21 [entry] (2 times)",
)
STOPPED = Status(Running.STOPPED, "nothing has traded here yet; start it by `catalyst live`")


@pytest.mark.parametrize("width", [40, 80, 119, 120, 140])
@pytest.mark.parametrize("status", [FULL, STOPPED], ids=["full", "empty"])
def test_no_line_is_wider_than_the_terminal(status: Status, width: int) -> None:
    longest = max(map(len, plain_lines(status, width=width)))

    assert longest <= width


@pytest.mark.parametrize("width", [80, 140])
def test_a_person_sees_all_that_matters(width: int) -> None:
    shown = "\n".join(plain_lines(FULL, width=width))
    missing = [text for text in TOLD if text not in shown]

    assert missing == []


def test_what_a_symbol_or_a_message_says_never_reaches_the_terminal_as_a_command() -> None:
    hostile = replace(FULL.alerts[0], text="\x1b[2J[red]gone\n\x07")
    position = replace(FULL.positions[0], symbol="\x1b]0;x\x07")
    shown = plain_lines(replace(FULL, alerts=(hostile,), positions=(position,)))

    assert not {"\x1b", "\x07"} & set("".join(shown))
    assert any("[red]gone" in line for line in shown)


@pytest.mark.parametrize(
    ("protection", "text"),
    [
        (
            Protection(Protected.RESTING, ("9.80", "9.80"), ("11", "12")),
            "stop 9.80 · target 11 / 12",
        ),
        (Protection(Protected.WATCHED, ("9.80",), ()), "watched · stop 9.80"),
        (Protection(Protected.WATCHED), "watched"),
        (Protection(Protected.LEAVING), "leaving"),
        (Protection(Protected.NONE, (), ("11",)), "UNPROTECTED"),
    ],
)
def test_protection_is_told_in_a_few_words(protection: Protection, text: str) -> None:
    assert protection.text == text


def test_a_dead_service_a_naked_position_and_a_critical_alert_need_a_person() -> None:
    dead = replace(FULL.health["news"], status="dead", error="silent for 9 min")
    critical = replace(FULL.alerts[0], severity="critical", text="broker and journal differ")
    status = replace(FULL, health=FULL.health | {"news": dead}, alerts=(critical,))

    assert status.needs == (
        "news is dead: silent for 9 min",
        "1000 shares of ZQAB are not protected",
        "broker and journal differ",
    )


def test_nothing_needs_a_person_where_all_is_watched_or_resting() -> None:
    assert replace(FULL, positions=FULL.positions[:2]).needs == ()


def test_the_json_has_the_names_that_others_rely_on() -> None:
    told = json.loads(json.dumps(FULL.as_json()))
    names = ("state", "session", "account", "database_url", "redis_url", "exchange_url")

    assert set(told) >= {*names, "positions", "orders", "health", "degraded"}
    assert told["state"] == "running"
    assert told["positions"][0]["protection"]["kind"] == "resting"
    assert told["health"]["redis"]["status"] == "degraded"
