"""Parity: what live did against what replay does, in words and in dollars that sum exactly."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from recorded_sessions import SPAN, recorded, small_params, small_records
from worlds import copied, small_lake, with_bars

from catalyst import Lake
from catalyst.data.parity import REST, Parity, course, parity_json, usd
from catalyst.data.session_record import SessionRecord
from catalyst.errors import ConservationError, InputError
from catalyst.research.parity_courses import judge, params_of
from catalyst.strategy.decisions import Fill
from catalyst.strategy.portfolio import Entry, PortfolioState
from catalyst.strategy.reasons import Side

DAY = SPAN[0]


def _record() -> SessionRecord:
    return small_records()[0]


@cache
def _same() -> Parity:
    return judge(_record(), small_lake(), small_lake())


@cache
def _worse_record() -> SessionRecord:
    """The broker fills a cent a share worse than the model."""
    (record,) = recorded(small_lake(), small_params(), DAY, DAY, worse_by=0.01)
    return record


@cache
def _worse() -> Parity:
    return judge(_worse_record(), small_lake(), small_lake())


def _traded() -> str:
    return str(next(o for d in _record().decisions for o in d.decision["orders"])["symbol"])


def _before_the_first_order() -> dt.datetime:
    first = next(d for d in _record().decisions if d.decision["orders"])
    return dt.datetime.fromtimestamp(first.asof_ns // 10**9, dt.UTC)


def _dearer(lake: Lake, root: Path) -> Lake:
    """A lake whose bars of one traded symbol are dearer by a tenth from the first order on."""
    later = (pl.col("symbol") == _traded()) & (pl.col("ts") >= _before_the_first_order())

    def change(bars: pl.DataFrame) -> pl.DataFrame:
        return bars.with_columns(
            pl.when(later).then(pl.col(name) * 1.1).otherwise(pl.col(name)).alias(name)
            for name in ("open", "high", "low", "close")
        )

    return with_bars(lake, root, [DAY], change)


def _altered(record: SessionRecord, at: int, **changes: Any) -> SessionRecord:  # noqa: ANN401 - fields
    decisions = list(record.decisions)
    decisions[at] = dataclasses.replace(decisions[at], **changes)
    return dataclasses.replace(record, decisions=tuple(decisions))


# --- decisions --------------------------------------------------------------------------------


def test_a_session_on_its_own_inputs_is_identical() -> None:
    found = _same()

    assert (found.identical, found.first_difference) == (True, "")
    assert found.replayed_digest == _record().decision_digest
    assert found.decisions == len(_record().decisions)


def test_one_ulp_in_one_parameter_is_noticed() -> None:
    stop = small_params().risk.stop_frac
    moved = small_params().replace(stop_frac=math.nextafter(stop, 1.0))
    found = judge(_record(), small_lake(), None, params=moved)

    assert not found.identical
    assert "signal_id" in found.first_difference


def test_a_journalled_parameter_that_is_off_by_one_ulp_is_refused() -> None:
    params = {**_record().params, "risk": dict(_record().params["risk"])}
    params["risk"]["stop_frac"] = math.nextafter(params["risk"]["stop_frac"], 1.0)
    with pytest.raises(InputError, match="has the hash"):
        params_of(dataclasses.replace(_record(), params=params))


def test_one_corrupted_bar_is_noticed_and_named(tmp_path: Path) -> None:
    symbol, before = _traded(), _before_the_first_order() - dt.timedelta(minutes=5)
    wrong = (pl.col("symbol") == symbol) & (pl.col("ts") == before)

    def change(bars: pl.DataFrame) -> pl.DataFrame:
        volume = pl.when(wrong).then(pl.col("volume") + 1).otherwise(pl.col("volume"))
        return bars.with_columns(volume=volume)

    found = judge(_record(), with_bars(small_lake(), tmp_path / "lake", [DAY], change), None)

    assert not found.identical
    assert f"screen row of {symbol} at stage" in found.first_difference
    assert "New York time (scan)" in found.first_difference


def test_one_corrupted_article_is_noticed_and_named(tmp_path: Path) -> None:
    lake = copied(small_lake(), tmp_path / "lake")
    symbol = _traded()
    file = lake.root / "news" / f"date={DAY}" / "part.parquet"
    news = pl.read_parquet(file)
    at = news.with_row_index().filter(
        (pl.col("symbol") == symbol) & (pl.col("known_at") < _before_the_first_order())
    )["index"][-1]
    wrong = pl.int_range(pl.len()) == at
    file.unlink()
    news.with_columns(
        sentiment=pl.when(wrong).then(pl.col("sentiment") + 0.01).otherwise("sentiment")
    ).write_parquet(file)
    found = judge(_record(), lake, None)

    assert not found.identical
    assert f"screen row of {symbol} at stage 50" in found.first_difference


def test_a_digest_that_is_not_that_of_its_decision_is_noticed() -> None:
    found = judge(_altered(_record(), 3, digest="0" * 32), small_lake(), None)

    assert "the journal's digest is not that of its own decision" in found.first_difference


def test_a_state_with_another_cash_is_noticed_though_all_decisions_agree() -> None:
    last = _record().decisions[-1]
    richer = {**last.state, "cash_micro": last.state["cash_micro"] + 1}
    found = judge(_altered(_record(), -1, state=richer), small_lake(), None)

    assert not found.identical
    assert "cash_micro" in found.first_difference


def test_a_decision_that_only_live_made_is_told() -> None:
    record = _record()
    extra = dataclasses.replace(record.decisions[-1], asof_ns=record.decisions[-1].asof_ns + 1)
    twice = dataclasses.replace(record, decisions=(*record.decisions, extra))
    found = judge(twice, small_lake(), None)

    assert found.first_difference.endswith("was decided by live, and not by the replay")


# --- dollars ----------------------------------------------------------------------------------


def _entry() -> Entry:
    nan = math.nan
    return Entry("e", "s", 0, 1, 0, 10, (5, 5), nan, nan, nan, nan, 0, 0.0, 0.0)


def _sums(found: Parity) -> None:
    gaps = [gap or 0 for gap in found.gaps.values()]
    columns = [
        sum(column) for column in zip(*(g.values() for g in found.by_symbol.values()), strict=True)
    ]

    assert sum(gaps) == found.total_micro
    assert not columns or columns == gaps


def test_nothing_differs_where_nothing_was_changed() -> None:
    assert _same().gaps == {"own_inputs": 0, "data": 0, "fills": 0, "missed": 0}
    assert _same().by_symbol == {}


def test_worse_fills_are_a_difference_in_fills_alone() -> None:
    found = _worse()

    assert found.identical
    assert found.gaps["own_inputs"] == found.gaps["data"] == found.gaps["missed"] == 0
    assert (found.gaps["fills"] or 0) < 0
    _sums(found)


def test_other_bars_are_a_difference_in_data(tmp_path: Path) -> None:
    vendor = _dearer(small_lake(), tmp_path / "vendor")
    found = judge(_record(), small_lake(), vendor)

    assert found.identical
    assert found.gaps["own_inputs"] == 0
    assert found.gaps["data"] != 0
    assert _traded() in found.by_symbol
    _sums(found)


def test_other_bars_and_worse_fills_sum_exactly(tmp_path: Path) -> None:
    found = judge(_worse_record(), small_lake(), _dearer(small_lake(), tmp_path / "vendor"))

    assert found.gaps["data"]
    assert found.gaps["fills"]
    _sums(found)


def test_a_corrupted_own_lake_is_a_difference_in_own_inputs(tmp_path: Path) -> None:
    found = judge(_record(), _dearer(small_lake(), tmp_path / "own"), small_lake())

    assert not found.identical
    assert found.gaps["own_inputs"]
    _sums(found)


def test_missed_instants_have_a_gap_of_their_own() -> None:
    instants = [d.asof_ns for d in _record().decisions]
    at = next(k for k, d in enumerate(_record().decisions) if d.decision["orders"])
    away = instants[at : at + 20]
    (record,) = recorded(small_lake(), small_params(), DAY, DAY, missed=away)
    found = judge(record, small_lake(), small_lake())

    assert found.identical
    assert found.missed > 0
    assert found.gaps["own_inputs"] == found.gaps["data"] == found.gaps["fills"] == 0
    assert found.gaps["missed"]
    _sums(found)


def test_cash_that_nothing_explains_stands_apart() -> None:
    last = _record().decisions[-1]
    richer = {**last.state, "cash_micro": last.state["cash_micro"] + 7}
    found = judge(_altered(_record(), -1, state=richer), small_lake(), None)

    assert found.by_symbol[REST]["own_inputs"] == 7
    _sums(found)


def test_without_bars_of_the_day_data_is_unjudged_and_the_rest_sums(tmp_path: Path) -> None:
    vendor = with_bars(small_lake(), tmp_path / "vendor", [DAY], lambda bars: bars.head(0))
    found = judge(_worse_record(), small_lake(), vendor)

    assert found.gaps["data"] is None
    assert "has no 5m bars of 2023-06-23" in found.unjudged
    assert found.gaps["fills"]
    _sums(found)


def test_profit_is_cash_and_the_change_in_what_is_held_by_symbol() -> None:
    entry = dataclasses.replace(_entry(), symbol=1, filled=10)
    opening = PortfolioState(5_000_000_000, (entry,), ((1, 20.0),))
    closing = PortfolioState(5_031_490_000, (dataclasses.replace(entry, exited=1),), ((1, 19.5),))
    fills = [
        Fill("1", "o", 1, Side.SELL, 1, 21.5, 10_000, 0),
        Fill("2", "p", 0, Side.BUY, 5, 10.0, 0, 0),
        Fill("3", "q", 0, Side.SELL, 5, 11.0, 0, 0),
    ]
    made = course(("AAA", "BBB"), opening, closing, fills=fills, adjusted=[("BBB", 5_000_000)])

    assert made.by_symbol == {"AAA": 5_000_000, "BBB": 21_490_000 + 5_000_000 - 24_500_000}
    assert made.trades == {"AAA": (5, 5), "BBB": (0, 1)}
    assert made.micro == closing.equity_micro - opening.equity_micro


def test_a_replay_whose_cash_is_not_explained_is_a_bug() -> None:
    with pytest.raises(ConservationError, match="changed by 1 micro-dollars"):
        course((), PortfolioState(0), PortfolioState(1), fills=(), adjusted=())


def test_dollars_are_exact_text() -> None:
    assert [usd(micro) for micro in (0, -1, 1_250_000, -12_000_001)] == [
        "0.000000",
        "-0.000001",
        "1.250000",
        "-12.000001",
    ]


def test_json_names_each_cause_and_each_symbol() -> None:
    told = parity_json(_worse())

    assert list(told["gap_usd"]) == ["own_inputs", "data", "fills", "missed"]
    assert {row["symbol"] for row in told["symbols"]} <= set(_record().symbols)
    assert told["identical"] is True
    assert told["first_difference"] is None
