"""What a broker refuses, told as a table: ``broker_vectors.csv``, a line an order."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalyst.data.calendar import NEW_YORK, date_to_day, sessions
from catalyst.strategy.broker_rules import (
    CLOSED,
    Refusal,
    Resting,
    Standing,
    cancel_refusal,
    refusal,
    replace_refusal,
)
from catalyst.strategy.order_text import NANO, nano_price, nano_text, whole_shares
from catalyst.strategy.tickets import OrderRequest
from catalyst.strategy.values import Session

DAY = dt.date(2024, 3, 5)
TABLE = sessions(DAY, DAY)
SESSION = Session(
    date_to_day(DAY),
    *(int(c[0]) for c in (TABLE.pre_ns, TABLE.open_ns, TABLE.close_ns, TABLE.post_ns)),
)
ORDER = OrderRequest("new", "AAA", "buy", "100", "limit", "gtc", limit_price="10.00")
STANDING = Standing(
    asof_ns=SESSION.open_ns,
    session=SESSION,
    tradable=True,
    shortable=True,
    price_nano=10 * NANO,
    position=0,
    held_for_orders=0,
    buying_power_nano=200_000 * NANO,
    exposure_nano=0,
    equity_nano=100_000 * NANO,
    client_ids=frozenset({"used"}),
)
ROWS = list(
    csv.DictReader((Path(__file__).parent / "broker_vectors.csv").read_text("utf-8").splitlines())
)


def words(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split())


def order_of(text: str) -> OrderRequest:
    fields: dict[str, Any] = words(text)
    if "extended_hours" in fields:
        fields["extended_hours"] = fields["extended_hours"] == "True"
    return replace(ORDER, **fields)


def usd(text: str) -> int:
    nano = nano_price(text)

    assert nano is not None

    return nano


def standing_of(text: str) -> Standing:
    fields: dict[str, Any] = {}
    for name, value in words(text).items():
        match name:
            case "at":
                at = dt.datetime.combine(DAY, dt.time.fromisoformat(value), NEW_YORK)
                fields["asof_ns"] = int(at.timestamp()) * 10**9
            case "power" | "exposure" | "equity":
                named = "buying_power" if name == "power" else name
                fields[f"{named}_nano"] = usd(value)
            case "resting":
                side, kind, limit, *more = value.split(":")
                fields["resting"] = (
                    Resting(side, kind, usd(limit), held="held" in more, opening="opening" in more),
                )
            case "tradable" | "shortable":
                fields[name] = value == "True"
            case _:
                fields[name] = int(value)
    return replace(STANDING, **fields)


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{n}-{r['rule']}-{r['takes']}" for n, r in enumerate(ROWS)]
)
def test_a_broker_takes_or_refuses_as_the_table_says(row: dict[str, str]) -> None:
    no = refusal(order_of(row["order"]), standing_of(row["standing"]))
    told = (no.status, no.code) if no else None

    assert told == ((int(row["status"]), int(row["code"])) if row["takes"] == "no" else None)
    assert (no.message if no else "").startswith(row["message"])


def test_every_rule_that_can_refuse_has_an_order_that_it_refuses() -> None:
    words_refused = {row["message"] for row in ROWS if row["takes"] == "no"}

    assert len(words_refused) >= 40
    assert len({row["rule"] for row in ROWS}) >= 20


def test_a_refusal_for_means_tells_the_two_numbers_compared() -> None:
    few = refusal(order_of("side=sell quantity=50"), standing_of("position=100 held_for_orders=60"))
    poor = refusal(order_of("quantity=100 limit_price=10.01"), standing_of("power=1000"))

    assert isinstance(few, Refusal)
    assert (few.value, few.threshold) == ("50", "40")
    assert isinstance(poor, Refusal)
    assert (poor.value, poor.threshold) == ("1001", "1000")


def test_on_a_half_day_closing_orders_end_ten_minutes_before_its_close() -> None:
    day = dt.date(2024, 11, 29)
    table = sessions(day, day)
    columns = (table.pre_ns, table.open_ns, table.close_ns, table.post_ns)
    half = Session(date_to_day(day), *(int(c[0]) for c in columns))
    at = half.close_ns - 10 * 60 * 10**9
    before, after = (replace(STANDING, session=half, asof_ns=t) for t in (at - 1, at))

    assert refusal(order_of("time_in_force=cls"), before) is None
    assert refusal(order_of("time_in_force=cls"), after) is not None


@pytest.mark.parametrize("status", sorted(CLOSED))
def test_a_closed_order_is_neither_cancelled_nor_replaced(status: str) -> None:
    cancelled = cancel_refusal(status)
    replaced = replace_refusal(ORDER, STANDING, status=status, filled=0)

    assert cancelled is not None
    assert (cancelled.status, cancelled.code) == (422, 42210000)
    assert cancelled.message == f'order is already in "{status}" state'
    assert replaced is not None
    assert (replaced.status, replaced.code) == (422, 40010001)
    assert replaced.message == "only open orders can be replaced"


@pytest.mark.parametrize("status", ["new", "accepted", "held", "partially_filled"])
def test_an_open_order_is_cancelled_and_replaced(status: str) -> None:
    assert cancel_refusal(status) is None
    assert replace_refusal(ORDER, STANDING, status=status, filled=0) is None


def test_an_order_is_not_replaced_while_it_is_being_cancelled() -> None:
    assert replace_refusal(ORDER, STANDING, status="pending_cancel", filled=0) is not None


def test_an_order_is_not_replaced_by_fewer_shares_than_it_has_filled() -> None:
    no = replace_refusal(ORDER, STANDING, status="partially_filled", filled=100)

    assert no is not None
    assert no.message == "qty must be > filled_qty"


def test_what_replaces_an_order_obeys_the_rules_of_a_new_one() -> None:
    no = replace_refusal(order_of("limit_price=9.055"), STANDING, status="new", filled=0)

    assert no is not None
    assert no.code == 42210000


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("10", 10 * NANO),
        ("10.05", 10_050_000_000),
        ("0.0001", 100_000),
        ("9.050000190734863", None),
        ("", None),
        ("-1", None),
        ("1e3", None),
        ("nan", None),
        ("1,000", None),
        ("١", None),
    ],
)
def test_a_price_is_read_exactly_or_not_at_all(text: str, nano: int | None) -> None:
    assert nano_price(text) == nano


@pytest.mark.parametrize("text", ["10", "10.05", "0.0001", "-3.5", "0"])
def test_a_price_is_written_as_it_was_read(text: str) -> None:
    sign = -1 if text.startswith("-") else 1

    assert nano_text(sign * (nano_price(text.lstrip("-")) or 0)) == text


@pytest.mark.parametrize(("text", "shares"), [("7", 7), ("7.0", 7), ("7.5", None), ("", None)])
def test_shares_are_whole_or_none(text: str, shares: int | None) -> None:
    assert whole_shares(text) == shares
