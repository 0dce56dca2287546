"""Stories: told from a run's tables, equal to them to the bit; of trades, and of what was none."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from worlds import LOOSE, action_lake, copied, daily_lake, small_lake, small_run, with_bars

from catalyst import Lake, Params, replay
from catalyst.data.figures import against, eastern
from catalyst.data.story import Fact, Story
from catalyst.errors import InputError
from catalyst.research.explanation import stories
from catalyst.research.result import Result
from catalyst.research.run_books import RunBooks
from catalyst.research.standing import standing
from catalyst.strategy.clock import DAY_NS
from catalyst.strategy.portfolio import Entry
from catalyst.strategy.values import BarPanel, NewsBatch


@cache
def small_stories() -> dict[str, Story]:
    return stories(small_run())


@cache
def adjusted_run() -> Result:
    """Shorts, positions kept overnight, splits, dividends, and some still open at the end."""
    params = Params.load("spec").replace(
        **LOOSE, allow_short=True, flatten_at_close=False, price_min=0
    )
    return replay(action_lake(), params, end="2023-07-11")  # type: ignore[arg-type]


@cache
def adjusted_stories() -> dict[str, Story]:
    return stories(adjusted_run())


@cache
def daily_run() -> Result:
    return replay(daily_lake(), Params.load("daily").replace(**LOOSE))


@cache
def limited_run() -> Result:
    params = Params.load("spec").replace(**LOOSE, entries_a_day=4, positions_max=2)
    return replay(small_lake(), params, end="2023-06-26")  # type: ignore[arg-type]


def section(story: Story, title: str) -> tuple[Fact, ...]:
    found = [s for s in story.sections if s.title.startswith(title)]

    assert len(found) == 1, [s.title for s in story.sections]

    return found[0].facts


def valued(story: Story, name: str) -> list[object]:
    return [fact.values[name] for fact in story.facts() if name in fact.values]


def instant(row: dict[str, object]) -> str:
    """Write the instant of a row as a user would."""
    ns = pl.Series([row["decided_at"]]).dt.timestamp("ns")[0]
    return eastern(ns, marked=False).replace(" ", "T")


def texts(told: Iterable[Story]) -> str:
    return "\n".join(fact.text for story in told for fact in story.facts())


def first_signal(result: Result, rule: str) -> dict[str, object]:
    return result.signals.filter(pl.col("rule") == rule).row(0, named=True)


def first_drop(result: Result, stage: int, reason: str) -> dict[str, object]:
    rows = result.candidates.filter((pl.col("stage") == stage) & (pl.col("reason") == reason))
    return rows.row(0, named=True)


def asked(row: dict[str, object]) -> str:
    return f"{row['symbol']}@{instant(row)}"


def test_every_trade_has_a_story_with_its_own_profit() -> None:
    told = {name: story.values["pnl"] for name, story in small_stories().items()}
    trades = small_run().trades

    assert told == {row["trade_id"]: float(row["pnl"]) for row in trades.iter_rows(named=True)}


def test_the_numbers_of_a_story_are_the_tables_to_the_bit() -> None:
    run = small_run()
    for row in run.trades.head(10).iter_rows(named=True):
        story = small_stories()[row["trade_id"]]
        signal = run.signals.filter(pl.col("signal_id") == row["signal_id"]).row(0, named=True)
        weight_sum = [v["catalyst_score"] for v in values_of(story, "weight_sum")]

        assert weight_sum[0] == signal["catalyst_score"]
        assert valued(story, "score")[:4] == signal["scores"]
        assert valued(story, "confidence")[-1] == signal["confidence"]
        assert valued(story, "stop")[0] == signal["stop"]
        assert [v["pattern_id"] for v in values_of(story, "pattern_id")] == signal["pattern_ids"]


def values_of(story: Story, name: str) -> list[dict[str, object]]:
    return [dict(fact.values) for fact in story.facts() if name in fact.values]


def test_article_weights_are_the_product_of_their_factors() -> None:
    articles = values_of(next(iter(small_stories().values())), "decay")
    names = ("tier_weight", "decay", "category_weight", "state_weight", "cluster_weight")

    assert articles
    for article in articles:
        product = 1.0
        for name in names:
            product *= float(str(article[name]))

        assert product == article["weight"]


def test_a_number_that_just_misses_its_threshold_does_not_look_equal_to_it() -> None:
    assert against(1.4996, 1.5) == ("1.4996", "1.5")
    assert against(1.2, 1.5) == ("1.2", "1.5")
    assert against(1.5, 1.5) == ("1.5", "1.5")


def test_the_articles_of_a_story_are_those_of_its_signal() -> None:
    run = small_run()
    row = run.trades.row(0, named=True)
    told = [v["news_id"] for v in values_of(small_stories()[row["trade_id"]], "news_id")]

    assert sorted(map(str, told)) == sorted(row["news_ids"])


def test_the_money_of_a_story_adds_up_to_the_micro_dollar() -> None:
    for trade in small_run().trades.iter_rows(named=True):
        facts = section(small_stories()[trade["trade_id"]], "Money")
        parts = [Decimal(str(fact.values["usd"])) for fact in facts if "usd" in fact.values]

        assert sum(parts) == trade["pnl"]


def test_slippage_and_fees_are_told_and_taken_off() -> None:
    params = Params.load("spec").replace(sec_fee_rate=0.001, taf_fee_usd=0.01)
    run = replay(small_lake(), params, end="2023-06-27")  # type: ignore[arg-type]
    told = stories(run)
    for trade in run.trades.iter_rows(named=True):
        facts = section(told[trade["trade_id"]], "Money")
        parts = [Decimal(str(fact.values["usd"])) for fact in facts if "usd" in fact.values]

        assert trade["fees"] > 0
        assert sum(parts) == trade["pnl"]


def test_shorts_splits_and_open_positions_are_told() -> None:
    run = adjusted_run()
    told = adjusted_stories()
    kinds = {story.kind for story in told.values()}
    text = texts(told.values())

    assert kinds == {"trade", "position"}
    assert len(told) == run.summary["n_trades"]
    assert "Sold short" in text
    assert re.search(r"split 1.5 for 1, \d+ shares became", text)
    assert "dividend of $0.13 a share" in text
    assert "still open when the run ended" in text


def test_every_way_out_says_why() -> None:
    told = [*small_stories().values(), *adjusted_stories().values()]
    text = texts(told)

    for words in (
        "was touched, filled at",
        "it trails 1 % below the high since the entry",
        "the price traded above it, filled at",
        "news first known after the entry turned against it",
        "the close",
        "everything is left at the last bar boundary 5 min before the close",
        "watched, since the broker holds no stops outside regular hours",
    ):
        assert words in text, words


def test_daily_trades_are_told_in_daily_bars() -> None:
    run = daily_run()
    told = stories(run)
    text = str(next(iter(told.values())))

    assert len(told) == run.summary["n_trades"]
    assert "on 1d bars" in text
    assert "on 1d, bullish" in text


def test_what_a_daily_signal_lacked_is_told_in_daily_bars() -> None:
    row = first_signal(daily_run(), "no_pattern")
    story = daily_run().explain(asked(row), why_not=True)

    assert "a directed candlestick at the last complete bar of 1d" in texts([story])


def test_on_daily_bars_an_instant_in_the_day_means_the_close_before() -> None:
    row = daily_run().signals.row(-1, named=True)
    told = daily_run().explain(f"{row['symbol']}@{instant(row)[:10]}T10:05", why_not=True)

    assert str(told.values["decided_at"]) < f"{row['decided_at']:%Y-%m-%d}"


def test_a_story_of_one_trade_is_the_same_as_among_all() -> None:
    trade_id = small_run().trades["trade_id"][3]

    assert small_run().explain(trade_id) == small_stories()[trade_id]


def test_the_articles_are_told_as_they_were_known() -> None:
    for story in list(small_stories().values())[:5]:
        articles = section(story, "News")
        known = [str(fact.values["known_at"]) for fact in articles if "known_at" in fact.values]

        assert max(known) <= str(story.values["decided_at"])


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("trades", "trade_id"),
        ("trades", "signal_id"),
        ("orders", "order_id"),
        ("orders", "entry_id"),
        ("fills", "fill_id"),
    ],
)
def test_any_id_of_a_trade_leads_to_its_story(table: str, column: str) -> None:
    run = small_run()
    trade = run.trades.row(0, named=True)
    rows = getattr(run, table)
    if table != "trades":
        entry_id = small_stories()[trade["trade_id"]].values["entry_id"]
        rows = rows.filter(pl.col("entry_id") == entry_id)
    story = run.explain(rows[column][0])

    assert story.values["trade_id"] == trade["trade_id"]


def test_the_first_digits_of_an_id_suffice() -> None:
    trade_id = small_run().trades["trade_id"][0]

    assert small_run().explain(trade_id[:12].upper()).values["trade_id"] == trade_id


def test_a_pattern_leads_to_the_signal_that_saw_it() -> None:
    row = small_run().patterns.row(0, named=True)
    story = small_run().explain(row["pattern_id"])

    assert story.values["symbol"] == row["symbol"]
    assert row["pattern_id"] in valued(story, "pattern_id")


def test_an_article_tells_the_signals_it_was_part_of() -> None:
    trade = small_run().trades.row(0, named=True)
    story = small_run().explain(trade["news_ids"][-1])

    assert story.kind == "news"
    assert trade["signal_id"] in valued(story, "signal_id")


@pytest.mark.parametrize(
    ("stage", "reason"), [(20, "catalyst_min"), (5, "rvol_min"), (5, "price_max")]
)
def test_why_not_names_the_rule_with_its_two_numbers(stage: int, reason: str) -> None:
    row = first_drop(small_run(), stage, reason)
    story = small_run().explain(asked(row), why_not=True)
    found = {name: story.values[name] for name in ("stopped_by", "value", "threshold")}

    assert found == {"stopped_by": reason, "value": row["value"], "threshold": row["threshold"]}


@pytest.mark.parametrize(
    "rule", ["undirected", "allow_short", "symbol_busy", "fights_catalyst", "no_pattern"]
)
def test_why_not_of_a_signal_names_what_held_or_refused_it(rule: str) -> None:
    story = small_run().explain(asked(first_signal(small_run(), rule)), why_not=True)

    assert story.values["stopped_by"] == rule
    assert section(story, "What would have had to be different")


def test_who_was_outranked_is_told_the_last_one_in() -> None:
    row = first_drop(adjusted_run(), 5, "rank")
    text = str(adjusted_run().explain(asked(row), why_not=True))

    assert re.search(r"✗ last 5: combined [\d.]+, rank \d+ of \d+; the last one in had", text)


def test_the_first_stage_is_told_as_it_was_last_chosen() -> None:
    run = small_run()
    for row in run.trades.head(8).iter_rows(named=True):
        told = section(small_stories()[row["trade_id"]], "Funnel")[0].values
        chosen = run.candidates.filter(
            (pl.col("stage") == 50)
            & (pl.col("symbol") == row["symbol"])
            & (pl.col("decided_at") <= row["decided_at"])
        ).row(-1, named=True)

        assert told["chosen_at"] == f"{chosen['decided_at']:%Y-%m-%dT%H:%M:%SZ}"
        assert told["value"] == chosen["value"]


def test_a_symbol_without_news_is_asked_about_anew() -> None:
    run = small_run()
    scans = run.decisions.filter(pl.col("n_candidates") > 0)["decided_at"]
    row = run.candidates.filter(pl.col("decided_at") == scans[-1])
    silent = sorted(set(small_lake().symbols("5m")) - set(run.candidates["symbol"]))
    symbol = silent[0] if silent else ""
    if not symbol:
        named = set(row["symbol"])
        symbol = min(set(small_lake().symbols("5m")) - named)
    story = run.explain(f"{symbol}@{instant({'decided_at': scans[-1]})}", why_not=True)

    assert story.values["stopped_by"] == "no_news"


def test_why_not_tells_nothing_that_happened_later() -> None:
    trade = small_run().trades.row(0, named=True)
    story = small_run().explain(asked(trade), why_not=True)
    titles = " ".join(s.title for s in story.sections)

    assert story.values["stopped_by"] is None
    assert not re.search("Orders|Fills|Exit|Money", titles)


def test_an_instant_between_two_scans_is_told_by_the_last_one() -> None:
    row = first_drop(small_run(), 20, "catalyst_min")
    later = asked(row)[:-2] + f"{int(asked(row)[-2:]) + 3:02d}"
    story = small_run().explain(later)

    assert story.sections == small_run().explain(asked(row)).sections
    assert "the last one by" in str(story)


def test_a_zone_in_the_instant_counts() -> None:
    row = first_drop(small_run(), 20, "catalyst_min")
    utc = f"{row['symbol']}@{row['decided_at']:%Y-%m-%dT%H:%M}Z"

    assert small_run().explain(utc) == small_run().explain(asked(row))


def test_a_date_alone_tells_the_whole_day() -> None:
    row = first_drop(small_run(), 20, "catalyst_min")
    story = small_run().explain(f"{row['symbol']}@{instant(row)[:10]}", why_not=True)
    scans = sum(int(str(n)) for n in valued(story, "scans"))

    assert scans == story.values["scans"]
    assert scans > 100


def test_a_session_counts_what_the_tables_count() -> None:
    run = small_run()
    day = instant(run.trades.row(0, named=True))[:10]
    story = run.explain(session=day)
    local = pl.col("decided_at").dt.convert_time_zone("America/New_York").dt.date().cast(pl.String)
    rows = run.candidates.filter(local == day)
    told = {int(str(v["stage"])): v["passed"] for v in values_of(story, "asked")}

    assert told == {
        stage: rows.filter(pl.col("stage") == stage)["passed"].sum() for stage in (50, 20, 5)
    }
    assert story.values["signals"] == run.signals.filter(local == day).height


def test_incident_16_a_session_says_which_limits_were_reached_and_since_when() -> None:
    run = limited_run()
    rows = run.signals.filter(pl.col("rule") == "entries_a_day")
    story = run.explain(session=instant(rows.row(0, named=True))[:10])
    limits = {str(fact.values["rule"]): fact for fact in section(story, "Limits reached")}

    assert set(limits) == {"entries_a_day", "positions_max"}
    assert limits["entries_a_day"].values["threshold"] == 4.0


def test_the_account_counted_from_the_tables_gives_every_refusal() -> None:
    run = limited_run()
    for rule in ("positions_max", "entries_a_day", "symbol_busy"):
        for row in run.signals.filter(pl.col("rule") == rule).head(4).iter_rows(named=True):
            story = run.explain(row["signal_id"])

            assert story.values["stopped_by"] == rule


def test_the_account_is_counted_right_through_splits_and_nights() -> None:
    books = RunBooks(adjusted_run())
    splits = [a["ts"] for a in books.rows("adjustments", kind="split")]
    wrong = []
    rows = [
        row
        for row in books.rows("signals", rule="positions_max")
        if any(0 <= ns - row["decided_at"] <= DAY_NS for ns in splits)
    ]

    assert len(rows) > 100

    for row in rows:
        session = books.session_at(row["decided_at"])

        assert session is not None

        account = standing(books, session, row["decided_at"], before=row)
        if len(account.entries) != row["value"]:
            wrong.append(row["signal_id"])

    assert not wrong


def loud(news: NewsBatch, n_symbols: int, asof_ns: int, params: Params) -> tuple[object, object]:
    score = np.zeros(n_symbols)
    score[news.symbol] = 80.0
    return score, np.where(score > 0, 0.5, 0.0)


def flat(bars: BarPanel, params: Params) -> object:
    return np.full(len(bars.count), 64.0)


def steady(view: object, row: int, side: int, params: Params) -> float:
    return 90.0


def test_a_user_s_own_components_are_named_and_nothing_is_made_up_of_them() -> None:
    params = Params.load("spec").replace(
        **LOOSE,
        catalyst_score=loud,
        technical_score=flat,
        scored={"catalyst": 0.4, "technical": 0.3, steady: 0.3},
    )
    run = replay(small_lake(), params, end="2023-06-21")  # type: ignore[arg-type]
    story = next(iter(stories(run).values()))
    text = str(story)

    assert "scored by" in text
    assert ":loud" in text
    assert ":flat gives a long 64" in text
    assert ":steady (your own)" in text
    assert not valued(story, "decay")
    assert 90.0 in valued(story, "score")


def test_a_direction_from_the_news_is_told_as_such() -> None:
    params = Params.load("spec").replace(
        **LOOSE, direction_from_catalyst=True, scored={"catalyst": 1.0}
    )
    run = replay(small_lake(), params, end="2023-06-21")  # type: ignore[arg-type]

    assert "long, from the news; the news is positive" in str(next(iter(stories(run).values())))


def leave(view: object, row: int, entry: Entry, params: Params) -> bool:
    return entry.bars_held >= 3


def never(view: object, rows: object, params: Params) -> object:
    return np.zeros(len(rows), np.bool_)  # type: ignore[arg-type]


def test_an_own_exit_and_an_own_filter_are_named() -> None:
    params = Params.load("spec").replace(**LOOSE, exits=[leave])
    run = replay(small_lake(), params, end="2023-06-21")  # type: ignore[arg-type]
    refusing = replay(
        small_lake(),
        Params.load("spec").replace(**LOOSE, entry_filters=[never]),
        end="2023-06-20",  # type: ignore[arg-type]
    )
    row = first_drop(refusing, 5, "entry_filter")

    assert re.search(r"your own exit rule said so at .*:leave", texts(stories(run).values()))
    assert ":never refused it" in texts([refusing.explain(asked(row), why_not=True)])


def test_late_and_revised_articles_are_marked(tmp_path: Path) -> None:
    lake = copied(small_lake(), tmp_path / "lake")
    trade = small_run().trades.row(0, named=True)
    at = trade["decided_at"]
    early, late = at - dt.timedelta(hours=3), at - dt.timedelta(minutes=10)
    row = {"headline": f"${trade['symbol']} wins approval", "source": "Reuters"}
    for known, author in ((early, "a desk"), (late, "another desk")):
        version = {**row, "author": author, "published_at": early, "known_at": known}
        lake.add_news(pl.DataFrame([version]))
    late_one = {**row, "headline": f"${trade['symbol']} beats estimates", "published_at": early}
    lake.add_news(pl.DataFrame([{**late_one, "known_at": late}]))
    run = replay(Lake(lake.root), Params.load("spec"), end=at.date())
    story = run.explain(f"{trade['symbol']}@{instant(trade)}")
    found = {
        str(fact.values["headline"]): [d.text for d in fact.details if d.mark == "warning"]
        for fact in story.facts()
        if "headline" in fact.values
    }

    assert "late: known 2 h 50 min after publication" in " ".join(found[late_one["headline"]])
    assert "revised: this version is known since" in " ".join(found[row["headline"]])


def test_another_lake_is_refused_and_not_explained_away(tmp_path: Path) -> None:
    run = small_run()
    trade = run.trades.row(0, named=True)
    day = trade["decided_at"].date()
    cheaper = with_bars(
        small_lake(),
        tmp_path / "other",
        [day],
        lambda bars: bars.with_columns(
            open=pl.lit(5.0), high=pl.lit(5.0), low=pl.lit(5.0), close=pl.lit(5.0)
        ),
    )

    with pytest.raises(InputError, match="lake or the code is another than the run's"):
        Result(run.params, run.folder, cheaper).explain(trade["trade_id"])


def test_a_run_without_its_lake_says_so() -> None:
    run = small_run()

    with pytest.raises(InputError, match="was opened without its lake"):
        Result(run.params, run.folder).explain("abcdef")


def test_a_run_of_an_earlier_version_is_asked_to_be_replayed() -> None:
    run = small_run()
    older = Result(run.params, run.folder, run.lake)
    older.__dict__["signals"] = run.signals.drop("scores")

    with pytest.raises(InputError, match="earlier version of catalyst"):
        older.explain("abcdef")


HOSTILE = "\x1b[31mBEAT\x07 <script>alert(1)</script> [red]$ZQAQ[/red] &#27;]0;x"


def test_a_hostile_headline_reaches_terminal_and_page_as_text(tmp_path: Path) -> None:
    lake = copied(small_lake(), tmp_path / "lake")
    trade = small_run().trades.row(0, named=True)
    rows = pl.DataFrame(
        {
            "headline": [HOSTILE],
            "published_at": [trade["decided_at"].isoformat()],
            "known_at": [trade["decided_at"].isoformat()],
            "symbol": [trade["symbol"]],
            "source": ["\x1b]0;Reuters"],
        }
    )
    lake.add_news(rows)
    run = replay(Lake(lake.root), Params.load("spec"), end=trade["decided_at"].date())
    story = run.explain(f"{trade['symbol']}@{instant(trade)}")

    assert "BEAT" in str(story)
    assert "\x1b" not in str(story) + story.html() + json.dumps(story.as_json())
    assert "<script" not in story.html()


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("zzz", "neither an id nor a symbol at an instant"),
        ("ab12", "has 4 digits; give at least 6"),
        ("abcdef0123", "no id that begins with 'abcdef0123'; ids are 20 hexadecimal digits"),
        ("@2023-06-20T10:00", "lacks its symbol or its instant"),
        ("ZQAQ@", "lacks its symbol or its instant"),
        ("NOPE@2023-06-20T10:00", "has no symbol NOPE; it has"),
        ("ZQAQ@noon", "'noon' is no instant; expected New York time"),
        ("ZQAQ@2023-06-20T03:00", "lies outside the session's hours"),
        ("ZQAQ@2023-06-19T10:00", "2023-06-19, a Monday, is no session of the exchange; the next"),
        ("ZQAQ@2020-01-02T10:00", "2020-01-02 is outside the run, which has the sessions"),
        ("\x1b[31m", "neither an id nor"),
    ],
)
def test_a_subject_that_is_none_is_answered_with_what_to_do(subject: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as raised:
        small_run().explain(subject)

    assert "\x1b" not in str(raised.value)


def test_a_beginning_of_two_ids_is_refused_with_both(tmp_path: Path) -> None:
    run = small_run()
    saved = Result(run.params, run.folder, run.lake)
    trades = run.trades.head(2).with_columns(
        trade_id=pl.Series(["feedfacefeed01", "feedfacefeed02"])
    )
    saved.__dict__["trades"] = trades

    with pytest.raises(InputError, match="begins 2 ids: trade feedfacefeed01, trade feedface"):
        saved.explain("feedface")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "a story needs one subject"),
        ({"subject": "abcdef", "session": "2023-06-20"}, "a story needs one subject"),
        ({"session": "soon"}, "expected a date such as 2015-03-02"),
        ({"session": "2023-06-19"}, "the next one is 2023-06-20"),
        ({"session": "2023-06-20", "why_not": True}, "why_not goes with SYMBOL@INSTANT"),
        ({"subject": "abcdef", "why_not": True}, "why_not goes with SYMBOL@INSTANT"),
    ],
)
def test_arguments_that_don_t_go_together_are_refused(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        small_run().explain(**arguments)  # type: ignore[arg-type]
