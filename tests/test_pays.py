"""What pays: every signal and trade is joined to what it rests on by ids, and to nothing else."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from worlds import INSTANT, LOOSE, copied, scratch, small_lake

from catalyst import Lake, Params, replay
from catalyst.cli import app as cli
from catalyst.data.news_batch import news_batch
from catalyst.research.article_weights import weights
from catalyst.research.forward_returns import forward_returns, named_horizon
from catalyst.research.pays import Pays, what_pays
from catalyst.research.pays_rows import PaidRows, paid_rows
from catalyst.research.result import Result
from catalyst.research.tape import tape_of

Asked = Callable[..., tuple[object, str]]
DECOY = "Decoy Daily"


def replayed(lake: Lake, *, last: int = 14) -> Result:
    days = lake.days("5m")
    params = Params.load("spec").replace(**LOOSE)
    return replay(lake, params, start=days[6], end=days[last], ledger=None)


@cache
def run() -> Result:
    return replayed(small_lake())


@cache
def pays() -> Pays:
    return what_pays(run())


@cache
def rows() -> PaidRows:
    return paid_rows(run(), tape_of(run()))


def day(column: str) -> pl.Expr:
    return pl.col(column).dt.convert_time_zone("America/New_York").dt.date().alias("day")


def traded_patterns(by: list[str]) -> dict[str, tuple[int, float]]:
    """Give trades, and their profit, of each pattern that spoke for them, joined in a given way."""
    signals = run().signals.select("signal_id", "symbol", "decided_at", "pattern_ids")
    directed = run().patterns.filter(pl.col("stop").is_not_nan())
    detected = (
        signals.explode("pattern_ids")
        .join(directed.drop("symbol", "decided_at"), left_on="pattern_ids", right_on="pattern_id")
        .with_columns(day("decided_at"))
    )
    trades = run().trades.with_columns(day("decided_at"), pl.col("pnl").cast(pl.Float64))
    both = trades.select("trade_id", "side", "pnl", *by).join(detected, on=by)
    spoke = both.filter((pl.col("value") > 0) == (pl.col("side") == "long"))
    each = spoke.unique(["pattern", "trade_id"]).group_by("pattern")
    sums = each.agg(pl.len(), pl.col("pnl").sum().round(6))
    return {name: (count, pnl) for name, count, pnl in sums.rows()}


def test_a_trade_is_credited_to_the_patterns_of_its_own_signal_and_no_others() -> None:
    patterns = pays().rows.filter(pl.col("trades") > 0, kind="pattern", catalyst="all")
    rounded = patterns.select("name", "trades", pl.col("pnl_usd").round(6))
    found = {name: (count, pnl) for name, count, pnl in rounded.rows()}
    by_ids, by_day = traded_patterns(["signal_id"]), traded_patterns(["symbol", "day"])

    assert found == by_ids
    assert sum(n for n, _ in by_day.values()) > sum(n for n, _ in by_ids.values())


def test_a_bearish_pattern_succeeds_where_prices_fall() -> None:
    tape = tape_of(run())
    bar = ["symbol", "timeframe", "bar_ts", "pattern"]
    falling = (
        run()
        .patterns.filter(pl.col("stop").is_not_nan(), pattern="CDLHANGINGMAN")
        .sort("decided_at", "pattern_id")
        .unique(bar, keep="first", maintain_order=True)
        .unique(["symbol", "decided_at"], keep="first", maintain_order=True)
    )
    symbol = np.array([tape.index[name] for name in falling["symbol"]], np.int32)
    ahead = forward_returns(tape, symbol, falling["decided_at"].cast(pl.Int64).to_numpy())
    close = named_horizon(tape)
    fell = -1e4 * (ahead.own[:, close] - ahead.market[:, close])
    row = pays().rows.row(
        by_predicate=(pl.col("name") == "CDLHANGINGMAN") & (pl.col("catalyst") == "all"), named=True
    )

    assert row["mean"] == pytest.approx(float(np.nanmean(fell)))
    assert row["hit_rate"] == pytest.approx(float((fell[np.isfinite(fell)] > 0).mean()))


def test_an_article_of_the_same_symbol_and_day_that_no_signal_rests_on_is_not_counted() -> None:
    trade = run().trades.sort("decided_at").row(0, named=True)
    known = trade["decided_at"] + dt.timedelta(minutes=1)
    decoy = pl.DataFrame(
        {
            "headline": [f"{trade['symbol']} merger approved, profit surges"],
            # Too old for any window when it becomes known: nothing can rest on it.
            "published_at": [known - dt.timedelta(days=3)],
            "collected_at": [known],
            "symbol": [trade["symbol"]],
            "source": [DECOY],
        }
    ).with_columns(pl.col("published_at", "collected_at").cast(INSTANT))
    lake = copied(small_lake(), scratch() / "decoy")
    lake.add_news(decoy)
    result = replayed(lake, last=8)
    news = lake.news().with_columns(day("known_at"))
    naive = result.trades.with_columns(day("decided_at")).join(news, on=["symbol", "day"])

    assert DECOY in naive["source"].to_list()
    assert DECOY not in what_pays(result).rows.filter(kind="source")["name"].to_list()


def test_the_shares_of_a_signal_are_what_its_articles_weigh_in_its_score() -> None:
    articles = rows().articles
    several = articles.group_by("signal_id").len().filter(pl.col("len") > 4)["signal_id"].sort()
    signal_id = several[0]
    signal = run().signals.row(by_predicate=pl.col("signal_id") == signal_id, named=True)
    news = (
        small_lake()
        .news()
        .filter(pl.col("news_id").is_in(signal["news_ids"]), symbol=signal["symbol"])
    )
    news = news.with_columns(known=pl.col("known_at").cast(pl.Int64))
    batch = news_batch(news, {signal["symbol"]: 0})
    asof = int(pl.Series([signal["decided_at"]]).cast(INSTANT).cast(pl.Int64)[0])
    total = [one.total for one in weights(batch, asof, run().params)]
    expected = {
        f"{name:016x}": one / sum(total)
        for name, one in zip(batch.news_id.tolist(), total, strict=True)
    }
    found = dict(articles.filter(signal_id=signal_id).select("news_id", "share").rows())

    assert found == pytest.approx(expected)


def test_a_signal_is_worth_one_whatever_the_number_of_its_articles() -> None:
    sums = rows().articles.group_by("signal_id").agg(pl.col("share").sum())["share"]

    assert sums.to_list() == pytest.approx([1.0] * len(sums))
    assert rows().lost == 0


def test_the_profit_of_all_tiers_is_the_profit_of_all_trades() -> None:
    tiers = pays().rows.filter(kind="tier")

    assert tiers["pnl_usd"].sum() == pytest.approx(float(run().trades["pnl"].sum()))


def test_with_and_without_an_aligned_catalyst_make_the_whole() -> None:
    patterns = pays().rows.filter(kind="pattern")
    counts = patterns.pivot("catalyst", index="name", values="n").fill_null(0)

    assert (counts["with"] + counts["without"]).to_list() == counts["all"].to_list()
    assert counts["with"].sum() > 0


def test_a_pattern_without_a_direction_can_not_succeed() -> None:
    assert "CDLDOJI" in run().patterns["pattern"].to_list()
    assert "CDLDOJI" not in pays().rows["name"].to_list()


def test_a_bar_that_several_scans_saw_counts_once() -> None:
    detected = run().patterns.filter(pl.col("stop").is_not_nan())
    bars = detected.n_unique(["symbol", "timeframe", "bar_ts", "pattern"])
    counted = pays().rows.filter(kind="pattern", catalyst="all")["n"].sum()

    assert counted <= bars < detected.height
    assert pays().counted["pattern bars seen at a later scan"] == detected.height - bars


def test_hit_rate_and_mean_are_those_of_the_signals_by_their_shares() -> None:
    tier = pays().rows.row(by_predicate=(pl.col("name") == "tier 1"), named=True)
    own = rows().articles.filter(pl.col("tier") == 1, pl.col("moved").is_not_nan())
    moved, share = own["moved"].to_numpy(), own["share"].to_numpy()

    assert tier["mean"] == pytest.approx(float(np.average(moved, weights=share)))
    assert tier["hit_rate"] == pytest.approx(float(np.average(moved > 0, weights=share)))
    assert tier["n"] == own["signal_id"].n_unique()


def test_nine_days_are_too_few_to_say_anything() -> None:
    assert pays().rows["low"].is_nan().all()
    assert not pays().rows["claimed"].any()
    assert pays().sentences[0].startswith("Whether anything pays can't be told")


def test_the_same_run_gives_the_same_rows() -> None:
    assert what_pays(run()).rows.equals(pays().rows)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    def study(*arguments: object) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["catalyst", "study", "pays", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, capsys.readouterr().out

    return study


def test_the_command_writes_a_table_and_a_page_and_speaks_json(
    asked: Asked, tmp_path: Path
) -> None:
    saved = run().save(tmp_path / "run", report=False)
    out = tmp_path / "study"
    status, told = asked(saved, "--lake", small_lake().root, "--out", out, "--json")
    found = json.loads(told)

    assert status == 0
    assert {row["kind"] for row in found["rows"]} >= {"pattern", "source", "tier", "category"}
    assert pl.read_parquet(out / "pays.parquet").height == len(found["rows"])
    assert "can't be told" in (out / "pays.html").read_text().replace("&#x27;", "'")
