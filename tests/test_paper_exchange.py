"""The paper exchange as a process, asked by Alpaca's own clients over loopback."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.live.news import NewsDataStream
from alpaca.data.live.stock import StockDataStream
from alpaca.data.live.websocket import DataStream
from alpaca.data.models import News
from alpaca.data.requests import NewsRequest, StockBarsRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.models import Order
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
)
from alpaca.trading.stream import TradingStream
from paper_exchange import Exchange, paper_exchange
from websockets.sync.client import ClientConnection, connect
from worlds import small_lake

FIVE = 5 * 60 * 10**9
SYMBOL = "ZQAA"
KEYS = itertools.count()


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with paper_exchange("--start", "2023-06-16") as exchange:
        yield exchange


@pytest.fixture
def exchange(running: Exchange) -> Iterator[Exchange]:
    """The exchange at the next session's open, and a new account on it."""
    own = running.as_key(f"key-{next(KEYS)}")
    to_the_open(own)
    yield own
    own.faults()


def to_the_open(exchange: Exchange) -> dict[str, Any]:
    clock = exchange.clock()
    if clock["now_ns"] > clock["open_ns"]:
        # At 20:00 the next session is the one that is played.
        clock = exchange.step(clock["post_ns"])
        clock = exchange.clock()
    return exchange.step(clock["open_ns"])


def bars_ahead(exchange: Exchange, n: int) -> int:
    return int(exchange.clock()["now_ns"]) + n * FIVE


def last_price(exchange: Exchange) -> Decimal:
    bars = small_lake().bars("5m", symbols=[SYMBOL], end=exchange.clock()["now_ns"])
    return Decimal(str(round(bars["close"][-1], 2)))


def bought(exchange: Exchange, shares: int = 100) -> TradingClient:
    client = exchange.trading()
    client.submit_order(
        MarketOrderRequest(
            symbol=SYMBOL, qty=shares, side=OrderSide.BUY, time_in_force=TimeInForce.GTC
        )
    )
    for _ in range(40):
        exchange.step(bars_ahead(exchange, 1))
        held: Any = client.get_all_positions()
        if held and held[0].qty == str(shares):
            return client
    raise AssertionError("the order never filled")


def bracket(exchange: Exchange, name: str, *, shares: int = 100) -> LimitOrderRequest:
    price = last_price(exchange)
    return LimitOrderRequest(
        symbol=SYMBOL,
        qty=shares,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.GTC,
        limit_price=float(price + Decimal("0.10")),
        order_class=OrderClass.BRACKET,
        take_profit=TakeProfitRequest(limit_price=float(price + 5)),
        stop_loss=StopLossRequest(stop_price=float(price - 5)),
        client_order_id=name,
    )


def order_of(client: TradingClient, name: str) -> Order:
    found = client.get_order_by_client_id(name)

    assert isinstance(found, Order)

    return found


def refused(error: pytest.ExceptionInfo[APIError]) -> tuple[int, int]:
    told = json.loads(str(error.value))
    status = error.value.status_code

    assert status is not None

    return status, told["code"]


def test_a_new_key_is_an_account_with_the_initial_cash(exchange: Exchange) -> None:
    account = exchange.request("GET", "/v2/account").json()

    assert account["cash"] == account["equity"] == "100000"
    assert account["status"] == "ACTIVE"
    assert not {"pattern_day_trader", "daytrade_count", "daytrading_buying_power"} & set(account)


def test_the_clock_and_the_calendar_are_the_exchanges(exchange: Exchange) -> None:
    clock = exchange.trading().get_clock()
    day = exchange.clock()["session"]
    days = exchange.request("GET", "/v2/calendar").json()

    assert clock.is_open  # type: ignore[union-attr] # not raw
    assert str(clock.next_close)[:19] == f"{day} 16:00:00"  # type: ignore[union-attr]
    assert {"date": day, "open": "09:30", "close": "16:00"}.items() <= next(
        d for d in days if d["date"] == day
    ).items()


def test_a_brackets_legs_are_in_the_answer_and_held(exchange: Exchange) -> None:
    client = exchange.trading()
    sent = client.submit_order(bracket(exchange, "one-0"))

    assert isinstance(sent, Order)
    assert sent.status is OrderStatus.PENDING_NEW
    assert [leg.status for leg in sent.legs or []] == [OrderStatus.HELD] * 2

    flat = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))
    nested = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True))

    assert [(o.client_order_id, o.legs) for o in flat] == [("one-0", None)]  # type: ignore[union-attr]
    assert [len(o.legs or []) for o in nested] == [2]  # type: ignore[union-attr]


def test_a_market_order_fills_at_the_next_bars_open_and_is_a_position(exchange: Exchange) -> None:
    client = bought(exchange, 20)
    position = client.get_open_position(SYMBOL)
    fills = exchange.request("GET", "/v2/account/activities/FILL").json()

    assert position.qty == "20"  # type: ignore[union-attr] # not raw
    assert sum(int(f["qty"]) for f in fills) == 20
    cash = Decimal(100_000) - sum(int(f["qty"]) * Decimal(f["price"]) for f in fills)

    assert Decimal(exchange.request("GET", "/v2/account").json()["cash"]) == cash
    assert Decimal(exchange.ledger()["cash"]) == cash


def test_equity_is_kept_for_the_end_of_each_session(exchange: Exchange) -> None:
    client = bought(exchange, 20)
    end = exchange.clock()["post_ns"]
    exchange.step(end)
    told: Any = client.get_portfolio_history()
    account: Any = client.get_account()

    assert told.timestamp == [end // 10**9]
    assert told.equity == [float(account.equity)]
    assert account.last_equity == account.equity


def test_a_repeated_client_id_is_refused_and_the_order_is_there(exchange: Exchange) -> None:
    client = exchange.trading()
    client.submit_order(bracket(exchange, "twice-0"))
    with pytest.raises(APIError) as error:
        client.submit_order(bracket(exchange, "twice-0"))

    assert refused(error) == (422, 40010001)
    assert order_of(client, "twice-0").status is OrderStatus.NEW


def test_prices_off_the_tick_are_refused_as_they_were_sent(exchange: Exchange) -> None:
    body = {
        "symbol": SYMBOL,
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": 9.050000190734863,
    }
    answer = exchange.request("POST", "/v2/orders", body)

    assert answer.status_code == 422
    assert answer.json()["code"] == 42210000
    assert "9.050000190734863" in answer.json()["message"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"symbol": "NOPE"}, 422, 42210000),
        ({"extended_hours": True}, 422, 40010001),
        ({"qty": "100000000"}, 403, 40310000),
        ({"side": "long"}, 422, 40010001),
        ({"qty": None, "notional": "100"}, 422, 40010001),
        ({"time_in_force": "fok"}, 422, 40010001),
    ],
)
def test_orders_are_refused_with_status_code_and_words(
    exchange: Exchange, fields: dict[str, Any], status: int, code: int
) -> None:
    body = {
        "symbol": SYMBOL,
        "qty": "1",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        **fields,
    }
    answer = exchange.request("POST", "/v2/orders", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


def test_shares_that_an_order_holds_can_not_be_sold_again(exchange: Exchange) -> None:
    client = bought(exchange, 10)
    stop = client.submit_order(
        StopOrderRequest(
            symbol=SYMBOL,
            qty=10,
            side=OrderSide.SELL,
            time_in_force=TimeInForce.GTC,
            stop_price=0.5,
        )
    )
    with pytest.raises(APIError) as error:
        client.close_position(SYMBOL, ClosePositionRequest(qty="10"))

    assert refused(error) == (403, 40310000)
    assert client.get_open_position(SYMBOL).qty_available == "0"  # type: ignore[union-attr]

    client.cancel_order_by_id(stop.id)  # type: ignore[union-attr]
    closing = client.close_position(SYMBOL)

    assert closing.side is OrderSide.SELL  # type: ignore[union-attr]


def test_a_replaced_stop_is_another_order_with_another_id(exchange: Exchange) -> None:
    client = exchange.trading()
    sent = client.submit_order(bracket(exchange, "moved-0"))
    stop = next(leg for leg in sent.legs or [] if leg.stop_price)  # type: ignore[union-attr]
    price = float(last_price(exchange) - 4)
    new = client.replace_order_by_id(str(stop.id), ReplaceOrderRequest(stop_price=price))
    old = client.get_order_by_id(str(stop.id))

    assert isinstance(new, Order)
    assert isinstance(old, Order)
    assert new.id != stop.id
    assert (old.status, old.replaced_by) == (OrderStatus.REPLACED, new.id)
    assert new.replaces == old.id


def test_all_orders_and_positions_are_closed_at_once(exchange: Exchange) -> None:
    client = bought(exchange, 10)
    client.submit_order(bracket(exchange, "gone-0"))
    closed = client.close_all_positions(cancel_orders=True)
    open_now = client.get_orders()

    assert [c.status for c in closed] == [200]  # type: ignore[union-attr]
    assert [o.side for o in open_now] == [OrderSide.SELL]  # type: ignore[union-attr]

    client.cancel_orders()

    assert client.get_orders() == []


def test_what_is_not_there_is_not_found(exchange: Exchange) -> None:
    client = exchange.trading()
    found = []
    for ask in (
        lambda: client.get_order_by_client_id("none"),
        lambda: client.get_open_position(SYMBOL),
        lambda: client.get_asset("NOPE"),
    ):
        with pytest.raises(APIError) as error:
            ask()
        found.append(refused(error))

    assert found == [(404, 40410000)] * 3


def test_bars_and_news_of_later_are_never_answered(exchange: Exchange) -> None:
    now = exchange.clock()["now_ns"]
    instant = dt.datetime.fromtimestamp(now / 1e9, dt.UTC)
    far = instant + dt.timedelta(days=30)
    bars = exchange.stock_data().get_stock_bars(
        StockBarsRequest(
            symbol_or_symbols=[SYMBOL],
            timeframe=TimeFrame(5, TimeFrameUnit.Minute),
            start=instant - dt.timedelta(days=6),
            end=far,
        )
    )
    asked = NewsRequest(end=far, start=instant - dt.timedelta(days=4))
    news: Any = exchange.news_data().get_news(asked)
    stored = small_lake().bars("5m", symbols=[SYMBOL], end=now)
    got = bars[SYMBOL]

    assert got[-1].close == stored["close"][-1]
    assert len(got) > 100
    assert all(b.timestamp + dt.timedelta(minutes=5) <= instant for b in got)
    assert news.data["news"]
    assert all(isinstance(a, News) and a.updated_at <= instant for a in news.data["news"])


def test_a_request_without_a_key_is_not_let_in(exchange: Exchange) -> None:
    import requests

    assert requests.get(f"{exchange.url}/v2/account", timeout=10).status_code == 401


def test_more_than_200_requests_a_minute_of_exchange_time_are_too_many(exchange: Exchange) -> None:
    answers = [exchange.request("GET", "/v2/clock") for _ in range(201)]

    assert [a.status_code for a in answers] == [200] * 200 + [429]
    assert answers[0].headers["X-RateLimit-Limit"] == "200"
    assert answers[0].headers["X-RateLimit-Remaining"] == "199"

    exchange.step(exchange.clock()["now_ns"] + 60 * 10**9)

    assert exchange.request("GET", "/v2/clock").status_code == 200


def test_a_504_after_acceptance_leaves_an_order_behind(exchange: Exchange) -> None:
    exchange.faults(
        {
            "on": "request",
            "do": "answer",
            "method": "POST",
            "path": "/v2/orders",
            "status": 504,
            "accepted": True,
            "count": 1,
        }
    )
    body = {
        "symbol": SYMBOL,
        "qty": "1",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "client_order_id": "lost-0",
    }
    first = exchange.request("POST", "/v2/orders", body)
    second = exchange.request("POST", "/v2/orders", body)

    assert (first.status_code, second.status_code) == (504, 422)
    assert order_of(exchange.trading(), "lost-0").qty == "1"


def test_a_dropped_connection_is_no_answer(exchange: Exchange) -> None:
    import requests

    exchange.faults({"on": "request", "do": "drop", "path": "/v2/clock", "count": 1})
    with pytest.raises(requests.exceptions.ConnectionError):
        exchange.request("GET", "/v2/clock")

    assert exchange.request("GET", "/v2/clock").status_code == 200


def test_faults_that_are_none_are_told_in_a_sentence(exchange: Exchange) -> None:
    answer = exchange.request("POST", "/catalyst/faults", [{"on": "stream", "do": "explode"}])

    assert answer.status_code == 422
    assert "'explode'" in answer.json()["message"]


def test_a_halted_symbol_neither_fills_nor_shows(exchange: Exchange) -> None:
    exchange.faults({"on": "market", "do": "halt", "symbol": SYMBOL})
    client = exchange.trading()
    client.submit_order(
        MarketOrderRequest(symbol=SYMBOL, qty=5, side=OrderSide.BUY, time_in_force=TimeInForce.GTC)
    )
    exchange.step(bars_ahead(exchange, 12))

    assert client.get_all_positions() == []


# Sockets.


@contextmanager
def listening(stream: TradingStream | DataStream) -> Iterator[list[Any]]:
    """Run one of Alpaca's streams in a thread; what it hears."""
    heard: list[Any] = []

    async def hear(message: object) -> None:
        heard.append(message)

    if isinstance(stream, TradingStream):
        stream.subscribe_trade_updates(hear)
    elif isinstance(stream, NewsDataStream):
        stream.subscribe_news(hear, "*")
    elif isinstance(stream, StockDataStream):
        stream.subscribe_bars(hear, "*")
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not stream._running:
        assert time.monotonic() < until
        time.sleep(0.01)
    try:
        yield heard
    finally:
        stream.stop()
        # It looks for the stop after five seconds of silence; a closed socket wakes it.
        loop: Any = stream._loop
        asyncio.run_coroutine_threadsafe(stream.close(), loop)
        thread.join(10)


def wait_for(heard: list[Any], n: int) -> None:
    until = time.monotonic() + 10
    while len(heard) < n:
        assert time.monotonic() < until, heard
        time.sleep(0.01)


def streams(exchange: Exchange) -> tuple[TradingStream, StockDataStream, NewsDataStream]:
    key, secret, url = exchange.key, exchange.secret, exchange.sockets_url
    return (
        TradingStream(key, secret, url_override=f"{url}/stream"),
        StockDataStream(key, secret, url_override=f"{url}/v2/sip"),
        NewsDataStream(key, secret, url_override=f"{url}/v1beta1/news"),
    )


def test_all_that_happens_is_written_to_the_sockets_before_a_step_is_answered(
    exchange: Exchange,
) -> None:
    trades, bars, news = streams(exchange)
    with listening(trades) as updates, listening(bars) as seen, listening(news) as read:
        time.sleep(0.3)
        exchange.trading().submit_order(bracket(exchange, "told-0"))
        clock = exchange.clock()
        sent = exchange.step(clock["post_ns"])["sent"]
        wait_for(updates, sent["trade_updates"])
        wait_for(seen, sent["bars"])
        wait_for(read, sent["news"])
        day = exchange.ledger()
        end = dt.datetime.fromtimestamp(clock["post_ns"] / 1e9, dt.UTC)
        start = dt.datetime.fromtimestamp(clock["open_ns"] / 1e9, dt.UTC)
        stored = small_lake().bars("5m", start=start, end=end).unique(["symbol", "ts"])

        assert (len(updates), len(seen), len(read)) == tuple(
            sent[k] for k in ("trade_updates", "bars", "news")
        )
        assert len(seen) == stored.height
        assert len(read) > 0
        assert updates[0].event == "new"
        filled = [u for u in updates if u.execution_id]

        assert [str(u.execution_id) for u in filled] == [
            a["id"].partition("::")[2] for a in day["activities"]
        ]


def test_dropped_duplicated_and_late_updates_are_as_planned(exchange: Exchange) -> None:
    trades, *_ = streams(exchange)
    exchange.faults(
        {"on": "stream", "do": "drop", "stream": "trade_updates", "event": "new", "count": 1},
        {"on": "stream", "do": "duplicate", "event": "canceled", "count": 1},
    )
    with listening(trades) as updates:
        time.sleep(0.2)
        client = exchange.trading()
        client.submit_order(bracket(exchange, "odd-0"))
        client.cancel_orders()
        wait_for(updates, 4)

        assert [u.event for u in updates] == ["canceled"] * 4
        assert exchange.clock()["sent"]["trade_updates"] == 4


def test_a_socket_that_is_cut_can_be_opened_again(exchange: Exchange) -> None:
    trades, *_ = streams(exchange)
    exchange.faults(
        {"on": "stream", "do": "disconnect", "stream": "trade_updates", "event": "new", "count": 1}
    )
    with listening(trades) as updates:
        time.sleep(0.2)
        client = exchange.trading()
        client.submit_order(bracket(exchange, "cut-0"))
        until = time.monotonic() + 10
        while "trade_updates" in exchange.clock()["sockets"]:
            assert time.monotonic() < until
        while "trade_updates" not in exchange.clock()["sockets"]:
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(0.2)
        client.cancel_orders()
        wait_for(updates, 3)

        assert {u.event for u in updates} == {"canceled"}


def test_a_second_data_socket_of_a_key_is_refused_in_json_as_in_msgpack(
    exchange: Exchange,
) -> None:
    def opened() -> tuple[ClientConnection, Any, Any]:
        socket = connect(f"{exchange.sockets_url}/v2/iex", legacy=True)
        hello = json.loads(socket.recv())
        socket.send(json.dumps({"action": "auth", "key": exchange.key, "secret": "x"}))
        return socket, hello, json.loads(socket.recv())

    first, hello, told = opened()
    second, _, refused_with = opened()
    first.close()
    second.close()

    assert hello == [{"T": "success", "msg": "connected"}]
    assert told == [{"T": "success", "msg": "authenticated"}]
    assert refused_with == [{"T": "error", "code": 406, "msg": "connection limit exceeded"}]


# Its life as a process.


def test_a_restarted_exchange_has_the_same_books_and_ids(tmp_path: Path) -> None:
    state = tmp_path / "books.jsonl"
    books = []
    for at in range(2):
        with paper_exchange("--start", "2023-06-16", "--state", state) as exchange:
            if at == 0:
                to_the_open(exchange)
                bought(exchange, 30)
                exchange.trading().submit_order(bracket(exchange, "kept-0"))
            books.append((exchange.clock()["now_ns"], exchange.ledger()))
            if at == 0:
                exchange.process.kill()
                state.write_text(state.read_text() + '{"at": 1, "do": "sub')

    assert books[0] == books[1]
    assert len(books[0][1]["orders"]) == 4
    assert exchange.key not in state.read_text().replace('"account"', "")
