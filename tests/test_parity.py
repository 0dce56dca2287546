"""Parity: what live did against what replay does, in words and in dollars that sum exactly."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from pydantic import SecretStr
from recorded_sessions import SPAN, recorded, small_params, small_records
from typer.testing import CliRunner
from worlds import FIVE_MINUTES, copied, small_lake, with_bars

from catalyst import Lake, Params
from catalyst.cli.app import app
from catalyst.data.parity import REST, Parity, course, parity_json, usd
from catalyst.data.session_record import Booked, SessionRecord
from catalyst.data.settings import settings
from catalyst.data.state_codec import fill_from, state_from
from catalyst.errors import ConservationError, InputError
from catalyst.live.certificate import (
    Activities,
    activities_of,
    certificate,
    page,
    with_earlier_activities,
    write_certificate,
)
from catalyst.live.chain import canonical, genesis, link
from catalyst.live.database import Database
from catalyst.live.events import Body, Decided, Filled, SessionClosed, SessionOpened, to_payload
from catalyst.live.ports import Execution
from catalyst.live.session_reader import read_session
from catalyst.live.statements import statement
from catalyst.research.parity_courses import first_difference, judge, params_of
from catalyst.research.reenactment import Reenactment, reenact
from catalyst.strategy.decisions import Fill
from catalyst.strategy.portfolio import Entry, PortfolioState
from catalyst.strategy.reasons import Side

DAY = SPAN[0]


def _record() -> SessionRecord:
    return small_records()[0]


@cache
def _replayed() -> Reenactment:
    return _replay(small_lake(), small_params())


def _replay(lake: Lake, params: Params) -> Reenactment:
    record = _record()
    index = {name: place for place, name in enumerate(record.symbols)}
    return reenact(
        lake,
        params,
        state_from(record.opening, index),
        record.day,
        timeframe=record.timeframe,
        symbols=record.symbols,
        fills_at={
            one.asof_ns: [fill_from(fill, index) for fill in one.fills] for one in record.decisions
        },
        instants=[one.asof_ns for one in record.decisions],
    )


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


@cache
def _first_order() -> tuple[str, dt.datetime]:
    """Symbol and instant of the first entry that rests on bars and news of the day."""
    news = small_lake().news(start=DAY, end=DAY)
    for one in _record().decisions:
        at = dt.datetime.fromtimestamp(one.asof_ns // 10**9, dt.UTC)
        for order in one.decision["orders"]:
            told = news.filter((pl.col("symbol") == order["symbol"]) & (pl.col("known_at") < at))
            bars = small_lake().bars("5m", start=DAY, end=DAY, symbols=[order["symbol"]])
            if told.height and bars.filter(pl.col("ts") == at - FIVE_MINUTES).height:
                return str(order["symbol"]), at
    raise AssertionError("the session has no such entry")


def _dearer(lake: Lake, root: Path) -> Lake:
    """A lake whose bars of one traded symbol are dearer by a tenth from the first order on."""
    symbol, at = _first_order()
    later = (pl.col("symbol") == symbol) & (pl.col("ts") >= at)

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
    found = first_difference(_record(), _replay(small_lake(), moved))

    assert "signal_id" in found


def test_a_journalled_parameter_that_is_off_by_one_ulp_is_refused() -> None:
    params = {**_record().params, "risk": dict(_record().params["risk"])}
    params["risk"]["stop_frac"] = math.nextafter(params["risk"]["stop_frac"], 1.0)
    with pytest.raises(InputError, match="has the hash"):
        params_of(dataclasses.replace(_record(), params=params))


def test_one_corrupted_bar_is_noticed_and_named(tmp_path: Path) -> None:
    symbol, at = _first_order()
    wrong = (pl.col("symbol") == symbol) & (pl.col("ts") == at - FIVE_MINUTES)

    def change(bars: pl.DataFrame) -> pl.DataFrame:
        volume = pl.when(wrong).then(pl.col("volume") + 1).otherwise(pl.col("volume"))
        return bars.with_columns(volume=volume)

    lake = with_bars(small_lake(), tmp_path / "lake", [DAY], change)
    found = first_difference(_record(), _replay(lake, small_params()))

    assert f"screen row of {symbol} at stage" in found
    assert "New York time (scan)" in found


def test_one_corrupted_article_is_noticed_and_named(tmp_path: Path) -> None:
    lake = copied(small_lake(), tmp_path / "lake")
    symbol, instant = _first_order()
    file = lake.root / "news" / f"date={DAY}" / "part.parquet"
    news = pl.read_parquet(file)
    at = news.with_row_index().filter(
        (pl.col("symbol") == symbol) & (pl.col("known_at") < instant)
    )["index"][-1]
    wrong = pl.int_range(pl.len()) == at
    file.unlink()
    news.with_columns(
        sentiment=pl.when(wrong).then(pl.col("sentiment") + 0.01).otherwise("sentiment")
    ).write_parquet(file)
    found = first_difference(_record(), _replay(lake, small_params()))

    assert f"screen row of {symbol} at stage 50" in found


def test_a_digest_that_is_not_that_of_its_decision_is_noticed() -> None:
    found = first_difference(_altered(_record(), 3, digest="0" * 32), _replayed())

    assert "the journal's digest is not that of its own decision" in found


def test_a_decision_that_only_live_made_is_told() -> None:
    record = _record()
    extra = dataclasses.replace(record.decisions[-1], asof_ns=record.decisions[-1].asof_ns + 1)
    twice = dataclasses.replace(record, decisions=(*record.decisions, extra))
    found = first_difference(twice, _replayed())

    assert found.endswith("was decided by live, and not by the replay")


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
    assert _first_order()[0] in found.by_symbol
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


def test_cash_that_nothing_explains_is_noticed_and_stands_apart() -> None:
    last = _record().decisions[-1]
    richer = {**last.state, "cash_micro": last.state["cash_micro"] + 7}
    found = judge(_altered(_record(), -1, state=richer), small_lake(), None)

    assert not found.identical
    assert "cash_micro" in found.first_difference
    assert found.by_symbol[REST]["own_inputs"] == 7
    _sums(found)


def test_without_bars_of_the_day_data_is_unjudged_and_the_rest_sums(tmp_path: Path) -> None:
    vendor = with_bars(small_lake(), tmp_path / "vendor", [DAY], lambda bars: bars.head(0))
    found = judge(_worse_record(), small_lake(), vendor)

    assert found.gaps["data"] is None
    assert "has no 5m bars of 2023-06-20" in found.unjudged
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
    assert sum(map(Decimal, told["gap_usd"].values())) == Decimal(told["total_gap_usd"]) < 0
    assert {row["symbol"] for row in told["symbols"]} <= set(_record().symbols)
    assert told["identical"] is True
    assert told["first_difference"] is None


# --- journal, certificate, command ------------------------------------------------------------


def _events(record: SessionRecord) -> list[Body]:
    """What live would have journalled of a session."""
    opened = SessionOpened(
        str(record.day),
        record.variant,
        record.params_hash,
        record.params,
        record.code_version,
        record.timeframe,
        list(record.symbols),
        record.lake,
        record.opening,
    )
    out: list[Body] = [opened]
    known = {n: f.default for n, f in Filled.__dataclass_fields__.items()}
    for one in record.decisions:
        for fill in one.fills:
            told: Any = {name: fill[name] for name in known.keys() & fill.keys()}
            told |= dict.fromkeys(("client_order_id", "execution_id", "entry_id", "role"), "x")
            out.append(Filled(**told, broker_id=fill["order_id"]))
        adjustments = list(one.adjustments)
        out.append(Decided(one.asof_ns, one.digest, one.decision, one.state, len(out), adjustments))
    closed = record.closed
    assert closed is not None
    out.append(
        SessionClosed(
            str(record.day),
            closed.cash_micro,
            closed.equity_micro,
            closed.broker_cash_micro,
            closed.broker_equity_micro,
            {},
            record.decisions[-1].state,
        )
    )
    return out


def _journalled(url: SecretStr, bodies: list[Body], *, broken: int = 0) -> None:
    head = genesis("TEST")
    with psycopg.connect(url.get_secret_value()) as connection:
        connection.execute(statement("journal_account"), {"account_id": "TEST"})
        for seq, body in enumerate(bodies, 1):
            text = canonical(to_payload(body))
            chained = link(head, seq, body.kind, at_ns=seq, body=text)
            row = {
                "account_id": "TEST",
                "seq": seq,
                "kind": body.kind,
                "at_ns": seq,
                "asof_ns": None,
                "body": text.replace("true", "false", 1) if seq == broken else text,
                "prev_hash": head,
                "hash": chained,
            }
            connection.execute(statement("journal_append"), row)
            head = chained


@pytest.fixture
def told(
    postgres: SecretStr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SecretStr]:
    monkeypatch.setenv("DATABASE_URL", postgres.get_secret_value())
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("CATALYST_HOME", str(tmp_path))
    settings.cache_clear()
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "live-TEST").symlink_to(small_lake().root)
    yield postgres
    settings.cache_clear()


def _asked(*words: str) -> Any:  # noqa: ANN401 - of typer's runner
    return CliRunner().invoke(app, ["parity", "--account", "TEST", *words])


def test_a_session_comes_back_from_the_journal_as_it_was_decided(told: SecretStr) -> None:
    _journalled(told, _events(_record()))
    with Database(told) as database:
        record = read_session(database, "TEST", DAY)

    assert dataclasses.replace(record, head_seq=1, head_hash="0" * 64) == _record()


def test_the_command_certifies_a_session_and_says_so_again(told: SecretStr, tmp_path: Path) -> None:
    _journalled(told, _events(_record()))
    first, path = _asked("--json"), tmp_path / "state" / "parity" / "TEST" / f"{DAY}.json"
    written = path.read_bytes()
    second = _asked()

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert json.loads(first.stdout) == json.loads(written)
    assert path.read_bytes() == written
    assert second.stdout == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert second.stdout.startswith(f"IDENTICAL: session {DAY} of account TEST: 148 decisions")
    assert "the broker's activities were not compared" in second.stdout


def test_a_session_that_is_still_open_is_not_certified(told: SecretStr, tmp_path: Path) -> None:
    _journalled(told, _events(_record())[:-1])
    found = _asked("--session", str(DAY))

    assert isinstance(found.exception, InputError)
    assert f"session {DAY} of account TEST is still open" in str(found.exception)
    assert not (tmp_path / "state" / "parity").exists()


def test_a_broken_chain_fails_with_its_place(told: SecretStr) -> None:
    _journalled(told, _events(_record()), broken=9)
    found = _asked("--json")
    said = json.loads(found.stdout)

    assert found.exit_code == 1
    assert (said["verdict"], said["journal"]["broken_seq"]) == ("broken", 9)


def _certified(executed: dict[str, Booked] | None = None, **closed: int) -> dict[str, Any]:
    books = _record().closed
    assert books is not None
    record = dataclasses.replace(_record(), closed=dataclasses.replace(books, **closed))
    return certificate(record, _same(), Activities(executed, "nobody was there"))


def test_books_that_differ_by_a_cent_are_a_finding() -> None:
    books = _record().closed
    assert books is not None

    assert _certified()["verdict"] == "identical"
    assert _certified(broker_cash_micro=books.cash_micro + 4_000)["verdict"] == "identical"
    assert _certified(broker_cash_micro=books.cash_micro + 10_000)["verdict"] == "books"
    assert _certified(broker_equity_micro=books.equity_micro - 10_000)["verdict"] == "books"


def test_an_execution_that_the_journal_lacks_is_told_by_its_order() -> None:
    executed = dict(_record().executed)
    order, own = executed.popitem()
    found = _certified(executed)

    assert _certified(dict(_record().executed))["verdict"] == "identical"
    assert found["verdict"] == "books"
    assert found["activities"]["apart"] == [
        {
            "broker_id": order,
            "journal_shares": own.quantity,
            "broker_shares": 0,
            "value_gap_usd": usd(own.value_micro),
        }
    ]
    assert f"order {order}: {own.quantity} shares in the journal, 0 at the broker" in page(found)


def test_what_the_broker_said_is_kept_when_it_can_not_be_asked_again(tmp_path: Path) -> None:
    asked = _certified(dict(_record().executed))
    write_certificate(tmp_path, asked)
    again = with_earlier_activities(_certified(), tmp_path)

    assert _certified() != asked
    assert again == asked


def test_executions_of_an_order_are_summed_within_the_session() -> None:
    def one(number: str, at_ns: int, price: str) -> Execution:
        return Execution(number, "a", "AAA", Side.BUY, 3, price, -1, at_ns)

    told = [one("1", 9, "1.00"), one("2", 10, "1.0001"), one("3", 20, "2"), one("4", 21, "1")]

    assert activities_of(told, (10, 20)).by_order == {"a": Booked(6, 3_000_300 + 6_000_000)}
