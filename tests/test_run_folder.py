"""What a run leaves behind: money that adds up, rows that join, columns as they were promised."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from golden.record import GOLDEN, recorded
from worlds import LOOSE, action_lake, daily_lake, small_lake, small_run

from catalyst import Lake, Params, replay
from catalyst.errors import OutputError
from catalyst.research.result import Result

_KINDS = {
    "instant": pa.timestamp("ns", "UTC"),
    "money": pa.decimal128(20, 6),
    "text": pa.string(),
    "real": pa.float64(),
    "count": pa.int64(),
    "texts": pa.list_(pa.string()),
    "yes": pa.bool_(),
    "small": pa.int8(),
}
# At least these, whatever else a table has.
_PROMISED = """
decisions   instant: decided_at; text: digest; count: seq n_candidates n_signals n_intents n_refused
candidates  instant: decided_at; text: symbol reason; small: stage; yes: passed
candidates  real: value threshold catalyst_score direction price volume change_frac rvol
patterns    instant: decided_at; text: pattern_id symbol timeframe pattern; count: value aligned
patterns    real: confidence entry stop target
signals     instant: decided_at; text: signal_id symbol side catalyst_type outcome rule
signals     texts: key_factors pattern_ids news_ids; real: value threshold position_size_frac
signals     real: confidence catalyst_score pattern_score technical_score volume_score
signals     real: entry stop target_1 target_2 risk_reward
orders      instant: submitted_at; text: order_id entry_id signal_id symbol side role type status
orders      text: rule; count: quantity; real: limit_price stop_price value threshold
fills       instant: filled_at; text: fill_id order_id symbol side; count: quantity; real: price
fills       money: fee
trades      instant: entry_ts exit_ts decided_at; text: trade_id signal_id symbol side exit_reason
trades      count: quantity; money: fees pnl; texts: news_ids
trades      real: entry_price exit_price catalyst_score confidence
equity      instant: ts; money: cash positions_value equity; count: n_positions
"""


def _promised() -> dict[str, dict[str, pa.DataType]]:
    tables: dict[str, dict[str, pa.DataType]] = {}
    for line in _PROMISED.strip().splitlines():
        table, columns = line.split(maxsplit=1)
        for part in columns.split(";"):
            kind, names = part.split(":")
            for name in names.split():
                tables.setdefault(table, {})[name] = _KINDS[kind.strip()]
    return tables


PROMISED = _promised()
SUMMARY = {
    "decision_digest", "params_hash", "data_digest", "enrichment_hash", "code_version", "variant",
    "timeframe", "start", "end", "n_trades", "net_pnl", "net_return", "sharpe", "max_drawdown",
    "hit_rate", "turnover", "benchmarks", "binding_rules", "warnings",
}  # fmt: skip
ROLES = {
    "entry",
    "stop",
    "target_1",
    "target_2",
    "trailing_stop",
    "news_reversal",
    "time_stop",
    "flatten",
    "manual",
}
# Costs on, so that a fee booked twice or not at all shows.
FEES = {"sec_fee_rate": 0.0000278, "taf_fee_usd": 0.000166}


@cache
def intraday() -> tuple[Lake, Result]:
    return small_lake(), small_run()


@cache
def daily() -> tuple[Lake, Result]:
    params = Params.load("daily", timeframe="1d").replace(allow_short=True, **LOOSE, **FEES)
    return daily_lake(), replay(daily_lake(), params)


@cache
def overnight() -> tuple[Lake, Result]:
    params = Params.load("spec").replace(
        flatten_at_close=False, allow_short=True, time_stop_hours=60, **LOOSE, **FEES
    )
    return action_lake(), replay(action_lake(), params)


Books = Callable[[], tuple[Lake, Result]]
RUNS = pytest.mark.parametrize("books", [intraday, daily, overnight], ids=lambda f: f.__name__)


def _usd(price: float, quantity: int) -> Decimal:
    return Decimal(f"{price:.6f}") * quantity


def _cash_flows(run: Result) -> dict[str, Decimal]:
    """Sum what each entry's fills, fees, splits and dividends moved: USD by entry_id."""
    flows: dict[str, Decimal] = {}
    for entry_id, side, quantity, price, fee in run.fills.select(
        "entry_id", "side", "quantity", "price", "fee"
    ).rows():
        sign = -1 if side == "buy" else 1
        flows[entry_id] = flows.get(entry_id, Decimal(0)) + sign * _usd(price, quantity) - fee
    for entry_id, cash in run.adjustments.select("entry_id", "cash").rows():
        flows[entry_id] = flows.get(entry_id, Decimal(0)) + cash
    return flows


def _entry_of_signal(run: Result) -> dict[str, str]:
    entries = run.orders.filter(pl.col("role") == "entry", pl.col("status") != "refused")
    return dict(entries.select("signal_id", "entry_id").rows())


# --- money -------------------------------------------------------------------------------------


@RUNS
def test_the_run_has_something_to_show(books: Books) -> None:
    _, run = books()

    assert run.trades.height >= 20
    assert run.summary["n_trades"] >= run.trades.height


@RUNS
def test_ledger_and_vectorbt_agree_to_the_cent_at_every_row(books: Books) -> None:
    _, run = books()
    found = run.verify()

    assert found.ok, found
    assert found.rows == run.equity.height


@RUNS
def test_the_portfolio_has_stats_and_a_plot(books: Books) -> None:
    _, run = books()
    portfolio = run.portfolio

    assert portfolio.stats()["Total Closed Trades"] == run.trades.height
    assert portfolio.value().iloc[-1] == pytest.approx(float(run.equity["equity"][-1]), abs=0.005)
    assert len(portfolio.plot().data) > 0


@RUNS
def test_cash_is_what_fills_fees_and_actions_left(books: Books) -> None:
    _, run = books()
    initial = Decimal(str(run.params.risk.initial_equity_usd))

    assert initial + sum(_cash_flows(run).values()) == run.equity["cash"][-1]


@RUNS
def test_profits_dividends_and_open_positions_are_the_net_result_exactly(books: Books) -> None:
    _, run = books()
    flows = _cash_flows(run)
    entries = _entry_of_signal(run)
    closed = {entries[signal_id] for signal_id in run.trades["signal_id"]}
    paid = run.adjustments.filter(
        pl.col("kind") == "dividend", pl.col("entry_id").is_in(sorted(closed))
    )["cash"].to_list()
    pnl = sum(run.trades["pnl"].to_list(), Decimal(0)) + sum(paid, Decimal(0))
    still_open = sum((flow for entry, flow in flows.items() if entry not in closed), Decimal(0))
    last = run.equity.row(-1, named=True)
    net = last["equity"] - Decimal(str(run.params.risk.initial_equity_usd))

    assert pnl == sum((flows[entry] for entry in closed), Decimal(0))
    assert pnl + still_open + last["positions_value"] == net
    assert Decimal(str(run.summary["net_pnl"])) == net


@RUNS
def test_every_row_of_the_curve_is_cash_and_marked_positions(books: Books) -> None:
    _, run = books()
    marked: dict[int, Decimal] = {}
    for seq, quantity, price in run.marks.select("seq", "quantity", "price").rows():
        marked[seq] = marked.get(seq, Decimal(0)) + Decimal(price) * quantity
    counted = dict(run.marks.group_by("seq").len().rows())

    assert run.equity["ts"].is_sorted()
    assert run.equity["ts"].is_unique().all()
    for row in run.equity.rows(named=True):
        assert row["equity"] == row["cash"] + row["positions_value"]
        assert row["n_positions"] == counted.get(row["seq"], 0)
        gap = abs(row["positions_value"] - marked.get(row["seq"], Decimal(0)))
        # Each mark is rounded to the micro-dollar.
        assert gap <= Decimal("0.000001") * row["n_positions"]


def test_a_position_is_held_through_splits_and_dividends() -> None:
    _, run = overnight()
    split = run.adjustments.filter(pl.col("kind") == "split")
    exact = (split["quantity_before"] * split["value"]).abs().round(6).floor().cast(pl.Int64)

    assert {"split", "dividend"} == set(run.adjustments["kind"])
    assert (split["quantity_before"] < 0).any()
    assert (split["value"] < 1).any()
    assert (split["quantity_after"].abs() == exact).all()
    paid = run.adjustments.filter(pl.col("kind") == "dividend")
    expected = [
        _usd(value, quantity) for value, quantity in paid.select("value", "quantity_before").rows()
    ]
    assert paid["cash"].to_list() == expected


@RUNS
def test_a_trade_tells_its_entry_from_flat_to_flat(books: Books) -> None:
    _, run = books()
    entries = _entry_of_signal(run)
    split = set(run.adjustments.filter(pl.col("kind") == "split")["entry_id"])
    for trade in run.trades.rows(named=True):
        entry_id = entries[trade["signal_id"]]
        fills = run.fills.filter(pl.col("entry_id") == entry_id)
        into = fills.filter(pl.col("role") == "entry")
        out = fills.filter(pl.col("role") != "entry")

        assert trade["entry_ts"] == into["filled_at"].min()
        assert trade["exit_ts"] >= trade["entry_ts"]
        assert trade["fees"] == fills["fee"].sum()
        filled = "+".join(out["role"].unique(maintain_order=True))
        assert trade["exit_reason"] in {filled, "split", f"{filled}+split"}
        assert trade["side"] == ("long" if into["side"][0] == "buy" else "short")
        assert trade["decided_at"] <= trade["entry_ts"]
        if entry_id not in split:
            assert into["quantity"].sum() == out["quantity"].sum() == trade["quantity"]
            mean = float((out["price"] * out["quantity"]).sum()) / int(out["quantity"].sum())
            assert trade["exit_price"] == pytest.approx(mean, rel=1e-9)
            assert trade["exit_ts"] == out["filled_at"].max()


@RUNS
def test_entries_are_counted_once_each(books: Books) -> None:
    _, run = books()
    entries = run.fills.filter(pl.col("role") == "entry")["entry_id"].n_unique()
    wins = run.trades.filter(pl.col("pnl") > 0).height

    assert run.summary["n_trades"] == entries
    assert run.summary["n_closed_trades"] == run.trades.height
    assert run.summary["hit_rate"] == pytest.approx(wins / run.trades.height)


# --- joins -------------------------------------------------------------------------------------


@RUNS
def test_ids_join_all_the_way(books: Books) -> None:
    lake, run = books()
    orders = set(run.orders["order_id"])
    signals = set(run.signals["signal_id"])
    patterns = set(run.patterns["pattern_id"])
    news = set(lake.news()["news_id"])

    for table, key in (
        ("orders", "order_id"),
        ("fills", "fill_id"),
        ("signals", "signal_id"),
        ("patterns", "pattern_id"),
        ("trades", "trade_id"),
    ):
        assert getattr(run, table)[key].is_unique().all(), table
    assert set(run.fills["order_id"]) <= orders
    assert set(run.orders["signal_id"]) <= signals
    assert set(run.trades["signal_id"]) <= signals
    assert set(run.signals["pattern_ids"].explode().drop_nulls()) <= patterns
    assert set(run.signals["news_ids"].explode().drop_nulls()) <= news
    assert set(run.trades["news_ids"].explode().drop_nulls()) <= news
    assert (run.trades["news_ids"].list.len() > 0).all()
    assert set(run.orders["parent_id"]) - {""} <= orders
    assert set(run.orders["replaces_id"]) - {""} <= orders


@RUNS
def test_the_news_of_a_signal_was_known_and_is_its_symbols(books: Books) -> None:
    lake, run = books()
    told = run.signals.select("symbol", "decided_at", news_id="news_ids").explode("news_id")
    first = lake.news().group_by("news_id", "symbol").agg(pl.col("known_at").min())
    joined = told.join(first, on=["news_id", "symbol"])

    assert joined.height == told.height > 0
    assert (joined["known_at"] <= joined["decided_at"]).all()


@RUNS
def test_fills_add_up_to_their_orders(books: Books) -> None:
    _, run = books()
    filled = run.fills.group_by("order_id").agg(pl.col("quantity").sum().alias("found"))
    orders = run.orders.join(filled, on="order_id", how="left").with_columns(
        pl.col("found").fill_null(0)
    )
    late = run.fills.join(run.orders.select("order_id", "submitted_at"), on="order_id")

    assert orders["found"].equals(orders["filled_quantity"].alias("found"))
    assert (late["filled_at"] >= late["submitted_at"]).all()
    full = orders.filter(pl.col("status") == "filled")
    assert (full["found"] >= full["quantity"]).all()


# --- the funnel --------------------------------------------------------------------------------


@RUNS
def test_there_is_one_row_a_symbol_stage_and_instant(books: Books) -> None:
    _, run = books()

    assert not run.candidates.select("decided_at", "symbol", "stage").is_duplicated().any()
    assert set(run.candidates["stage"]) == {50, 20, 5}


@RUNS
def test_each_stage_goes_on_with_those_that_passed_the_one_before(books: Books) -> None:
    _, run = books()
    keys = ["decided_at", "symbol"]
    stage = {k: run.candidates.filter(pl.col("stage") == k) for k in (50, 20, 5)}
    screen = run.params.screen

    passed = stage[20].filter("passed").select(keys).sort(keys)
    assert passed.equals(stage[5].select(keys).sort(keys))
    chosen = stage[50].filter("passed").select(keys)
    scanned = stage[20].join(stage[50].select("decided_at").unique(), on="decided_at")
    assert chosen.sort(keys).equals(scanned.select(keys).sort(keys))
    for k, most in (
        (50, screen.active_count),
        (20, screen.catalyst_count),
        (5, screen.final_count),
    ):
        counts = stage[k].filter("passed").group_by("decided_at").len()["len"]
        assert (counts <= most).all()
    finalists = stage[5].filter("passed").select(keys).sort(keys)
    assert finalists.equals(run.signals.select(keys).sort(keys))


@RUNS
def test_every_drop_has_its_rule_value_and_threshold(books: Books) -> None:
    _, run = books()
    dropped = run.candidates.filter(~pl.col("passed"))
    kept = run.candidates.filter("passed")
    # These two compare no numbers.
    numbers = dropped.filter(~pl.col("reason").is_in(["not_in_universe", "entry_filter"]))

    assert set(kept["reason"]) == {"passed"}
    assert not {"", "passed"} & set(dropped["reason"])
    assert numbers["threshold"].is_not_nan().all()
    unknown = numbers.filter(pl.col("value").is_nan())["reason"].unique().to_list()
    assert unknown == []
    below = ("catalyst_min", "price_min", "volume_min", "rvol_min", "bars_min", "no_history")
    fails = numbers.filter(pl.col("reason").is_in(below))
    assert (fails["value"] <= fails["threshold"]).all()
    above = numbers.filter(pl.col("reason") == "price_max")
    assert (above["value"] > above["threshold"]).all()


@RUNS
def test_who_is_outranked_is_shown_the_score_of_the_last_admitted(books: Books) -> None:
    _, run = books()

    assert_ranks_are_told(run)


def assert_ranks_are_told(run: Result) -> None:
    ranked = run.candidates.filter(pl.col("reason") == "rank")
    cut = ranked.group_by("decided_at", "stage").agg(pl.col("threshold").n_unique())

    assert (cut["threshold"] == 1).all()
    assert (ranked["value"] <= ranked["threshold"]).all()
    # Stage 20 ranks by catalyst score.
    twenty = ranked.filter(pl.col("stage") == 20)
    last = (
        run.candidates.filter(pl.col("stage") == 20, pl.col("passed"))
        .group_by("decided_at")
        .agg(pl.col("catalyst_score").min().alias("last"))
    )
    joined = twenty.join(last, on="decided_at")
    assert joined["threshold"].equals(joined["last"].alias("threshold"))
    assert (twenty["value"] == twenty["catalyst_score"]).all()


def test_few_places_leave_some_outranked() -> None:
    params = Params.load("spec").replace(**LOOSE, catalyst_count=3, final_count=1, active_count=6)
    run = replay(small_lake(), params)
    ranked = run.candidates.filter(pl.col("reason") == "rank")

    assert set(ranked["stage"]) == {50, 20, 5}
    assert_ranks_are_told(run)


@RUNS
def test_every_signal_tells_what_became_of_it(books: Books) -> None:
    _, run = books()
    signals = run.signals
    sent = set(
        run.orders.filter(pl.col("role") == "entry", pl.col("status") != "refused")["signal_id"]
    )
    refusals = run.orders.filter(pl.col("status") == "refused")
    by = {k: signals.filter(pl.col("outcome") == k) for k in ("intent", "hold", "refused")}

    assert sum(one.height for one in by.values()) == signals.height
    assert set(by["intent"]["signal_id"]) == sent
    assert (by["intent"]["rule"] == "").all()
    for one in (by["hold"], by["refused"]):
        assert (one["rule"] != "").all()
    assert set(refusals["signal_id"]) == set(by["refused"]["signal_id"])
    joined = refusals.join(by["refused"], on="signal_id", suffix="_told")
    for name in ("rule", "value", "threshold"):
        told = joined[f"{name}_told"].alias(name)
        assert joined[name].equals(told, null_equal=True) or joined[name].eq_missing(told).all()


@RUNS
def test_decisions_count_what_the_tables_hold(books: Books) -> None:
    _, run = books()
    decisions = run.decisions
    seen = (
        run.candidates.group_by("decided_at")
        .len()
        .join(decisions.filter(pl.col("n_candidates") > 0), on="decided_at")
    )

    assert decisions["seq"].to_list() == list(range(decisions.height))
    assert decisions["decided_at"].is_sorted()
    assert (seen["len"] == seen["n_candidates"]).all()
    assert decisions["n_candidates"].sum() == run.candidates.height
    assert decisions["n_signals"].sum() == run.signals.height
    for column, outcome in (("n_intents", "intent"), ("n_refused", "refused")):
        found = run.signals.filter(pl.col("outcome") == outcome).height
        assert decisions[column].sum() == found


@RUNS
def test_orders_speak_the_promised_words(books: Books) -> None:
    _, run = books()
    statuses = {"filled", "cancelled", "expired", "replaced", "refused", "working"}

    assert set(run.orders["role"]) <= ROLES
    assert set(run.orders["type"]) <= {"market", "limit", "stop"}
    assert set(run.orders["side"]) == {"buy", "sell"}
    assert set(run.orders["status"]) <= statuses
    assert {"filled", "cancelled"} <= set(run.orders["status"])
    reasons = {part for text in run.trades["exit_reason"] for part in text.split("+")}
    # What is less than a share after a reverse split is paid out by the broker.
    assert reasons <= ROLES - {"entry"} | {"split"}


# --- the folder --------------------------------------------------------------------------------


@RUNS
def test_every_table_has_the_promised_columns(books: Books) -> None:
    _, run = books()
    for table, promised in PROMISED.items():
        schema = pq.read_schema(run.folder / f"{table}.parquet")
        found = {name: schema.field(name).type for name in promised if name in schema.names}

        assert found == promised, table


def test_a_run_without_trades_writes_every_table() -> None:
    run = replay(small_lake(), Params.load("spec").replace(price_max=1.5))
    for table, promised in PROMISED.items():
        schema = pq.read_schema(run.folder / f"{table}.parquet")

        assert promised.keys() <= set(schema.names), table
    assert run.trades.height == 0
    assert run.verify().ok


@RUNS
def test_the_summary_is_json_with_the_promised_keys(books: Books) -> None:
    lake, run = books()
    text = (run.folder / "summary.json").read_text(encoding="utf-8")
    summary = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    assert summary.keys() >= SUMMARY
    assert summary["params_hash"] == run.params.hash
    assert summary["data_digest"] == lake.digest()
    assert len(summary["decision_digest"]) == 64
    assert {"buy_and_hold", "equal_weight"} == summary["benchmarks"].keys()


def test_saving_moves_the_run_and_refuses_what_is_in_the_way(tmp_path: Path) -> None:
    run = replay(small_lake(), Params.load("spec"), end=small_lake().days("5m")[1])
    temporary = run.folder
    saved = run.save(tmp_path / "runs" / "one")

    assert not temporary.exists()
    assert run.folder == saved
    assert run.decisions.height > 0
    assert sorted(p.name for p in saved.parent.iterdir()) == ["one"]
    with pytest.raises(OutputError, match="exists already"):
        run.save(tmp_path / "runs" / "one")
    other = tmp_path / "notes"
    other.mkdir()
    (other / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="not a run's folder"):
        run.save(other, force=True)
    assert (other / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_run_replaces_an_older_one_and_itself(tmp_path: Path) -> None:
    days = small_lake().days("5m")
    first = replay(small_lake(), Params.load("spec"), end=days[1])
    first.save(tmp_path / "run")
    second = replay(small_lake(), Params.load("spec"), end=days[0])
    second.save(tmp_path / "run", force=True)
    second.save(tmp_path / "run", force=True)

    assert json.loads((tmp_path / "run" / "summary.json").read_text())["sessions"] == 1
    assert len(list((tmp_path / "run").iterdir())) == 12


def test_the_recorded_session_is_decided_as_it_was() -> None:
    assert recorded() == GOLDEN.read_text(encoding="utf-8")
