"""Text that means harm: whatever a headline holds, it is read in time linear in its length."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import polars as pl
import pytest
from enrichment_rows import START, news, row
from hypothesis import given, settings
from hypothesis import strategies as st

from catalyst.data.enrichment import enrich
from catalyst.data.enrichment.clusters import Clusters
from catalyst.data.enrichment.readings import Reading, read_headline
from catalyst.data.enrichment.text import plain, word_set
from catalyst.data.enrichment.tickers import company_names
from catalyst.strategy.params import CATEGORIES

# What could make a pattern look again and again, put together at random.
BLOCKS = (
    "&#1;", "&amp;", "&#x1b;", "&#99999999999;", "<script>", "'; --", "$A", "$", "$$$", "(A, B)",
    "(", "((", "A,", ": A, B", "NYSE:", "Apple", "J.P. Morgan", "vs $1", "$1.5B-$2B vs", "from $2",
    "1,", "1.", "0" * 30, "%", "+5%", "?", ". ", "Is it?", "RT @a: ", "@b ", "http://x", "https…",
    "…", "\x00", "\x1b[31m", "\u200b", "\u202e", "\u0301", "e\u0301\u0323", "🚀", "😡", "İ", "ﬁ",
    "ſ", "\ud800", "not ", "very ", "but ", "kind of ", "raises ", "pt ", "10 ", "stocks ", "!",
    "upgrade", "EPS", "q1", "fy17", "６%", "\n", "\t", " ",
)  # fmt: skip
ALPHABETS = (
    "1,",
    "$A",
    "(A,",
    "A, ",
    "?.",
    "&#",
    "www.",
    "vs $1 ",
    "a",
    " ",
    "\u0301",
    "+1%",
    "'a",
)


def read(text: str) -> Reading:
    names, pattern = company_names()
    return read_headline(text, names=names, pattern=pattern)


def checked(reading: Reading) -> None:
    assert -1.0 <= reading.sentiment <= 1.0
    assert set(reading.categories) <= set(CATEGORIES)
    assert all(re.fullmatch(r"[A-Z0-9.]{1,9}", symbol) for symbol in reading.tickers)


def operations(function: Callable[[], object]) -> int:
    """Count the lines of Python that run, our own and the libraries'."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ANN401
        nonlocal count
        del frame, argument
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


@given(st.lists(st.sampled_from(BLOCKS), max_size=60).map("".join))
@settings(max_examples=300)
def test_no_text_made_of_traps_is_refused(text: str) -> None:
    checked(read(text))


@given(st.text(st.characters(), max_size=120))
@settings(max_examples=300)
def test_no_text_is_refused(text: str) -> None:
    checked(read(text))


@pytest.mark.parametrize("unit", [*BLOCKS, *ALPHABETS], ids=repr)
def test_a_megabyte_of_one_trap_is_read(unit: str) -> None:
    # A pattern that looks again and again would need hours: 10^12 steps.
    checked(read(unit * (1_000_000 // len(unit))))


@pytest.mark.parametrize("unit", ["$A ", "word%d ", "Apple ", "not good ", "vs $1 ", "but good "])
def test_the_work_grows_no_faster_than_the_text(unit: str) -> None:
    def text(n: int) -> str:
        return "".join(unit % at if "%d" in unit else unit for at in range(n))

    short, long = text(2_000), text(20_000)
    work = operations(lambda: read(short))

    assert operations(lambda: read(long)) <= 12 * work + 5_000


def test_a_thousand_cashtags_are_a_thousand_links() -> None:
    tags = [f"{a}{b}{c}" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJ" for c in "ABCDEFGHIJ"]
    result = enrich(news(row(" ".join(f"${tag}" for tag in tags))))

    assert result.news["symbol"].to_list() == tags
    assert result.links_added == 1_000


@pytest.mark.parametrize(
    "text",
    ["＄ＡＡＰＬ", "$AA\u200bPL", "$A\u202eAPL", "&#36;AAPL", "&amp;#36;AAPL"],
)
def test_a_cashtag_in_disguise_is_what_a_reader_sees(text: str) -> None:
    assert read(text).tickers == ("AAPL",)


@pytest.mark.parametrize(
    "text", ["$ААPL", "$AAРL", "$🅰APL", "x$AAPL", "$AAPL1", "$AAPL_", "$$AAPL", "€$AAPL"]
)
def test_a_fake_cashtag_links_nothing(text: str) -> None:
    # Cyrillic letters, letters in boxes, parts of longer words.
    assert read(text).tickers == ()


@pytest.mark.parametrize(
    "text", ["App\u200ble rises", "Apple\u202e rises", "\ufeffApple rises", "Apple\u0000 rises"]
)
def test_an_invisible_character_does_not_hide_a_name(text: str) -> None:
    assert read(text).tickers == ("AAPL",)


def test_a_pile_of_accents_is_one_word() -> None:
    assert len(word_set("z" + "\u0301" * 100_000)) <= 2


def test_an_endless_entity_is_no_number() -> None:
    assert plain("&#" + "1" * 5_000 + ";") == "\ufffd"


def test_half_a_surrogate_is_only_a_character() -> None:
    checked(read("Apple \ud800 rises"))


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE news; --",
        "{{7*7}} ${jndi:ldap://x/a} $(reboot) `reboot`",
        "<img src=x onerror=alert(1)>",
        "=cmd|' /C calc'!A0",
        "../../etc/passwd\x00.csv",
        "[bold red]x[/]",
    ],
)
def test_code_in_a_headline_is_stored_as_given(text: str) -> None:
    stored = enrich(news(row(text, "AAPL"))).news

    assert stored["headline"].to_list() == [text]


def copies(texts: Iterator[str], *, source: Callable[[int], str]) -> pl.DataFrame:
    step = dt.timedelta(milliseconds=5)
    rows = [
        row(text, "ALB", published_at=START, known_at=START + at * step, source=source(at))
        for at, text in enumerate(texts)
    ]
    return enrich(news(*rows)).news


def test_ten_thousand_copies_in_a_minute_are_one_story_of_one_source() -> None:
    # Marks are no words: ten thousand headlines that differ, one word set.
    flood = copies(("Buy ALB now" + "!" * (at + 1) for at in range(2_000)), source=lambda _: "bot")

    assert flood["cluster_id"].n_unique() == 1
    assert flood["cluster_rank"].to_list() == list(range(2_000))
    assert flood["coordination"].to_list() == [0.0] * 2_000


def test_copies_by_many_accounts_look_concerted_and_stay_unconfirmed() -> None:
    flood = copies(iter(["Buy ALB now"] * 2_000), source=lambda at: f"bot{at}").row(-1, named=True)

    assert (flood["cluster_sources"], flood["confirmed_by"]) == (2_000, None)
    assert flood["coordination"] > 0.99


@pytest.mark.parametrize(
    "kind", ["copies", "near copies", "a word in common", "long words in common"]
)
def test_the_work_of_a_flood_grows_no_faster_than_the_flood(kind: str) -> None:
    def words(at: int) -> frozenset[str]:
        if kind == "copies":
            return frozenset({"buy", "this", "now", "please"})
        if kind == "near copies":
            return frozenset({*"abcdefgh", f"w{at}"})
        if kind == "long words in common":
            return frozenset(
                {*(f"a_very_long_word_{k}" for k in range(4)), *map(str, range(5 * at, 5 * at + 5))}
            )
        return frozenset({"stock", *(f"w{at}x{part}" for part in range(6))})

    def flood(n: int) -> Callable[[], None]:
        def run() -> None:
            clusters = Clusters()
            for at in range(n):
                clusters.assign("A", at, news_id=str(at), words=words(at), source="bot")

        return run

    assert operations(flood(3_000)) <= 11 * operations(flood(300)) + 5_000
