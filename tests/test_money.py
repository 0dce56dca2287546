from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst.strategy.money import fill_price, notional_micro, on_tick, to_micro

CENT = Decimal("0.01")
TICK = Decimal("0.0001")


def rounded(price: Decimal, *, up: bool) -> float:
    tick = CENT if price >= 1 else TICK
    return float(price.quantize(tick, ROUND_CEILING if up else ROUND_FLOOR))


def test_incident_01_every_cent_from_one_cent_to_5000_usd_stays_what_it_is() -> None:
    for cents in range(1, 500_001):
        price = cents / 100

        assert on_tick(price, up=True) == price
        assert on_tick(price, up=False) == price


def test_incident_01_float_dust_on_a_cent_is_cleaned_in_both_directions() -> None:
    for cents in range(101, 500_001, 7):
        for dust in (-1e-9, 1e-9):
            price = cents / 100 + dust

            assert on_tick(price, up=True) == cents / 100
            assert on_tick(price, up=False) == cents / 100


def test_incident_01_the_price_the_broker_rejected_becomes_a_cent() -> None:
    assert on_tick(9.050000190734863, up=False) == 9.05
    assert on_tick(9.050000190734863, up=True) == 9.06


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [
        (0.12345, 0.1234, 0.1235),
        (0.99991, 0.9999, 1.0),
        (0.99999999999, 1.0, 1.0),
        (1.0, 1.0, 1.0),
        (1.0001, 1.0, 1.01),
        (98.015, 98.01, 98.02),
        (4999.999, 4999.99, 5000.0),
    ],
)
def test_a_tick_is_a_cent_from_one_dollar_on_and_a_hundredth_of_it_below(
    price: float, down: float, up: float
) -> None:
    assert on_tick(price, up=False) == down
    assert on_tick(price, up=True) == up


@given(st.integers(1, 50_000_000), st.sampled_from((0, 1)))
def test_incident_01_a_price_is_rounded_as_decimal_arithmetic_rounds_it(
    ticks: int, up: int
) -> None:
    price = Decimal(ticks) * TICK

    assert on_tick(float(price), up=bool(up)) == rounded(price, up=bool(up))


@given(st.floats(0.0001, 5000), st.sampled_from((0, 1)))
def test_incident_01_a_rounded_price_is_a_short_decimal_on_the_tick(price: float, up: int) -> None:
    made = on_tick(price, up=bool(up))
    tick = CENT if made >= 1 else TICK

    assert Decimal(repr(made)) % tick == 0
    assert on_tick(made, up=True) == on_tick(made, up=False) == made
    assert abs(made - price) <= 0.01


@pytest.mark.parametrize(
    ("price", "buy", "sell"),
    [(100.00001, 100.0001, 100.0), (100.0, 100.0, 100.0), (99.99999, 100.0, 99.9999)],
)
def test_a_fill_is_rounded_against_us(price: float, buy: float, sell: float) -> None:
    assert fill_price(price, buy=True) == buy
    assert fill_price(price, buy=False) == sell


@given(st.integers(1, 100_000_000), st.integers(1, 1_000_000))
def test_the_value_of_a_fill_is_exact_in_micro_dollars(ticks: int, quantity: int) -> None:
    assert notional_micro(ticks / 10_000, quantity) == ticks * 100 * quantity


@given(st.integers(-(10**14), 10**14))
def test_a_whole_number_of_micro_dollars_survives_the_way_through_a_float(micro: int) -> None:
    assert to_micro(micro / 1_000_000) == micro
