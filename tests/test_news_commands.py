"""News as it stood at an instant: search, what trends, narratives, and the commands."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lake_rows import article, at, news

from catalyst.cli import app as cli
from catalyst.data.lake import Lake
from catalyst.data.narratives import narratives
from catalyst.data.news_search import search_news
from catalyst.data.trending import trending
from catalyst.data.visible import visible
from catalyst.errors import InputError, LakeError

Catalyst = Callable[..., tuple[int, str, str]]

HOSTILE = "\x1b]0;owned\x07 [red]Buy[/red] $ALB '; DROP TABLE news; -- <script>1</script>\u202etxt"


def quiet_days(symbol: str, n: int = 20) -> list[dict[str, object]]:
    return [
        article(f"Routine words about {symbol} number {day}", f"2014-05-{day:02}T10:00", symbol)
        for day in range(1, n + 1)
    ]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("news"), create=True)
    made.add_news(
        news(
            *quiet_days("BOR"),
            *quiet_days("CAL"),
            article("Borea Mining agrees to be bought", "2014-05-21T09:50", "BOR", source="bot"),
            article("Borea Mining agrees to be bought!", "2014-05-21T09:52", "BOR", source="WSJ"),
            article("Judge halts the sale", "2014-05-21T09:55", "BOR", source="Reuters"),
            article("Borea bid: a rival appears", "2014-05-21T09:56", "BOR", source="bot"),
            article("FDA approval for AT&amp;T Labs", "2014-05-21T09:57", "CAL", source="bot"),
            article(HOSTILE, "2014-05-21T09:58", "ALB", source="bo\u200bt"),
        )
    )
    return made


@pytest.fixture
def catalyst(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Catalyst:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(
            sys, "argv", ["catalyst", "news", *map(str, arguments), "--lake", str(lake.root)]
        )
        capsys.readouterr()
        code: object = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        told = capsys.readouterr()

        assert isinstance(code, int)

        return code, told.out, told.err

    return run


def headlines(lake: Lake, query: str = "", **more: object) -> list[str]:
    found: list[str] = search_news(lake, query, **more)["headline"].to_list()  # type: ignore[arg-type]
    return found


def test_a_search_finds_articles_that_hold_all_words_in_any_order_the_newest_first(
    lake: Lake,
) -> None:
    assert headlines(lake, "bought MINING") == [
        "Borea Mining agrees to be bought!",
        "Borea Mining agrees to be bought",
    ]


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("mini", 0),  # whole words
        ('"mining agrees"', 2),
        ('"agrees mining"', 0),
        ("at&t", 1),
        ("$alb", 1),
        ("$al", 0),
        ("mining.*", 0),
        ("' OR '1'='1", 0),
        ("%", 0),
        ("'; drop table news; --", 1),
    ],
)
def test_a_query_is_text_and_no_expression(lake: Lake, query: str, n: int) -> None:
    assert len(headlines(lake, query)) == n


def test_filters_narrow_a_search(lake: Lake) -> None:
    assert headlines(lake, tier=2) == ["Judge halts the sale", "Borea Mining agrees to be bought!"]
    assert headlines(lake, category="fda") == ["FDA approval for AT&amp;T Labs"]
    assert headlines(lake, source="@reuters") == ["Judge halts the sale"]
    assert headlines(lake, "borea", symbols=["CAL"]) == []
    assert headlines(lake, since="2014-05-21T09:56", until="2014-05-21T09:57") == [
        "Borea bid: a rival appears"
    ]
    assert len(headlines(lake, since="2014-05-20", until="2014-05-20", limit=99)) == 2


def test_a_search_sees_only_what_was_known_then(lake: Lake) -> None:
    # Published 09:52, known a minute later.
    assert headlines(lake, "bought", asof="2014-05-21T09:52") == [
        "Borea Mining agrees to be bought"
    ]
    assert len(headlines(lake, "bought", asof="2014-05-21T09:53")) == 2


def test_a_corrected_article_is_found_once_with_all_its_symbols(tmp_path: Path) -> None:
    made = Lake(tmp_path, create=True)
    text = "$ALB buys $BOR"
    first = {"url": "u1", "collected_at": None}
    later = {"url": "u2", "collected_at": article("", "2014-05-25T10:00")["published_at"]}
    made.add_news(
        news(
            article(text, "2014-05-21T10:00", "ALB", **later),
            article(text, "2014-05-21T10:00", "ALB", **first),
            article("$ALB sells", "2014-05-23T10:00", "ALB", **first),
        )
    )
    found = search_news(made, "buys", limit=1)

    assert found.select("symbols", "url").rows() == [(["ALB", "BOR"], "u2")]


def test_what_trends_is_what_is_told_by_more_sources_than_on_the_days_before(lake: Lake) -> None:
    found = trending(lake, asof="2014-05-21T10:00", hours=1)

    assert found["symbol"].to_list() == ["BOR"]
    assert found.select("reports", "stories", "usual").row(0) == (4, 3, 0.0)
    assert found["headlines"].to_list()[0][0] == "Judge halts the sale"


def test_a_source_that_repeats_itself_does_not_trend(tmp_path: Path) -> None:
    made = Lake(tmp_path, create=True)
    copies = [article(f"Buy now{'!' * n}", f"2014-05-21T10:{n:02}", "BOR") for n in range(1, 40)]
    made.add_news(news(*quiet_days("BOR"), *copies))

    assert trending(made, hours=1).is_empty()


def test_the_usual_flow_of_the_hour_does_not_trend(lake: Lake) -> None:
    assert trending(lake, asof="2014-05-20T10:30", hours=1).is_empty()


def test_the_catalyst_score_is_that_of_the_strategy(lake: Lake) -> None:
    asof = at("2014-05-21T10:00")
    [found] = trending(lake, asof="2014-05-21T10:00", hours=1).to_dicts()
    total = lean = 0.0
    for row in lake.news(symbols=["BOR"]).to_dicts():
        if row["published_at"] >= asof - dt.timedelta(days=1):
            hours = (asof - row["published_at"]).total_seconds() / 3600
            weight = (1.0, 0.8, 0.6, 0.4, 0.2)[row["tier"] - 1] * math.exp(-hours / 4)
            weight *= 1.3 if "merger" in row["categories"] else 1.0
            weight *= 1.0 if row["cluster_rank"] == 0 else 0.25
            total += weight
            lean += weight * row["sentiment"]

    assert math.isclose(found["catalyst_score"], 100 * (1 - math.exp(-total)), rel_tol=1e-9)
    assert math.isclose(found["direction"], lean / total, rel_tol=1e-9)


def test_a_narrative_says_who_was_first_and_who_confirmed_it(lake: Lake) -> None:
    [story] = narratives(lake, symbol="BOR", min_sources=2).to_dicts()

    assert (story["source"], story["tier"], story["size"], story["sources"]) == ("bot", 5, 2, 2)
    assert (story["confirmed_by"], story["confirm_minutes"]) == ("WSJ", 2.0)
    assert 0 < story["coordination"] < 1


def test_a_narrative_is_unconfirmed_until_the_confirmation_is_known(lake: Lake) -> None:
    found = narratives(lake, symbol="BOR", asof="2014-05-21T09:52:59", hours=1)

    assert found.select("size", "confirmed_by").rows() == [(1, None)]


def test_a_story_that_began_long_ago_shows_its_first_headline(tmp_path: Path) -> None:
    made = Lake(tmp_path, create=True)
    rows = [
        article("Borea sold", "2014-05-01T10:00", "BOR", id="7", retweet_of_id=None),
        article("RT @x: Borea sold", "2014-05-21T10:00", "BOR", id="8", retweet_of_id="7"),
    ]
    made.add_news(news(*rows))
    found = narratives(made, hours=1)

    assert found.select("headline", "size").rows() == [("Borea sold", 2)]


def test_an_empty_lake_is_named(tmp_path: Path) -> None:
    made = Lake(tmp_path, create=True)

    for look in (search_news, trending, narratives):
        with pytest.raises(LakeError, match="holds no news; run `catalyst data import news"):
            look(made)


@pytest.mark.parametrize(
    "wrong",
    [{"tier": 0}, {"category": "gossip"}, {"limit": 0}, {"since": "2014-13-01"}],
    ids=str,
)
def test_a_wrong_filter_is_refused(lake: Lake, wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"expected"):
        search_news(lake, **wrong)  # type: ignore[arg-type]


def test_the_commands_print_new_york_time(catalyst: Catalyst) -> None:
    status, out, _ = catalyst("search", "judge")

    assert status == 0
    assert "2014-05-21 09:55 ET" in out
    assert "Judge halts the sale" in out


def test_json_is_plain_ascii_and_says_when_it_looked(catalyst: Catalyst) -> None:
    for command, name in (
        ("search", "articles"),
        ("trending", "symbols"),
        ("narratives", "stories"),
    ):
        status, out, _ = catalyst(command, "--json")
        found = json.loads(out)

        assert (status, out.isascii(), out.count("\n")) == (0, True, 1)
        assert found["asof"] == "2014-05-21T13:59:00+00:00"
        assert found[name]


def test_a_hostile_headline_reaches_a_terminal_as_text(catalyst: Catalyst) -> None:
    out = catalyst("search", "buy")[1]

    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\u202e" not in out
    assert "[red]Buy[/red]" in out
    assert "DROP TABLE" in out


@pytest.mark.parametrize(
    ("command", "headline"),
    [
        ("search", "Judge halts the sale"),
        ("trending", "Judge halts the sale"),
        ("narratives", "Borea Mining agrees to be bought"),
    ],
)
def test_a_narrow_terminal_shows_headlines_whole(
    lake: Lake,
    command: str,
    headline: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["catalyst", "news", command, "--lake", str(lake.root)])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    with contextlib.suppress(SystemExit):
        cli.main()

    assert f"\n    {headline}" in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_nothing_found_is_said_in_a_sentence(catalyst: Catalyst) -> None:
    assert catalyst("search", "xyzzy") == (
        0,
        "",
        "no article matches; fewer words, or a later --asof, find more\n",
    )


def test_a_wrong_option_is_one_sentence(catalyst: Catalyst) -> None:
    status, out, err = catalyst("search", "x", "--category", "gossip")

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("catalyst: category is 'gossip'; expected one of earnings, fda")


@given(st.text())
def test_visible_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = visible(text)

    assert all(letter.isprintable() for letter in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a␛[31mb"),
        ("a&lt;b", "a<b"),
        ("two\nlines\tand  tabs", "two lines and tabs"),
        ("z" + "\u0301" * 50, "z\u0301\u0301"),
        ("x" * 1_000_000, "x" * 400 + "…"),
        ("a\u200b\u202e\ufeff\ue000b", "ab"),
        ("\ud800half", "half"),
        (None, ""),
    ],
    ids=range(8),
)
def test_what_cannot_be_seen_is_shown_or_left_out(text: str | None, shown: str) -> None:
    assert visible(text) == shown
