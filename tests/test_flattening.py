"""A flatten with the broker alone: whatever rests, fills or fails, the account ends flat, once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from account_rows import Books
from paper_exchange import Exchange, paper_exchange
from pydantic import SecretStr
from said import NOBODY, Say, saying
from worlds import small_lake

from catalyst.data.settings import Settings
from catalyst.live import flattening as flattening_module
from catalyst.live.alpaca_broker import AlpacaBroker, opened
from catalyst.live.control import ControlInbox, ask
from catalyst.live.database import Database
from catalyst.live.endpoint import Keys, parse_endpoint
from catalyst.live.flattening import Flattened, Flattening
from catalyst.live.hand_acts import HandAct, flattened_by_hand
from catalyst.live.run_file import Run, write_run_file
from catalyst.strategy.tickets import OrderRequest

MINUTE_NS = 60 * 10**9
BAR_NS = 5 * MINUTE_NS
WAIT_S = 20.0
SYMBOL, OTHER = "ZQAB", "ZQAC"


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    day = small_lake().days("5m")[5]
    with paper_exchange("--start", day, "--sessions", 3) as running:
        yield running


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flattening_module, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(flattening_module, "_LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(flattening_module, "_RENEW_S", 0.5)


def broker_of(exchange: Exchange, home: Path) -> AlpacaBroker:
    return opened(
        Settings(catalyst_home=home),
        endpoint=parse_endpoint(exchange.url),
        keys=Keys(exchange.key, exchange.secret),
        speed=600,
    )


def last_price(exchange: Exchange, symbol: str) -> Decimal:
    told = exchange.request("GET", f"/v2/stocks/bars/latest?symbols={symbol}").json()
    return Decimal(str(told["bars"][symbol]["c"]))


def to_regular_hours(exchange: Exchange) -> None:
    clock = exchange.clock()
    if clock["now_ns"] < clock["open_ns"] + 2 * BAR_NS:
        exchange.step(clock["open_ns"] + 2 * BAR_NS)


def entry(exchange: Exchange, symbol: str, *, client_id: str, bracket: bool) -> OrderRequest:
    price = last_price(exchange, symbol)

    def level(factor: str) -> str:
        return str((price * Decimal(factor)).quantize(Decimal("0.01")))

    return OrderRequest(
        client_order_id=client_id,
        symbol=symbol,
        side="buy",
        quantity="4",
        type="limit",
        time_in_force="day",
        limit_price=level("1.02"),
        order_class="bracket" if bracket else "simple",
        take_profit_limit=level("1.50") if bracket else "",
        stop_loss_stop=level("0.50") if bracket else "",
        extended_hours=not bracket,
    )


def fill(exchange: Exchange, broker: AlpacaBroker, symbol: str) -> None:
    """Let bars pass until a position is there."""
    for _ in range(40):
        if any(one.symbol == symbol for one in broker.positions()):
            return
        exchange.step(exchange.clock()["now_ns"] + BAR_NS)
    pytest.fail(f"{symbol} never filled")


@contextmanager
def time_passing(exchange: Exchange) -> Iterator[None]:
    over = threading.Event()

    def pass_time() -> None:
        while not over.wait(0.1):
            exchange.step(exchange.clock()["now_ns"] + BAR_NS)

    thread = threading.Thread(target=pass_time)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def flattened(
    exchange: Exchange, broker: AlpacaBroker, *, wait_s: float = WAIT_S
) -> tuple[Flattened, list[HandAct]]:
    recorded: list[HandAct] = []
    with time_passing(exchange):
        result = Flattening(
            broker, now_ns=broker.clock_ns, record=recorded.append, beyond_frac=0.01
        ).run(wait_s)
    return result, recorded


def shares(exchange: Exchange) -> dict[str, int]:
    """Shares that the account has bought, and sold again."""
    told = {"buy": 0, "sell": 0}
    for one in exchange.ledger()["activities"]:
        told[one["side"]] += int(one["qty"])
    return told


def test_before_the_open_it_sells_by_limits_beyond_the_last_price(
    exchange: Exchange, tmp_path: Path
) -> None:
    own = exchange.as_key("early")
    broker = broker_of(own, tmp_path)
    exchange.step(exchange.clock()["pre_ns"] + 4 * 60 * MINUTE_NS)
    broker.submit(entry(own, SYMBOL, client_id="early-0", bracket=False))
    fill(exchange, broker, SYMBOL)
    result, recorded = flattened(own, broker)
    closing = [act for act in recorded if act.what == "close"]

    assert (result.flat, broker.positions()) == (True, ())
    assert closing
    assert all(act.price for act in closing)
    assert shares(own)["sell"] == shares(own)["buy"]


def test_brackets_and_waiting_entries_are_cancelled_and_positions_sold_at_the_market(
    exchange: Exchange, tmp_path: Path
) -> None:
    own = exchange.as_key("regular")
    broker = broker_of(own, tmp_path)
    to_regular_hours(exchange)
    broker.submit(entry(own, SYMBOL, client_id="regular-0", bracket=True))
    fill(exchange, broker, SYMBOL)
    low = entry(own, OTHER, client_id="regular-1", bracket=False)
    broker.submit(OrderRequest(**vars(low) | {"limit_price": "1.00"}))
    result, recorded = flattened(own, broker)
    still_open = [one for one in broker.orders(0) if not one.status.final]

    assert (result.flat, broker.positions(), still_open) == (True, (), [])
    assert [act.price for act in recorded if act.what == "close"] == [""]
    assert shares(own)["sell"] == shares(own)["buy"]


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "answer", "method": "POST", "status": 504, "accepted": True, "count": 1},
        {"do": "answer", "method": "POST", "status": 500, "count": 2},
        {"do": "drop", "method": "POST", "accepted": True, "count": 1},
        {"do": "answer", "method": "DELETE", "status": 500, "count": 2},
    ],
    ids=["taken, then 504", "500", "taken, then cut", "no cancel"],
)
def test_whatever_the_broker_answers_the_shares_are_sold_once(
    exchange: Exchange, tmp_path: Path, fault: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    own = exchange.as_key(request.node.name)
    broker = broker_of(own, tmp_path)
    to_regular_hours(exchange)
    broker.submit(entry(own, SYMBOL, client_id="f-0", bracket=True))
    fill(exchange, broker, SYMBOL)
    own.faults({"on": "request", "path": "/v2/orders"} | fault)
    result, _ = flattened(own, broker)
    own.faults()

    assert (result.flat, shares(own)["sell"]) == (True, shares(own)["buy"])


def test_what_is_not_flat_in_time_is_told(exchange: Exchange, tmp_path: Path) -> None:
    own = exchange.as_key("slow")
    broker = broker_of(own, tmp_path)
    to_regular_hours(exchange)
    broker.submit(entry(own, SYMBOL, client_id="slow-0", bracket=True))
    fill(exchange, broker, SYMBOL)
    recorded: list[HandAct] = []
    result = Flattening(
        broker, now_ns=broker.clock_ns, record=recorded.append, beyond_frac=0.01
    ).run(0.5)

    assert [one.symbol for one in result.positions] == [SYMBOL]
    assert (result.flat, recorded[-1].what) == (False, "left")
    assert f"4 {SYMBOL}" in recorded[-1].text


def test_each_act_is_recorded_before_it_is_sent(exchange: Exchange, tmp_path: Path) -> None:
    own = exchange.as_key("recorded")
    broker = broker_of(own, tmp_path)
    to_regular_hours(exchange)
    broker.submit(entry(own, SYMBOL, client_id="r-0", bracket=True))
    fill(exchange, broker, SYMBOL)
    known: list[bool] = []

    def record(act: HandAct) -> None:
        if act.what == "close":
            known.append(broker.order_of(act.client_order_id) is not None)

    with time_passing(own):
        Flattening(broker, now_ns=broker.clock_ns, record=record, beyond_frac=0.01).run(WAIT_S)

    assert known == [False]


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    return saying(monkeypatch, capsys, CATALYST_HOME=str(tmp_path), DATABASE_URL=NOBODY)


@contextmanager
def position_left_behind(exchange: Exchange, key: str, home: Path) -> Iterator[str]:
    """A position at the broker, and the file of the process that died with it; its account."""
    own = exchange.as_key(key)
    broker = broker_of(own, home)
    account = broker.account().number
    run = Run(account, 1, "spec", "5m", "", "", exchange.url, "", paper_account=key)
    to_regular_hours(own)
    broker.submit(entry(own, SYMBOL, client_id=f"{key}-0", bracket=True))
    fill(own, broker, SYMBOL)
    with write_run_file(home / "state", run):
        pass
    own = Exchange(own.url, own.process, key, key)
    with time_passing(own):
        yield account


def test_without_a_database_a_flatten_works_with_the_broker_alone_and_is_written_down(
    say: Say, exchange: Exchange, tmp_path: Path
) -> None:
    with position_left_behind(exchange, "lost", tmp_path) as account:
        code, out, err = say("flatten", "--yes", "--wait", "30", "--json")
    told = json.loads(out)
    done = shares(exchange.as_key("lost"))
    acts = flattened_by_hand(tmp_path / "state", account)

    assert (code, told["account"], told["alone"], told["done"]) == (0, account, True, True)
    assert done["sell"] == done["buy"] > 0
    assert [act.what for act in acts][:1] == ["begun"]
    assert acts[-1].what == "flat"
    assert "hush" not in out + err


def test_a_flatten_past_a_process_that_hangs_leaves_a_pause_and_no_second_flatten(
    say: Say,
    exchange: Exchange,
    postgres: SecretStr,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres.get_secret_value())
    with (
        Database(postgres, smallest=1) as database,
        position_left_behind(exchange, "hung", tmp_path) as account,
    ):
        books = Books(database, account)
        books.open()
        ask(database, account, "flatten", by="ann")
        code, out, _ = say("flatten", "--alone", "--yes", "--wait", "30")
        left = [one.command for one in ControlInbox(database, account).pending()]

    assert (code, left) == (0, ["pause"])
    assert "the account is flat" in out.splitlines()[-1]
