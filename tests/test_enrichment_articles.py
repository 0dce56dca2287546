from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

import polars as pl
import pytest
from enrichment_rows import INSTANT, START, news, row
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from catalyst.data.enrichment import enrich
from catalyst.data.enrichment.schema import ENRICHED
from catalyst.errors import InputError

HEADLINES = (
    "Apple beats estimates, shares jump",
    "Apple beats estimates and shares jump",
    "APPLE beats estimates, shares jump",
    "$AAPL $MSFT rise after upgrade",
    "RT @WSJ: $AAPL $MSFT rise after upgrade",
    "L$D",
    "$T only",
    "Lunch",
    "http://t.co/x $T",
)


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    headline = draw(st.integers(0, len(HEADLINES) - 1))
    minutes = draw(st.integers(0, 5)) * 600
    again = draw(st.integers(0, 2))
    # Each wording has a delay of its own: two wordings of one article are not known at one instant.
    known = START + dt.timedelta(minutes=minutes + 1 + headline, hours=30 * again)
    return row(
        HEADLINES[headline],
        draw(st.sampled_from([None, "AAPL", "MSFT", "T", "D"])),
        minutes=minutes,
        known_at=known,
        source=draw(st.sampled_from([None, "WSJ", "Reuters", "bot"])),
        raw=draw(st.sampled_from(["{}", '{"a": 1}'])),
        id=draw(st.sampled_from([None, "1", "2"])),
        retweet_of_id=draw(st.sampled_from([None, None, "1"])),
    )


report_lists = st.lists(reports(), max_size=14)


def stored(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(news().columns)


def links(frame: pl.DataFrame) -> list[tuple[str, str]]:
    return [(symbol, link) for symbol, link in frame.select("symbol", "link").iter_rows()]


def test_the_result_has_the_columns_that_the_lake_stores() -> None:
    assert dict(enrich(news(row("Apple rises", "AAPL"))).news.schema) == ENRICHED


def test_no_news_gives_no_articles() -> None:
    result = enrich(news())

    assert dict(result.news.schema) == ENRICHED
    assert (result.news.height, result.links_added) == (0, 0)


def test_an_article_is_read_once_and_stored_whole() -> None:
    headline = "BREAKING: Apple beats estimates &amp; raises dividend http://t.co/1"
    article = enrich(news(row(headline, "aapl", source="WSJ", raw="{1}"))).news.row(0, named=True)

    assert article["headline"] == headline
    assert article["symbol"] == "AAPL"
    assert article["tier"] == 2
    assert article["categories"] == ["earnings", "dividend"]
    assert article["keywords"] == ["beats estimates", "raises dividend", "breaking"]
    assert article["breaking"]
    assert article["tickers"] == ["AAPL"]
    assert article["sentiment"] > 0.5
    assert article["market_state"] == "regular"
    assert (article["cluster_id"], article["cluster_rank"]) == (f"AAPL-{article['news_id']}", 0)
    assert (article["cluster_sources"], article["coordination"]) == (1, 0.0)
    assert (article["confirmed_by"], article["confirm_minutes"]) == ("WSJ", 0.0)
    assert article["raw"] == "{1}"
    assert article["known_is_assumed"] is False


def test_the_market_state_is_that_of_publication_not_of_collection() -> None:
    at = dt.datetime(2015, 3, 2, 14, 29, 50, tzinfo=dt.UTC)
    late = at + dt.timedelta(minutes=1)
    result = enrich(news(row("Apple rises", "AAPL", published_at=at, known_at=late)))

    assert result.news["market_state"].to_list() == ["pre_market"]


def test_an_article_has_one_row_for_each_of_its_symbols() -> None:
    result = enrich(news(row("$AAPL $MSFT rise", "AAPL"), row("$AAPL $MSFT rise", "MSFT")))

    assert links(result.news) == [("AAPL", "provider"), ("MSFT", "provider")]
    assert result.news["news_id"].n_unique() == 1
    assert result.links_added == 0


def test_cashtags_add_links() -> None:
    result = enrich(news(row("$AAPL $MSFT rise", "AAPL")))

    assert links(result.news) == [("AAPL", "provider"), ("MSFT", "cashtag")]
    assert result.links_added == 1


def test_company_names_add_links_only_in_texts_without_a_cashtag() -> None:
    assert links(enrich(news(row("Microsoft sues", "AAPL"))).news) == [
        ("AAPL", "provider"),
        ("MSFT", "name"),
    ]
    assert links(enrich(news(row("Microsoft sues $AAPL", "AAPL"))).news) == [("AAPL", "provider")]


def test_a_bank_that_rates_another_company_is_not_in_the_news() -> None:
    assert links(enrich(news(row("Morgan Stanley upgrades Intel"))).news) == [("INTC", "name")]
    assert links(enrich(news(row("Morgan Stanley settles lawsuit"))).news) == [("MS", "name")]


def test_giving_a_file_again_gives_duplicates_only() -> None:
    file = news(row("$AAPL $MSFT up"), row("$AAPL down", "AAPL"), row("Buffett buys", "BRK-A"))
    kept = stored(enrich(file).news)
    again = enrich(pl.concat([kept, file]))

    assert_frame_equal(again.duplicates, file)
    assert_frame_equal(stored(again.news), kept)
    assert again.links_added == 0


def test_added_links_can_be_limited_to_given_symbols() -> None:
    result = enrich(news(row("$AAPL $MSFT $V", "V")), symbols=frozenset({"MSFT"}))

    assert links(result.news) == [("MSFT", "cashtag"), ("V", "provider")]


def test_an_article_about_no_symbol_is_kept() -> None:
    result = enrich(news(row("Fed keeps rates")))

    assert links(result.news) == [("", "none")]
    assert result.news["tickers"].to_list() == [[]]


def test_a_mislinked_row_is_handed_back_whole_and_its_cashtags_are_kept() -> None:
    given_rows = news(row("L$D", "D"), row("L$D with $EX", "D")).with_columns(
        _line=pl.Series([7, 8])
    )
    result = enrich(given_rows)

    assert_frame_equal(result.mislinked, given_rows)
    assert links(result.news) == [("EX", "cashtag")]
    assert result.news["tickers"].to_list() == [["EX"]]


def test_share_class_spellings_are_one_symbol() -> None:
    rows = [row("Buffett buys $BRK-A", "BRK/A"), row("Buffett buys $BRK-A", "BRK-A")]
    result = enrich(news(*rows))

    assert links(result.news) == [("BRK.A", "provider")]
    assert (result.duplicates.height, result.mislinked.height) == (1, 0)


def test_a_retweet_has_the_tier_of_the_account_that_retweets() -> None:
    original = row("Apple buys Beats $AAPL", "AAPL", source="WSJ", id="17")
    retweet = row(
        "RT @WSJ: Apple buys Beats $AAPL", "AAPL", minutes=3, source="nobody", retweet_of_id="17"
    )
    result = enrich(news(original, retweet)).news

    assert result["tier"].to_list() == [2, 5]
    assert result["cluster_rank"].to_list() == [0, 1]
    assert result["cluster_id"].n_unique() == 1


def test_a_retweet_cut_by_an_ellipsis_is_a_copy_by_its_words() -> None:
    text = "Apple said to be in talks to buy Beats Electronics for three billion dollars"
    result = enrich(news(row(text, "AAPL"), row(f"RT @x: {text[:60]}…", "AAPL", minutes=1))).news

    assert result["cluster_rank"].to_list() == [0, 1]


def test_the_same_report_given_twice_is_a_duplicate() -> None:
    result = enrich(news(row("Apple rises", "AAPL"), row("Apple rises", "AAPL")))

    assert (result.news.height, result.duplicates.height) == (1, 1)


def test_the_same_article_seen_again_later_keeps_its_first_time() -> None:
    later = START + dt.timedelta(hours=3)
    result = enrich(news(row("Apple rises", "AAPL", known_at=later), row("Apple rises", "AAPL")))

    assert result.news["known_at"].to_list() == [START + dt.timedelta(minutes=1)]
    assert result.duplicates["known_at"].to_list() == [later]


def test_a_correction_is_a_new_row_with_the_cluster_of_the_first() -> None:
    later = START + dt.timedelta(days=3)
    rows = [
        row("Apple rises", "AAPL", url="http://a"),
        row("Apple rises", "AAPL", minutes=5),
        row("Apple rises", "AAPL", url="http://b", known_at=later),
    ]
    result = enrich(news(*rows)).news

    assert result["cluster_rank"].to_list() == [0, 1, 0]
    assert result["cluster_id"].n_unique() == 1
    assert result["news_id"][0] == result["news_id"][2]


def test_a_correction_tells_what_is_known_of_its_story_by_now() -> None:
    later = START + dt.timedelta(days=3)
    rows = [
        row("Apple rises", "AAPL", source="bot", url="http://a"),
        row("Apple rises!", "AAPL", source="WSJ", minutes=5),
        row("Apple rises", "AAPL", source="bot", url="http://b", known_at=later),
    ]
    result = enrich(news(*rows)).news

    assert result["confirmed_by"].to_list() == [None, "WSJ", "WSJ"]
    assert result["cluster_sources"].to_list() == [1, 2, 2]


def test_a_later_report_that_only_lacks_the_url_is_no_correction() -> None:
    later = START + dt.timedelta(hours=1)
    rows = [row("Apple rises", "AAPL", url="http://a"), row("Apple rises", "AAPL", known_at=later)]

    assert enrich(news(*rows)).news.height == 1


def test_a_provider_link_that_arrives_later_than_the_text_is_known_with_the_text() -> None:
    later = START + dt.timedelta(hours=1)
    rows = [row("$AAPL $MSFT up", "AAPL"), row("$AAPL $MSFT up", "MSFT", known_at=later)]
    result = enrich(news(*rows))

    assert links(result.news) == [("AAPL", "provider"), ("MSFT", "cashtag")]
    assert result.duplicates["symbol"].to_list() == ["MSFT"]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="known_at"):
        enrich(pl.DataFrame({"headline": ["a"], "published_at": [START]}))


def test_a_null_headline_is_refused_with_its_row() -> None:
    rows = news(row("a"), row("b")).with_columns(headline=pl.Series([None, "b"], dtype=pl.String))

    with pytest.raises(InputError, match="row 0: headline is null"):
        enrich(rows)


def test_context_that_is_not_earlier_is_refused() -> None:
    result = enrich(news(row("Apple rises", "AAPL")))

    with pytest.raises(InputError, match="expected all of earlier before news"):
        enrich(news(row("Apple rises", "AAPL")), earlier=result.news)


@given(report_lists, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rows: list[dict[str, Any]], chance: Random) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    one, other = enrich(news(*rows)), enrich(news(*shuffled))

    assert_frame_equal(one.news, other.news)
    assert one.links_added == other.links_added
    for part in ("mislinked", "duplicates"):
        columns = news().columns
        assert_frame_equal(getattr(one, part).sort(columns), getattr(other, part).sort(columns))


@given(report_lists, st.integers(0, 6_000))
def test_removing_later_rows_changes_no_earlier_article(
    rows: list[dict[str, Any]], minutes: int
) -> None:
    cutoff = pl.lit(START + dt.timedelta(minutes=minutes), INSTANT)
    frame = news(*rows)
    known_then = enrich(frame.filter(pl.col("known_at") <= cutoff)).news

    assert_frame_equal(enrich(frame).news.filter(pl.col("known_at") <= cutoff), known_then)


@given(report_lists, st.integers(0, 6_000))
def test_enriching_day_by_day_equals_enriching_at_once(
    rows: list[dict[str, Any]], minutes: int
) -> None:
    cutoff = pl.lit(START + dt.timedelta(minutes=minutes), INSTANT)
    frame = news(*rows)
    first = enrich(frame.filter(pl.col("known_at") <= cutoff)).news
    second = enrich(frame.filter(pl.col("known_at") > cutoff), earlier=first).news

    assert_frame_equal(pl.concat([first, second]), enrich(frame).news)


@given(report_lists)
def test_enriching_again_changes_nothing(rows: list[dict[str, Any]]) -> None:
    once = enrich(news(*rows)).news
    again = enrich(stored(once))

    assert_frame_equal(again.news, once)
    assert (again.mislinked.height, again.duplicates.height, again.links_added) == (0, 0, 0)


@given(report_lists, st.lists(st.booleans(), min_size=14, max_size=14))
def test_rows_may_come_in_two_imports_in_either_order(
    rows: list[dict[str, Any]], early: list[bool]
) -> None:
    one = [report for report, flag in zip(rows, early, strict=False) if flag]
    other = [report for report, flag in zip(rows, early, strict=False) if not flag]
    both = enrich(news(*rows)).news
    for first, second in ((one, other), (other, one)):
        kept = stored(enrich(news(*first)).news)

        assert_frame_equal(enrich(pl.concat([kept, news(*second)])).news, both)


@given(report_lists)
def test_every_given_row_is_imported_mislinked_or_a_duplicate(rows: list[dict[str, Any]]) -> None:
    frame = news(*rows).with_row_index("_line")
    result = enrich(frame)
    set_aside = [*result.mislinked["_line"], *result.duplicates["_line"]]
    imported = frame.filter(~pl.col("_line").is_in(set_aside))
    keys = result.news.select("headline", "known_at").unique()

    assert len(set(set_aside)) == len(set_aside)
    assert imported.join(keys, on=["headline", "known_at"], how="anti").is_empty()
    assert result.news.select("news_id", "symbol", "known_at").is_unique().all()
    assert result.news.filter(pl.col("link") == "provider").height == (
        imported["symbol"].is_not_null().sum()
    )


@given(st.text(max_size=80), st.text(max_size=6))
def test_any_text_is_enriched_without_error(headline: str, source: str) -> None:
    article = enrich(news(row(headline, "AAPL", source=source)))

    assert article.news.filter(pl.col("symbol") == "AAPL").height + article.mislinked.height == 1


def test_a_megabyte_headline_and_hostile_text_are_only_text() -> None:
    texts = [
        "a" * 1_000_000,
        "x " * 500_000,
        "'; DROP TABLE news; --",
        "<script>1</script>",
        "\x00\x1b[31m",
    ]
    result = enrich(news(*(row(text, "AAPL", minutes=at) for at, text in enumerate(texts))))

    assert result.news["headline"].to_list() == texts
