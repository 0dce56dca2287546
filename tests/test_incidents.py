"""What went wrong in the predecessor, on the whole live stack: one good session and one bad.

Both trade by the real alpaca-py at a paper exchange of its own process, on a real PostgreSQL. See
``docs/incidents.md`` for all incidents and the tests that show them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from live_services import fresh_database
from live_world import live_lake, live_params
from lived_sessions import DAY, NO_REDIS, Lived, clock, lived
from paper_exchange import Exchange
from pydantic import SecretStr

from catalyst import Params
from catalyst.data.calendar import NEW_YORK
from catalyst.data.settings import Settings
from catalyst.errors import CatalystError
from catalyst.live.events import Cycle, Decided, Filled, Intent, Withheld
from catalyst.live.stack import Live, run_live
from catalyst.live.statements import statements

CENT = Decimal("0.01")
MICRO = Decimal(1_000_000)


@pytest.fixture(scope="module")
def good(postgres_cluster: str) -> Iterator[Lived]:
    """A session in which nothing goes wrong, but that there is no cache."""
    with lived(postgres_cluster) as day:
        yield day


@pytest.fixture(scope="module")
def bad(postgres_cluster: str) -> Iterator[Lived]:
    """Fills that the stream keeps to itself, no news from 09:43 on, a stop cancelled by hand at
    09:50, and half an hour lost at 11:20.
    """
    dead = {"from_ns": clock("09:43")}
    faults = (
        {"on": "stream", "do": "drop", "stream": "trade_updates", "event": "fill", "count": 3},
        {"on": "stream", "do": "disconnect", "stream": "news", **dead},
        {"on": "stream", "do": "refuse", "stream": "news", **dead},
        {"on": "request", "do": "answer", "status": 500, "path": "/v1beta1/news", **dead},
    )
    deeds = {"09:50": _cancel_a_stop, "11:20": lambda exchange: exchange.step(clock("11:52"))}
    with lived(postgres_cluster, *faults, deeds=deeds) as day:
        yield day


def _cancel_a_stop(exchange: Exchange) -> None:
    asked = "/v2/orders?status=open&nested=true&symbols=AAA"
    held = exchange.request("GET", asked).json()
    stop = next(leg for order in held for leg in order["legs"] or () if leg["type"] == "stop")

    assert exchange.request("DELETE", f"/v2/orders/{stop['id']}").status_code == 204


def executed(day: Lived) -> Counter[tuple[str, str, Decimal, Decimal]]:
    """What the broker says was executed: order, side, shares and price."""
    return Counter(
        (a["order_id"], a["side"], Decimal(a["qty"]), Decimal(a["price"]))
        for a in day.books["activities"]
        if a["activity_type"] == "FILL"
    )


def test_incident_01_every_price_that_reached_the_broker_is_text_on_the_tick(good: Lived) -> None:
    prices = [o[name] for o in good.every_order() for name in ("limit_price", "stop_price")]
    told = [price for price in prices if price is not None]

    assert len(told) > 30
    assert {type(price) for price in told} == {str}
    assert [price for price in told if Decimal(price) % CENT] == []


def test_incident_02_what_good_news_bought_is_held_long_and_sold_once(good: Lived) -> None:
    first: dict[str, str] = {}
    for activity in good.books["activities"]:
        first.setdefault(activity["symbol"], activity["side"])

    assert set(first.values()) == {"buy"}
    assert good.books["positions"] == {}


def test_incident_03_a_stop_that_is_missing_is_made_again_and_alerted(bad: Lived) -> None:
    left = [b.role for b in bad.bodies(Filled) if b.symbol == "AAA" and b.side == "sell"]

    assert bad.alerts()["unprotected AAA"] == ("warning", 1)
    assert set(left) == {"stop"}


def test_incident_04_all_that_protects_is_good_till_cancelled(good: Lived, bad: Lived) -> None:
    stops = [o for day in (good, bad) for o in day.every_order() if o["type"] == "stop"]

    assert len(stops) > 10
    assert {o["time_in_force"] for o in stops} == {"gtc"}


def test_incident_05_order_rows_are_the_brokers_though_fills_were_not_told(bad: Lived) -> None:
    rows = bad.rows("SELECT * FROM execution.orders WHERE account_id = %(account)s")
    ours = {r.broker_id: (r.status, int(r.filled_quantity)) for r in rows if r.broker_id}

    assert ours == {o["id"]: (o["status"], int(o["filled_qty"])) for o in bad.books["orders"]}


def test_incident_08_a_missed_cycle_is_a_row_and_an_alert(bad: Lived) -> None:
    rows = bad.rows(
        "SELECT asof, why FROM strategy_engine.trading_cycles "
        "WHERE account_id = %(account)s AND status = 'missed' ORDER BY asof"
    )

    assert [r.asof.astimezone(NEW_YORK).strftime("%H:%M") for r in rows] == ["11:30"]
    assert bad.alerts()["missed_cycle"] == ("critical", 1)


def test_incident_09_no_cycle_is_left_running(good: Lived, bad: Lived) -> None:
    running = "SELECT FROM strategy_engine.trading_cycles WHERE status = 'started'"

    assert [day.rows(running) for day in (good, bad)] == [[], []]
    assert {bool(c.owner) for day in (good, bad) for c in day.bodies(Cycle)} == {True}


@pytest.mark.parametrize(("key", "secret"), [(SecretStr("k"), None), (None, SecretStr("s"))])
def test_incident_10_half_of_the_keys_is_an_error_before_anything_starts(
    tmp_path: Path, key: SecretStr | None, secret: SecretStr | None
) -> None:
    settings = Settings(catalyst_home=tmp_path, alpaca_api_key=key, alpaca_secret_key=secret)
    asked = Live(live_params(), live_lake(1), "15m", None, DAY, 1, 0.0, "key", "iex")
    with pytest.raises(CatalystError, match=r"ALPACA_\w+_KEY is missing"):
        run_live(asked, settings, tell=print)

    assert list(tmp_path.iterdir()) == []


def test_incident_11_without_a_cache_all_is_traded_and_said_to_be_degraded(good: Lived) -> None:
    assert good.alerts()["degraded_cache"] == ("warning", 1)
    assert {b.symbol for b in good.bodies(Filled)} == {"AAA", "BBB", "CCC", "DDD", "EEE", "FFF"}


def test_incident_12_a_database_of_another_version_is_refused_before_anything_is_sent(
    postgres_cluster: str, tmp_path: Path
) -> None:
    asked = Live(live_params(), live_lake(1), "15m", None, DAY, 1, 0.0, "key", "iex")
    with fresh_database(postgres_cluster, template="template0") as url:
        settings = Settings(
            catalyst_home=tmp_path,
            database_url=url,
            redis_url=NO_REDIS,
            alpaca_api_key=SecretStr("k"),
            alpaca_secret_key=SecretStr("s"),
            # Nobody listens there: it would be another error.
            alpaca_base_url="http://127.0.0.1:9",
        )
        with pytest.raises(CatalystError, match="catalyst db migrate"):
            run_live(asked, settings, tell=print)


def test_incident_12_every_statement_fits_the_schema(postgres: SecretStr) -> None:
    wrong = []
    with psycopg.connect(postgres.get_secret_value(), autocommit=True) as connection:
        for name, sql in statements().items():
            if sql.startswith("COPY"):
                # It can't be explained; tests of the journal run it.
                continue
            given = dict.fromkeys(re.findall(r"%\((\w+)\)s", sql))
            try:
                psycopg.ClientCursor(connection).execute(f"EXPLAIN {sql}".encode(), given)
            except psycopg.Error as error:
                wrong.append((name, str(error).splitlines()[0]))

    assert wrong == []


def test_incident_13_momentum_chasing_is_one_of_the_variants_to_compare() -> None:
    assert Params.load("momentum_chase").hash != Params.load("spec").hash


def test_incident_14_what_is_reported_is_what_the_broker_did(good: Lived, bad: Lived) -> None:
    for day in (good, bad):
        fills = day.rows("SELECT * FROM execution.fills WHERE account_id = %(account)s")
        trades = day.rows("SELECT * FROM execution.trade_records WHERE account_id = %(account)s")
        closed = next(t for t in day.told if t.startswith("all closed trades"))
        symbols = {symbol for symbol, _ in _bought(day)}

        assert Counter((f.broker_id, f.side, f.quantity, f.price) for f in fills) == executed(day)
        assert {t.symbol for t in trades} == symbols
        assert f": {len(symbols)}," in closed


def _bought(day: Lived) -> set[tuple[str, str]]:
    return {(a["symbol"], a["side"]) for a in day.books["activities"] if a["side"] == "buy"}


def test_incident_15_every_refusal_has_its_rule_and_the_two_numbers(good: Lived) -> None:
    refused = good.rows(
        "SELECT * FROM strategy_engine.trading_signals "
        "WHERE account_id = %(account)s AND outcome = 'refused'"
    )

    assert len(refused) > 5
    assert [r for r in refused if not r.rule or r.value is None or r.threshold is None] == []


def test_incident_16_a_limit_that_refuses_often_is_one_alert(good: Lived) -> None:
    (often,) = good.rows(
        "SELECT count(*) FROM strategy_engine.trading_signals "
        "WHERE account_id = %(account)s AND rule = 'entries_a_day'"
    )

    assert often.count > 1
    assert good.alerts()["limit_entries_a_day"] == ("warning", 1)


def test_incident_17_positions_are_closed_when_the_parameter_says(good: Lived) -> None:
    flattened = [b for b in good.bodies(Intent) if b.orders and b.orders[0]["role"] == "flatten"]
    before = live_params().risk.flatten_minutes
    (at_ns,) = {o["submitted_ns"] for b in flattened for o in b.orders}

    assert at_ns == clock("16:00") - before * 60 * 10**9


def test_incident_18_an_instant_is_utc_inside_and_the_market_is_the_calendars(good: Lived) -> None:
    first = good.rows(
        "SELECT filled_at FROM execution.fills WHERE account_id = %(account)s ORDER BY filled_ns"
    )[0].filled_at
    modes = {
        r.asof.astimezone(NEW_YORK).strftime("%H:%M"): r.mode
        for r in good.rows("SELECT asof, mode FROM strategy_engine.trading_cycles")
    }

    assert first == dt.datetime.combine(DAY, dt.time(8, 30), NEW_YORK)
    assert (modes["08:30"], modes["10:00"], modes["12:15"]) == ("aggressive", "normal", "normal")


def test_incident_19_profit_is_that_of_the_fills_and_the_brokers_equity(
    good: Lived, bad: Lived
) -> None:
    for day in (good, bad):
        (profit,) = day.rows(
            "SELECT sum(pnl) AS pnl FROM execution.trade_records WHERE account_id = %(account)s"
        )

        assert profit.pnl == Decimal(day.books["equity"]) - Decimal(day.books["initial"])


def test_incident_20_without_news_nothing_is_entered_and_exits_go_on(bad: Lived) -> None:
    withheld = {(b.symbol, b.rule) for b in bad.bodies(Withheld)}
    sold = [b for b in bad.bodies(Filled) if b.side == "sell" and b.filled_ns >= clock("09:43")]

    worse = bad.rows("SELECT FROM strategy_engine.trading_cycles WHERE status = 'degraded'")

    assert worse
    assert withheld == {(symbol, "news_dead") for symbol in ("BBB", "CCC", "DDD")}
    assert {symbol for symbol, _ in _bought(bad)} == {"AAA", "FFF"}
    assert {b.symbol for b in sold} == {"AAA"}
    assert bad.alerts()["degraded_news_dead"] == ("critical", 1)


def test_money_is_conserved_after_every_event(good: Lived) -> None:
    balances = {
        r.seq: (r.amount, r.balance)
        for r in good.rows("SELECT * FROM execution.balance_history ORDER BY seq, place")
    }
    cash = begun = Decimal(good.books["initial"])
    shares: Counter[str] = Counter()
    cost = {symbol: Decimal(0) for symbol in ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")}
    gained, known, seen = Decimal(0), {0: cash}, 0
    for event in good.events:
        body = event.body
        if isinstance(body, Filled):
            value = Decimal(str(body.price)) * body.quantity
            fee = Decimal(body.fee_micro) / MICRO
            if body.side == "buy":
                cash -= value + fee
                cost[body.symbol] += value + fee
                shares[body.symbol] += body.quantity
            else:
                part = cost[body.symbol] * body.quantity / shares[body.symbol]
                cash += value - fee
                gained += value - fee - part
                cost[body.symbol] -= part
                shares[body.symbol] -= body.quantity
            known[event.seq], seen = cash, event.seq

            assert balances[event.seq][1] == cash
        elif isinstance(body, Decided):
            consumed = max(seq for seq in known if seq <= body.fills_seq)

            assert Decimal(body.state["cash_micro"]) / MICRO == known[consumed]

        assert round(cash + sum(cost.values()) - gained, 12) == begun

    assert sum(amount for amount, _ in balances.values()) == cash
    assert seen
    assert cash == Decimal(good.books["cash"])
    assert not +shares


def test_every_incident_is_listed_with_tests_that_exist(repository: Path) -> None:
    listed = (repository / "docs" / "incidents.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", listed))
    files = (repository / "tests").glob("test_*.py")
    defined = {
        name
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    numbers = {int(name[14:16]) for name in named if name.startswith("test_incident_")}

    assert named - defined == set()
    assert numbers == set(range(1, 21))
