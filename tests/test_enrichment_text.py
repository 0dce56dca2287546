from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst.data.enrichment import news_id
from catalyst.data.enrichment.categories import breaking_words, categories
from catalyst.data.enrichment.figures import figures_told
from catalyst.data.enrichment.phrases import phrase_pattern
from catalyst.data.enrichment.readings import read_headline
from catalyst.data.enrichment.sentiment import SCORED_CHARACTERS, _analyzer, _speaks, sentiment
from catalyst.data.enrichment.sources import normalised_source, source_tier
from catalyst.data.enrichment.tables import enrichment_hash, table
from catalyst.data.enrichment.text import plain, prose, word_set
from catalyst.data.enrichment.tickers import company_names
from catalyst.strategy.params import CATEGORIES

# Words for which VADER has rules of their own.
_TONED = (
    "beats not VERY very :) 🚀 😡 x! but ok -- no nor or never so this without doubt least at kind"
    " of sort just enough don't the SHIT bomb bad ass yeah right to die for GREAT great! good sad"
    " upgrade THE ? ?? !!!!! kiss death İx Kind bus stop beating heart hardly a word"
)
TONED = _TONED.split()
PHRASES = ("sec", "price target", "price", "merger", "merger agreement", "m&a", "510(k")


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("Bloomberg", 1),
        ("Reuters", 1),
        ("Dow Jones", 1),
        ("AP", 1),
        ("WSJ", 2),
        ("Financial Times", 2),
        ("CNBC", 2),
        ("MarketWatch", 2),
        ("Yahoo Finance", 3),
        ("Seeking Alpha", 3),
        ("Benzinga", 3),
        ("Zacks", 4),
        ("TipRanks", 4),
        ("bosocial", 5),
        (None, 5),
        ("", 5),
    ],
)
def test_a_source_has_the_tier_of_the_table(name: str | None, tier: int) -> None:
    assert source_tier(name) == tier


@pytest.mark.parametrize(
    "name", [" reuters ", "@Reuters", "REUTERS", "Thomson  Reuters", "ReutersBiz"]
)
def test_case_spaces_at_sign_and_aliases_do_not_hide_an_outlet(name: str) -> None:
    assert source_tier(name) == 1


@pytest.mark.parametrize(
    "name",
    [
        "fakeCNBC",
        "CNBC_critc",
        "TradeCNBC",
        "C_N_B_C",
        "ＣＮＢＣ",
        "CNBC\u200b",
        "Synthetic Reuters",
    ],
)
def test_an_impersonator_is_unknown(name: str) -> None:
    assert source_tier(name) == 5


def test_no_outlet_stands_in_two_tiers() -> None:
    tier_of: dict[str, str] = {}
    for tier, outlets in table("sources").items():
        for outlet, aliases in outlets.items():
            for alias in (outlet, *aliases):
                name = normalised_source(alias)

                assert tier_of.setdefault(name, tier) == tier


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Apple reports Q3 earnings", ("earnings",)),
        ("FDA approves new drug", ("fda",)),
        ("Pfizer to merge with Allergan", ("merger",)),
        ("Goldman upgrades Intel", ("analyst",)),
        ("Insider buying at Cisco", ("insider",)),
        ("SEC sues broker", ("legal",)),
        ("Apple unveils watch", ("product",)),
        ("Company raises outlook", ("guidance",)),
        ("IBM partners with Apple", ("partnership",)),
        ("Alibaba files for IPO", ("ipo",)),
        ("RadioShack files for Chapter 11", ("bankruptcy",)),
        ("Visa declares dividend", ("dividend",)),
        ("Lunch at noon", ()),
    ],
)
def test_a_headline_has_the_category_of_its_words(text: str, expected: tuple[str, ...]) -> None:
    assert categories(text)[0] == expected


@pytest.mark.parametrize(
    "text", ["Sector rotation", "Emerge stronger", "Prepsoft", "Nasdaq", "secs", "hippo", "unsued"]
)
def test_a_keyword_inside_a_longer_word_is_no_keyword(text: str) -> None:
    assert categories(text) == ((), ())


def test_several_categories_apply_in_the_order_of_the_list() -> None:
    names, keywords = categories("Dividend raised as earnings beat; SEC probe ends, earnings up")

    assert names == ("earnings", "legal", "dividend")
    assert keywords == ("dividend", "earnings", "sec probe")


def test_a_license_agreement_is_no_merger() -> None:
    assert categories("Signs license agreement")[0] == ("partnership",)


def test_every_category_has_lower_case_keywords() -> None:
    content = table("categories")

    assert tuple(content) == (*CATEGORIES, "figures", "forecasting", "nothing")
    assert all(phrase == phrase.lower().strip() for name in content for phrase in content[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Reports Q2 EPS $0.71 vs $0.61 Est, Sales $1.24B", ("earnings",)),
        ("Sees Q2 EPS $0.71 vs $0.61 Est, Sales $1.24B", ("guidance",)),
        ("Sees FY17 Sales $1.24B", ("guidance",)),
        ("Q1 EPS $1 Beats; Raises FY Guidance", ("earnings", "guidance")),
        ("Raises Stake: 6.2% Stake Disclosed", ("insider",)),
        ("Trader Sees Unusual Options Activity", ()),
        ("No plans to acquire anyone", ()),
        ("Apple Gains - Analyst Blog", ()),
        ("Ten Dividend Aristocrats", ()),
        ("SEC Form 4 Insider Selling", ("insider",)),
    ],
)
def test_a_phrase_says_more_than_its_words(text: str, expected: tuple[str, ...]) -> None:
    assert categories(text)[0] == expected


def test_a_figure_in_a_keyword_is_a_hash_sign() -> None:
    assert categories("Discloses 6.2% Stake")[1] == ("# stake",)


def test_a_turkish_capital_is_read_without_error() -> None:
    assert categories("İPO of LİMİTED, earnıngs")[0] == ()


@pytest.mark.parametrize("text", ["BREAKING: Apple buys Beats", "Just in: trading halted in XYZ"])
def test_breaking_news_is_flagged(text: str) -> None:
    assert breaking_words(text)


@pytest.mark.parametrize("text", ["Apple breaking out of its range", "Record-breaking quarter"])
def test_a_chart_that_breaks_out_is_not_breaking_news(text: str) -> None:
    assert breaking_words(text) == ()


@given(st.text(alphabet="sectormgaplk p()&510,", max_size=40))
def test_the_phrase_tree_finds_what_a_naive_search_finds(text: str) -> None:
    pattern = phrase_pattern(PHRASES)

    assert [match.span() for match in pattern.finditer(text)] == _naive_spans(text)


def _naive_spans(text: str) -> list[tuple[int, int]]:
    spans = []
    at = 0
    while at < len(text):
        ends = [
            at + len(phrase)
            for phrase in PHRASES
            if text.startswith(phrase, at)
            and not (at and _is_word(text[at - 1]))
            and not (at + len(phrase) < len(text) and _is_word(text[at + len(phrase)]))
        ]
        if ends:
            spans.append((at, max(ends)))
            at = max(ends)
        else:
            at += 1
    return spans


def _is_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Apple beats estimates", 1),
        ("Intel misses on revenue", -1),
        ("Goldman upgrades Cisco", 1),
        ("Barclays downgrades BP", -1),
        ("FDA approval for Amgen", 1),
        ("Trading halted", -1),
        ("XYZ files for bankruptcy", -1),
        ("Company raises guidance", 1),
        ("Company cuts guidance", -1),
        ("Analyst: Overweight", 1),
        ("Crude and cancer drug shares of United Trust", 0),
        ("Best Buy opens store", 0),
        ("Kinder Morgan", 0),
        ("Reports Q2 EPS $0.71 vs $0.61 Est", 1),
        ("Reports Q2 EPS $0.51 vs $0.61 Est", -1),
        ("Q2 EPS of $0.43 vs $0.29 Est; Revenue of $144.20M vs $146.40M Est", 0),
        ("Broker Maintains Outperform, Lowers Price Target to $88", -1),
        ("Broker Maintains Underperform, Raises PT from $5 to $7", 1),
        ("Upgrades from Underperform to Neutral", 1),
        ("Initiates Coverage with Outperform Rating", 1),
        ("Shares are trading lower", -1),
        ("Shares Up 9.9%", 1),
        ("Is it a buy after its plunge?", 0),
    ],
)
def test_sentiment_has_the_sign_that_a_holder_sees(text: str, sign: int) -> None:
    score = sentiment(text)

    assert (score > 0) - (score < 0) == sign


@given(st.text(max_size=60))
def test_sentiment_stays_between_minus_one_and_one(text: str) -> None:
    assert -1.0 <= sentiment(text) <= 1.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("EPS $0.43 vs $0.29 Est", "EPS figure_beats Est"),
        ("EPS $0.19 vs $0.19", "EPS figure_meets"),
        ("EPS $(0.05) vs $(0.10) Est", "EPS figure_beats Est"),
        ("EPS -$0.10 vs. Est. $0.05", "EPS figure_misses"),
        ("Sales $635M-$655M vs $658.3M Est", "Sales figure_misses Est"),
        ("Sales $82-$92M vs $90M Est", "Sales figure_meets Est"),
        ("Sales $1.1B versus consensus 900M", "Sales figure_beats"),
        ("EPS $0.02 Down From $0.12", "EPS figure_less"),
        ("up 9.9%, now down about 5 percent", "percent_up, percent_down"),
        ("+.25% and -0.16% of 10%-12%", "percent_up and percent_down of 10%-12%"),
        ("Google vs Apple from 2 to 3", "Google vs Apple from 2 to 3"),
        ("vs vs vs $ from from %", "vs vs vs $ from from %"),
    ],
)
def test_figures_become_words(text: str, told: str) -> None:
    assert " ".join(figures_told(text).split()) == told


@given(st.text(alphabet="$0123456789.,()-~ KMBvsfromup%", max_size=60))
def test_any_figures_are_read_without_error(text: str) -> None:
    assert isinstance(figures_told(text), str)


@pytest.mark.parametrize(
    "text",
    ["Our Penny Stock Alerts gained 2,100%", "Get more winners like these", "Message Board Posts"],
)
def test_an_advert_says_nothing(text: str) -> None:
    names, pattern = company_names()
    reading = read_headline(text, names=names, pattern=pattern)

    assert (reading.categories, reading.sentiment) == ((), 0.0)


def test_a_list_has_a_tone_only_where_it_names_companies() -> None:
    names, pattern = company_names()

    def tone(text: str) -> float:
        return read_headline(text, names=names, pattern=pattern).sentiment

    assert tone("Top Upgrades for Monday") == 0.0
    assert tone("Top Upgrades (IBM, AAPL)") > 0.1
    assert tone("10 Worst Performing S&P 500 Stocks of the Crash") == 0.0
    assert tone("Daily Biotech Pulse: Amgen Soars") == 0.0


@given(st.lists(st.sampled_from(TONED), max_size=12))
def test_the_quick_look_for_a_word_with_a_tone_misses_none(words: list[str]) -> None:
    analyzer, _ = _analyzer()
    text = " ".join(words)

    assert _speaks(text, analyzer) or analyzer.polarity_scores(text)["compound"] == 0.0


def test_a_megabyte_of_text_is_scored_by_its_beginning() -> None:
    text = "good " * 200_000

    assert sentiment(text) == sentiment(text[:SCORED_CHARACTERS])


def test_urls_are_removed_and_entities_undone() -> None:
    text = "AT&amp;amp;T &gt; Verizon http://t.co/love www.best.com https…"

    assert plain(text) == "AT&T > Verizon"


def test_cashtags_and_mentions_carry_no_sentiment_and_no_category() -> None:
    words = prose(plain("RT @joy: $LOVE $IPO @FDA moves"))

    assert words == "moves"


def test_a_word_set_leaves_out_urls_retweet_prefix_cashtags_and_cut_words() -> None:
    words = word_set("RT @WSJ: Apple &amp; Beats: it's a $AAPL $BRK-A deal http://t.co/x announ…")

    assert words == {"apple", "beats", "it's", "a", "deal"}


def test_an_invisible_character_does_not_split_a_word() -> None:
    assert word_set("Ap\u200bple") == {"apple"}


def test_a_news_id_is_sixteen_hexadecimal_characters() -> None:
    # Pinned: stored lakes are joined by these ids.
    assert news_id("Apple beats", "Reuters", published_ns=1) == "839ed7d5aa4c7c05"


@pytest.mark.parametrize(
    "headline", ["Apple  &amp; IBM", "APPLE & ibm ", "Apple\n&\tIBM", "Ａpple & IBM"]
)
def test_entities_width_case_and_spaces_do_not_make_another_article(headline: str) -> None:
    expected = news_id("Apple & IBM", "Reuters", published_ns=5)

    assert news_id(headline, "reuters", published_ns=5) == expected


def test_another_source_or_time_is_another_article() -> None:
    ids = {
        news_id("a", "b", published_ns=1),
        news_id("a", "b", published_ns=2),
        news_id("a", "c", published_ns=1),
        news_id("a b", "", published_ns=1),
        news_id("a", None, published_ns=1),
    }

    assert len(ids) == 5


def test_the_enrichment_hash_is_the_same_in_every_call() -> None:
    assert len(enrichment_hash()) == 64
    assert enrichment_hash() == enrichment_hash.__wrapped__()
