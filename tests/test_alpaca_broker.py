"""The broker, through the real alpaca-py client: against a script for what no exchange does."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderStatus as AlpacaStatus
from alpaca_answers import (
    ACCOUNT,
    HASTE,
    HTML,
    KEYS,
    Answer,
    Asked,
    Script,
    Scripted,
    activity_row,
    bracket_row,
    order_row,
    refusal,
)
from pydantic import SecretStr

from catalyst.data.settings import Settings
from catalyst.errors import BrokerRefusalError, BrokerSilenceError, InputError, InvariantError
from catalyst.live import alpaca_rest
from catalyst.live.alpaca_broker import AlpacaBroker, opened
from catalyst.live.alpaca_orders import STATUSES, instant_ns, instant_text
from catalyst.live.alpaca_rest import AlpacaRest
from catalyst.live.alpaca_stream import TradeStream
from catalyst.live.endpoint import Endpoint, Money
from catalyst.live.ports import Account, Holding, OrderStatus
from catalyst.strategy.reasons import Side
from catalyst.strategy.tickets import OrderRequest

LIMIT = OrderRequest("c1-0", "AAPL", "buy", "10", "limit", "day", limit_price="9.05")
BRACKET = replace(
    LIMIT, order_class="bracket", take_profit_limit="9.5", stop_loss_stop="8.9", limit_price="9.05"
)
TAKEN = [
    refusal(422, 40010001, "client_order_id must be unique"),
    refusal(422, 40010001, "client order id must be unique"),
]


def _broker(endpoint: Endpoint) -> AlpacaBroker:
    return AlpacaBroker(AlpacaRest(endpoint, KEYS, HASTE), TradeStream(endpoint, KEYS, HASTE))


@pytest.fixture
def alpaca() -> Iterator[Scripted]:
    with Scripted() as running:
        yield running


@pytest.fixture
def broker(alpaca: Scripted) -> AlpacaBroker:
    return _broker(alpaca.endpoint)


def test_prices_leave_as_the_text_they_are(alpaca: Scripted, broker: AlpacaBroker) -> None:
    alpaca.answers = [Answer(bracket_row())]
    broker.submit(replace(BRACKET, stop_loss_limit="8.80"))

    assert alpaca.seen[0].json == {
        "client_order_id": "c1-0",
        "symbol": "AAPL",
        "side": "buy",
        "qty": "10",
        "type": "limit",
        "time_in_force": "day",
        "order_class": "bracket",
        "limit_price": "9.05",
        "take_profit": {"limit_price": "9.5"},
        "stop_loss": {"stop_price": "8.9", "limit_price": "8.80"},
    }


@pytest.mark.parametrize(
    "name",
    ["limit_price", "take_profit_limit", "stop_loss_stop", "stop_loss_limit"],
)
@pytest.mark.parametrize("price", ["9.050000190734863", "9.055", "0.99999", "-1", "nan", "9,05"])
def test_incident_01_a_price_off_the_tick_never_leaves(
    alpaca: Scripted, broker: AlpacaBroker, name: str, price: str
) -> None:
    changes: dict[str, Any] = {name: price}
    with pytest.raises(InvariantError, match="nothing was sent"):
        broker.submit(replace(BRACKET, **changes))

    assert alpaca.seen == []


def test_incident_01_a_new_stop_off_the_tick_never_leaves(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    with pytest.raises(InvariantError, match="nothing was sent"):
        broker.replace("an-id", client_order_id="c2-0", stop_price="8.905")

    assert alpaca.seen == []


@pytest.mark.parametrize("side", ["long", "BUY", "short", ""])
def test_incident_02_a_side_that_nobody_knows_never_leaves(
    alpaca: Scripted, broker: AlpacaBroker, side: str
) -> None:
    with pytest.raises(InvariantError, match="invalid side"):
        broker.submit(replace(LIMIT, side=side))

    assert alpaca.seen == []


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("side", "long"),
        ("status", "resting"),
        ("type", "iceberg"),
        ("time_in_force", "gtx"),
        ("order_class", "mleg"),
        ("qty", "0.5"),
        ("filled_qty", "many"),
        ("updated_at", "yesterday"),
        ("limit_price", "NaN"),
    ],
)
def test_incident_02_a_word_of_the_broker_that_nobody_knows_is_an_error_with_the_word(
    alpaca: Scripted, broker: AlpacaBroker, field: str, word: str
) -> None:
    alpaca.answers = [Answer(order_row(1, **{field: word}))]

    with pytest.raises(BrokerSilenceError, match=f"{field} '{word}' of AAPL"):
        broker.order("an-id")


def test_every_status_of_alpaca_is_known() -> None:
    assert set(STATUSES) == {status.value for status in AlpacaStatus}


@pytest.mark.parametrize(
    ("told", "filled", "meant"),
    [
        ("new", "0", OrderStatus.ACCEPTED),
        ("new", "4", OrderStatus.PARTIALLY_FILLED),
        ("pending_replace", "4", OrderStatus.PARTIALLY_FILLED),
        ("done_for_day", "0", OrderStatus.ACCEPTED),
        ("calculated", "10", OrderStatus.FILLED),
        ("held", "0", OrderStatus.HELD),
        ("suspended", "0", OrderStatus.PENDING),
        ("pending_cancel", "4", OrderStatus.PENDING_CANCEL),
        ("canceled", "4", OrderStatus.CANCELED),
    ],
)
def test_a_status_means_what_can_still_happen(
    alpaca: Scripted, broker: AlpacaBroker, told: str, filled: str, meant: OrderStatus
) -> None:
    alpaca.answers = [Answer(order_row(1, status=told, filled_qty=filled))]

    assert broker.order("an-id")[0].status is meant


def test_legs_are_orders_of_their_own_and_know_their_parent(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    alpaca.answers = [Answer(bracket_row())]
    entry, target, stop = broker.submit(BRACKET)

    assert (entry.parent_id, target.parent_id, stop.parent_id) == ("", *(entry.broker_id,) * 2)
    assert (target.limit_price, stop.stop_price, stop.kind) == ("9.5", "8.9", "stop")
    assert (stop.side, stop.status) == (Side.SELL, OrderStatus.HELD)
    assert entry.updated_ns - entry.submitted_ns == 300_123_456_788


@pytest.mark.parametrize(
    "answer",
    [
        Answer(HTML, 504),
        Answer({"message": "internal"}, 500),
        Answer(HTML, 502),
        Answer("", 408),
        Answer(drop=True),
    ],
)
def test_an_order_that_may_have_been_taken_is_not_sent_again(
    alpaca: Scripted, broker: AlpacaBroker, answer: Answer
) -> None:
    alpaca.answers = [answer]
    alpaca.script = lambda _: Answer(order_row())

    with pytest.raises(BrokerSilenceError):
        broker.submit(LIMIT)
    assert alpaca.methods() == ["POST"]


def test_an_order_that_is_not_answered_in_time_is_silence(
    alpaca: Scripted, broker: AlpacaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca_rest, "ORDERS_S", 0.2)
    alpaca.answers = [Answer(order_row(), mute=5.0)]

    with pytest.raises(BrokerSilenceError, match="ReadTimeout"):
        broker.submit(LIMIT)
    assert alpaca.methods() == ["POST"]


def test_a_stop_is_not_moved_twice(alpaca: Scripted, broker: AlpacaBroker) -> None:
    alpaca.answers = [Answer(HTML, 504)]
    alpaca.script = lambda _: Answer(order_row())

    with pytest.raises(BrokerSilenceError):
        broker.replace("an-id", client_order_id="c2-0", stop_price="8.95")
    assert alpaca.methods() == ["PATCH"]


def test_an_order_that_came_too_fast_was_not_taken_and_is_sent_again(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    alpaca.answers = [
        Answer({"message": "too many requests."}, 429, {"Retry-After": "1"}),
        Answer(HTML, 429),
        Answer(order_row()),
    ]
    orders = broker.submit(LIMIT)

    assert orders[0].client_order_id == "c1-0"
    assert [asked.json["client_order_id"] for asked in alpaca.seen] == ["c1-0"] * 3


def test_an_order_is_given_up_where_there_are_always_too_many(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    alpaca.script = lambda _: Answer("", 429)

    with pytest.raises(BrokerSilenceError, match="it was not taken"):
        broker.submit(LIMIT)
    assert len(alpaca.seen) == 4


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize("request_", [LIMIT, BRACKET])
def test_an_order_that_is_there_already_is_adopted(
    alpaca: Scripted, broker: AlpacaBroker, taken: Answer, request_: OrderRequest
) -> None:
    row = bracket_row() if request_ is BRACKET else order_row()
    alpaca.answers = [taken, Answer(row | {"legs": None}), Answer(row)]
    orders = broker.submit(request_)

    assert orders[0].broker_id == row["id"]
    assert len(orders) == (3 if request_ is BRACKET else 1)
    assert alpaca.seen[1].query == {"client_order_id": "c1-0"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"symbol": "MSFT"}, "symbol is MSFT, asked AAPL"),
        ({"side": "sell"}, "side is sell, asked buy"),
        ({"qty": "11"}, "quantity is 11, asked 10"),
        ({"limit_price": "9.06"}, "limit is 9.06, asked 9.05"),
        ({"stop_price": "9"}, "stop is 9, asked none"),
        ({"type": "market"}, "type is market, asked limit"),
        ({"legs": [order_row(2, limit_price="9.4")]}, "no leg at 9.5; no leg at 8.9"),
    ],
)
def test_another_order_under_our_id_is_not_adopted(
    alpaca: Scripted, broker: AlpacaBroker, changes: dict[str, Any], words: str
) -> None:
    row = bracket_row(**changes)
    alpaca.answers = [TAKEN[0], Answer(row), Answer(row)]

    with pytest.raises(BrokerRefusalError, match=words):
        broker.submit(BRACKET)


@pytest.mark.parametrize("strange", [Answer(HTML), Answer(order_row(status="odd")), Answer("")])
def test_an_answer_that_can_not_be_read_after_the_order_was_taken_is_no_silence(
    alpaca: Scripted, broker: AlpacaBroker, strange: Answer
) -> None:
    alpaca.answers = [strange, Answer(order_row()), Answer(order_row())]

    assert broker.submit(LIMIT)[0].client_order_id == "c1-0"
    assert alpaca.methods() == ["POST", "GET", "GET"]


def test_a_refusal_carries_status_code_and_words(alpaca: Scripted, broker: AlpacaBroker) -> None:
    alpaca.answers = [refusal(403, 40310000, "insufficient buying power")]

    with pytest.raises(BrokerRefusalError) as caught:
        broker.submit(LIMIT)
    found = caught.value
    assert (found.status, found.code, found.told) == (403, 40310000, "insufficient buying power")


def test_a_refusal_without_json_is_still_one(alpaca: Scripted, broker: AlpacaBroker) -> None:
    alpaca.answers = [Answer(HTML, 403)]

    with pytest.raises(BrokerRefusalError) as caught:
        broker.submit(LIMIT)
    assert (caught.value.status, caught.value.code) == (403, 0)


def test_an_order_is_absent_only_if_alpaca_itself_says_so(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    alpaca.answers = [refusal(404, 40410000, "order not found for c9-0"), Answer(HTML, 404)]

    assert broker.order_of("c9-0") is None
    with pytest.raises(BrokerSilenceError, match="without its code"):
        broker.order_of("c9-0")


@pytest.mark.parametrize(
    "fault",
    [Answer(HTML, 500), Answer(HTML, 504), Answer("", 429), Answer(drop=True), Answer(HTML)],
)
def test_what_only_reads_is_asked_again(
    alpaca: Scripted, broker: AlpacaBroker, fault: Answer
) -> None:
    alpaca.answers = [fault, fault, Answer([])]

    assert broker.positions() == ()
    assert len(alpaca.seen) == 3


def test_a_read_ends_after_four_tries(alpaca: Scripted, broker: AlpacaBroker) -> None:
    with pytest.raises(BrokerSilenceError, match="in 4 tries"):
        broker.positions()

    assert len(alpaca.seen) == 4


def test_a_cancel_that_may_have_been_taken_is_not_refused_the_second_time(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    done = refusal(422, 42210000, 'order is already in "canceled" state')
    alpaca.answers = [Answer(HTML, 504), done, done]
    broker.cancel("an-id")

    with pytest.raises(BrokerRefusalError, match="already"):
        broker.cancel("an-id")


def test_a_moved_stop_is_the_new_order_even_if_the_answer_can_not_be_read(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    old, new = order_row(3), order_row(4, type="stop", limit_price=None, stop_price="8.95")
    shown = Answer(old | {"status": "replaced", "replaced_by": new["id"]})
    alpaca.answers = [Answer(new), Answer(HTML), shown, Answer(new)]
    moved = [broker.replace(old["id"], client_order_id="c4-0", stop_price="8.95") for _ in range(2)]

    assert [orders[0].broker_id for orders in moved] == [new["id"]] * 2
    assert alpaca.seen[0].json == {"stop_price": "8.95", "client_order_id": "c4-0"}


def test_a_redirect_is_not_followed_with_the_keys(alpaca: Scripted) -> None:
    with Scripted() as elsewhere:
        alpaca.script = lambda asked: Answer("{}", 307, {"Location": elsewhere.url + asked.path})
        broker = _broker(alpaca.endpoint)
        with pytest.raises(BrokerSilenceError, match="redirects"):
            broker.account()
        with pytest.raises(BrokerSilenceError, match="redirects"):
            broker.submit(LIMIT)

        assert elsewhere.seen == []


def test_a_proxy_of_the_environment_does_not_see_this_machine(
    alpaca: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        alpaca.answers = [Answer([])]
        _broker(alpaca.endpoint).positions()

        assert (len(alpaca.seen), proxy.seen) == (1, [])


def test_an_account_is_read_without_and_with_the_removed_fields(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    removed = {"pattern_day_trader": False, "daytrade_count": 0, "daytrading_buying_power": "0"}
    alpaca.answers = [Answer(ACCOUNT), Answer(ACCOUNT | removed)]
    expected = Account(
        number="PA0000000001",
        status="ACTIVE",
        cash_micro=99_999_123_456,
        equity_micro=100_000_000_000,
        buying_power_micro=199_999_500_000,
        trading_blocked=False,
    )

    assert broker.account() == expected
    assert broker.account() == expected


@pytest.mark.parametrize("why", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
def test_an_account_that_is_blocked_anyhow_is_blocked(
    alpaca: Scripted, broker: AlpacaBroker, why: str
) -> None:
    alpaca.answers = [Answer(ACCOUNT | {why: True})]

    assert broker.account().trading_blocked


def test_a_short_position_is_negative_however_its_quantity_is_signed(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    row = {"symbol": "AAPL", "side": "short", "avg_entry_price": "9.05", "current_price": "9"}
    alpaca.answers = [Answer([row | {"qty": qty}]) for qty in ("-5", "5")]
    expected = (Holding("AAPL", -5, "9.05", "9"),)

    assert broker.positions() == expected
    assert broker.positions() == expected


def test_a_part_of_a_share_is_named_and_what_to_do(alpaca: Scripted, broker: AlpacaBroker) -> None:
    row = {"symbol": "AAPL", "side": "long", "avg_entry_price": "9.05", "qty": "5.5"}
    alpaca.answers = [Answer([row])]

    with pytest.raises(BrokerSilenceError, match=r"'5.5' of AAPL.*close the fraction"):
        broker.positions()


def _archive(rows: list[dict[str, Any]]) -> Script:
    def answer(asked: Asked) -> Answer:
        query = asked.query
        after = instant_ns(query["after"]) if "after" in query else 0
        found = [row for row in rows if instant_ns(row["submitted_at"]) > after]
        if query["status"] == "open":
            found = [row for row in found if row["status"] == "new"]
        return Answer(found[: int(query["limit"])])

    return answer


def test_all_orders_are_told_however_many(alpaca: Scripted, broker: AlpacaBroker) -> None:
    # Seven of each instant, so that a page ends within one.
    rows = [
        order_row(n, submitted_at=instant_text(10**18 + n // 7 * 10**9), status="filled")
        for n in range(1_200)
    ]
    rows[3]["status"] = "new"
    alpaca.script = _archive(rows)
    everything = broker.orders(0)
    lately = broker.orders(10**18 + 168 * 10**9)

    assert sorted(o.client_order_id for o in everything) == sorted(
        row["client_order_id"] for row in rows
    )
    assert {o.client_order_id for o in lately} == {"c3-0"} | {f"c{n}-0" for n in range(1183, 1200)}


def test_orders_that_are_asked_for_twice_end_in_an_error_not_in_a_loop(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    rows = [order_row(n) for n in range(500)]
    alpaca.script = lambda _: Answer(rows)

    with pytest.raises(BrokerSilenceError, match="twice"):
        broker.orders(0)


def test_a_leg_that_is_told_alone_and_in_its_entry_keeps_its_parent(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    entry = bracket_row()
    alpaca.answers = [Answer([entry]), Answer([entry["legs"][0]])]
    found = {order.client_order_id: order.parent_id for order in broker.orders(1)}

    assert found == {"c1-0": "", "c2-0": entry["id"], "c3-0": entry["id"]}


def test_executions_are_told_page_by_page_ascending(alpaca: Scripted, broker: AlpacaBroker) -> None:
    rows = [activity_row(number) for number in range(230)]

    def answer(asked: Asked) -> Answer:
        token = asked.query.get("page_token")
        first = 0 if token is None else next(i for i, r in enumerate(rows) if r["id"] == token) + 1
        return Answer(rows[first : first + int(asked.query["page_size"])])

    alpaca.script = answer
    found = broker.executions(1_696_253_400_000_000_000)

    assert [one.execution_id for one in found] == [row["id"] for row in rows]
    assert (found[0].price, found[0].quantity, found[0].cumulative) == ("9.0501", 2, 2)
    assert {asked.query["after"] for asked in alpaca.seen} == {"2023-10-02T13:30:00.000000000Z"}
    assert len(alpaca.seen) == 3


def test_what_was_executed_before_and_booked_later_is_told(
    alpaca: Scripted, broker: AlpacaBroker
) -> None:
    alpaca.answers = [Answer([activity_row(1)])]

    assert len(broker.executions(instant_ns(activity_row(2)["transaction_time"]))) == 1


def test_a_short_sale_is_a_sale(alpaca: Scripted, broker: AlpacaBroker) -> None:
    alpaca.answers = [Answer([activity_row(1, side="sell_short", cum_qty=None)])]
    found = broker.executions(0)

    assert (found[0].side, found[0].cumulative) == (Side.SELL, -1)


def test_an_instant_is_read_to_the_nanosecond_and_written_back() -> None:
    text = "2023-10-02T09:30:00.123456789-04:00"

    assert instant_text(instant_ns(text)) == "2023-10-02T13:30:00.123456789Z"
    assert instant_ns("2023-10-02T13:30:00Z") == 1_696_253_400_000_000_000
    assert instant_ns("2023-10-02T13:30:00.5Z") == 1_696_253_400_500_000_000


def _settings(tmp_path: Path, alpaca: Scripted) -> Settings:
    return Settings(
        catalyst_home=tmp_path,
        alpaca_base_url=alpaca.url,
        alpaca_api_key=SecretStr(KEYS.key),
        alpaca_secret_key=SecretStr(KEYS.secret),
    )


def test_a_broker_is_asked_first_whose_account_it_is(alpaca: Scripted, tmp_path: Path) -> None:
    alpaca.answers = [Answer(ACCOUNT)]
    opened(_settings(tmp_path, alpaca), speed=0.0)

    assert [asked.path for asked in alpaca.seen] == ["/v2/account"]


def test_real_money_of_another_account_is_not_touched(alpaca: Scripted, tmp_path: Path) -> None:
    alpaca.script = lambda _: Answer(ACCOUNT)
    real = replace(alpaca.endpoint, money=Money.REAL)
    told = _settings(tmp_path, alpaca).model_copy(
        update={"catalyst_real_money": "yes", "catalyst_real_money_account": "123456789"}
    )

    with pytest.raises(InputError, match="CATALYST_REAL_MONEY_ACCOUNT is 123456789"):
        opened(told, endpoint=real)
    assert [asked.path for asked in alpaca.seen] == ["/v2/account"]


def test_incident_10_refused_keys_are_one_clear_error(alpaca: Scripted, tmp_path: Path) -> None:
    alpaca.answers = [refusal(403, 40310000, "forbidden.")]

    with pytest.raises(InputError, match="check that ALPACA_API_KEY and ALPACA_SECRET_KEY"):
        opened(_settings(tmp_path, alpaca), speed=0.0)


def test_reads_leave_a_part_of_the_rate_to_orders(alpaca: Scripted, tmp_path: Path) -> None:
    alpaca.script = lambda asked: Answer(order_row() if asked.method == "POST" else ACCOUNT)
    broker = opened(_settings(tmp_path, alpaca))
    waited: list[float] = []
    pace = broker._rest._pace
    assert pace.everything is not None
    assert pace.reads is not None
    broker._rest._pace = replace(
        pace,
        everything=replace(pace.everything, clock=lambda: 1e9, sleep=waited.append),
        reads=replace(pace.reads, clock=lambda: 1e9, sleep=waited.append),
    )
    for _ in range(50):
        broker.account()
    reads_waited = len(waited)
    for number in range(29):
        broker.submit(replace(LIMIT, client_order_id=f"c{number}-0"))

    assert reads_waited == 11
    assert len(waited) == reads_waited


def test_keys_are_in_no_log_error_traceback_or_print(
    alpaca: Scripted, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"bad key {KEYS.key} with {KEYS.secret}"
    broker = _broker(alpaca.endpoint)
    told = io.StringIO()
    told.write(repr(broker) + repr(vars(broker)) + repr(broker._rest._pace))
    alpaca.script = lambda _: Answer({"code": 1, "message": echo}, 401)
    for fault in (
        Answer({"code": 1, "message": echo}, 401),
        Answer(echo, 403),
        Answer(echo, 500),
        Answer(drop=True),
        Answer(echo),
    ):
        alpaca.answers = [fault]
        for act in (lambda: broker.submit(LIMIT), lambda: broker.cancel("x"), broker.account):
            alpaca.answers = [fault]
            try:
                act()
            except (BrokerRefusalError, BrokerSilenceError) as error:
                told.write("".join(traceback.format_exception(error)) + repr(error))
    with pytest.raises(InputError) as caught:
        opened(_settings(tmp_path, alpaca), speed=0.0)
    told.write("".join(traceback.format_exception(caught.value)))
    text = told.getvalue() + caplog.text

    assert "BrokerRefusalError" in text
    assert KEYS.key not in text
    assert KEYS.secret not in text


@pytest.mark.parametrize("private", ["_session", "_retry", "_retry_codes"])
def test_an_alpaca_py_without_the_parts_that_are_set_here_is_refused(
    alpaca: Scripted, monkeypatch: pytest.MonkeyPatch, private: str
) -> None:
    class Other(TradingClient):
        def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
            super().__init__(*args, **options)
            delattr(self, private)

    monkeypatch.setattr(alpaca_rest, "TradingClient", Other)

    with pytest.raises(InvariantError, match=private):
        _broker(alpaca.endpoint)
