"""Hostile text: whatever a headline, a name or a line says is text, counted and kept."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalyst.data.bar_intake import BarOptions
from catalyst.data.formats import open_file
from catalyst.data.imports import import_bars, import_news
from catalyst.data.lake import Lake
from catalyst.data.messages import listed, shown
from catalyst.data.news_intake import NewsOptions
from catalyst.data.news_search import search_news
from catalyst.data.quarantine import read_quarantine
from catalyst.data.reports import ImportReport
from catalyst.data.visible import visible
from catalyst.errors import CatalystError

# Examples share their folder's fixture: each makes a lake of its own in it.
_FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Letters that mean something to a parser, a terminal, a shell, a table or our own patterns.
_TRICKS = (
    "\x1b[31m", "\x9b2J", "\x00", "\x0b", "\x85", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff",
    "\U000e0041", "\ud800", "&#27;", "&amp;amp;", "&#x1b", "[red]", "[/]", "{{7*7}}", "${x}", "%s",
    "<script>", "'; DROP TABLE news; --", "=1+1", "$AAPL", "$", "(A, B)", "NYSE: A", "RT @a: ", "…",
    "http://", '"', "\r", "\n", "\t", ",", "\\", "é", "😀", "ﷺ", "ẞ", "1,000.5%", "not ",
)  # fmt: skip
hostile = st.lists(
    st.one_of(st.sampled_from(_TRICKS), st.text(st.characters(codec=None), max_size=12)),
    max_size=25,
).map("".join)


def _fresh(tmp_path: Path) -> Path:
    return tmp_path / f"lake-{len(list(tmp_path.iterdir()))}"


def _adds_up(report: ImportReport, root: Path) -> bool:
    kept = report.given - report.imported - report.duplicates
    return kept == report.quarantined == read_quarantine(root).height


@_FEW
@given(st.lists(st.tuples(hostile, hostile, hostile, hostile), min_size=1, max_size=6))
def test_tweets_that_say_anything_are_stored_or_kept_to_the_letter(
    tmp_path: Path, texts: list[tuple[str, str, str, str]]
) -> None:
    lines = [
        json.dumps(
            {
                "created_at": "Mon Jun 09 13:30:00 +0000 2014",
                "id_str": name,
                "text": text,
                "user": {"screen_name": user},
                "entities": {"symbols": [{"text": symbol}]},
            }
        )
        for name, text, user, symbol in texts
    ]
    root = _fresh(tmp_path)
    path = tmp_path / "tweets.jsonl"
    path.write_text("\n".join(lines), "utf-8")

    report = import_news(root, [open_file(path, table="news")], NewsOptions())

    assert report.given == len(texts)
    assert _adds_up(report, root)
    # What is no tweet is kept as a JSON text, a tweet as its own line.
    held = read_quarantine(root)["row"].to_list()
    assert {json.loads(row) if row.startswith('"') else row for row in held} <= set(lines)


@_FEW
@given(st.lists(st.tuples(hostile, hostile, hostile, hostile, hostile), min_size=1, max_size=6))
def test_news_of_a_frame_is_stored_as_it_was_given_or_kept(
    tmp_path: Path, texts: list[tuple[str, str, str, str, str]]
) -> None:
    names = ("headline", "source", "author", "url", "provider")
    # polars has no half of a pair; those come by files.
    sound = [[text.encode("utf-8", "replace").decode() for text in row] for row in texts]
    frame = pl.DataFrame(sound, schema=dict.fromkeys(names, pl.String), orient="row")
    lake = Lake(_fresh(tmp_path), create=True)

    report = lake.add_news(frame.with_columns(time=pl.lit("2014-06-09 09:30"), symbol=pl.lit("A")))

    assert report.given == len(texts)
    assert _adds_up(report, lake.root)
    assert set(lake.news()["headline"]) <= {row[0] for row in sound} | {
        row[0].strip() for row in sound
    }


@_FEW
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"\n", b",", b'"', b"\r", b"\0", b"\xff", b"\x1b[31m", b"\n" * 3]),
            st.just(b"\nAAPL,2014-06-09 09:30,10,11,9,10.5,100"),
        ),
        max_size=12,
    ),
    st.sampled_from(["bars", "news"]),
)
def test_bytes_behind_a_header_are_rows_or_one_sentence(
    tmp_path: Path, parts: list[bytes], table: str
) -> None:
    root = _fresh(tmp_path)
    path = tmp_path / "x.csv"
    header = b"symbol,time,open,high,low,close,volume"
    path.write_bytes((header if table == "bars" else b"symbol,time,headline") + b"".join(parts))

    try:
        if table == "bars":
            bars = [open_file(path, table="bars", format_="csv")]
            report = import_bars(root, bars, BarOptions(timeframe="1m"))
        else:
            news = [open_file(path, table="news", format_="csv")]
            report = import_news(root, news, NewsOptions())
    except CatalystError:
        assert not root.exists()
        return

    assert _adds_up(report, root)


@_FEW
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | hostile,
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(
                            ["text", "created_at", "user", "entities", "id", "symbols"]
                        ),
                        inner,
                        max_size=4,
                    )
                ),
                max_leaves=8,
            ).map(lambda value: json.dumps(value).encode()),
        ).filter(bytes.strip),
        min_size=1,
        max_size=8,
    )
)
def test_lines_that_may_be_json_are_rows_or_one_sentence(
    tmp_path: Path, lines: list[bytes]
) -> None:
    root = _fresh(tmp_path)
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(lines))

    try:
        opened = open_file(path, table="news", format_="twitter-jsonl")
        report = import_news(root, [opened], NewsOptions())
    except CatalystError:
        assert not root.exists()
        return

    assert _adds_up(report, root)


@given(hostile)
def test_what_is_shown_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    for line in (shown(text), listed([text, text]), visible(text)):
        assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(sign) for sign in line}
        line.encode()


@pytest.mark.parametrize(
    "text",
    [
        "$" * 9_000, "$A " * 3_000, "(" * 9_000, "(A," * 3_000, "A: " + "A," * 4_000, "…" * 9_000,
        "RT @a: " * 1_400, "http://" * 1_400, "&" + "amp;" * 2_400, "&#" * 4_900, "a'" * 4_900,
        "1" + ",000" * 2_400, "NYSE: " * 1_600, "up " * 3_300, "Apple " * 1_600, "ﷺ" * 500,
        "9" * 9_999, "a\u0301" * 4_900, "\U0001f130" * 4_900, "not " * 2_400, "1.5 billion " * 800,
    ],
    ids=lambda text: ascii(text[:10]),
)  # fmt: skip
def test_a_headline_made_to_be_slow_is_one_more_headline(tmp_path: Path, text: str) -> None:
    lake = Lake(tmp_path, create=True)
    frame = pl.DataFrame({"headline": [text], "time": ["2014-06-09 09:30"], "symbol": ["A"]})

    report = lake.add_news(frame)

    assert report.imported + report.quarantined == 1


def test_a_headline_of_a_megabyte_is_kept_whole_under_its_rule(tmp_path: Path) -> None:
    lake = Lake(tmp_path, create=True)
    text = "x\x1b[31m" * 200_000

    lake.add_news(pl.DataFrame({"headline": [text], "time": ["2014-06-09 09:30"], "symbol": ["A"]}))

    held = lake.quarantine()
    assert held["rule"].to_list() == ["length"]
    assert json.loads(held["row"][0])["headline"] == text


def test_ten_thousand_copies_in_a_minute_are_one_story_of_one_source(tmp_path: Path) -> None:
    lake = Lake(tmp_path, create=True)
    rows = 10_000
    frame = pl.DataFrame(
        {
            "headline": ["Borea Mining is bought"] * rows,
            "time": [f"2014-06-09 09:30:{at * 60 // rows:02}.{at % 1000:03}" for at in range(rows)],
            "symbol": ["BOR"] * rows,
            "source": ["bot"] * rows,
        }
    )

    report = lake.add_news(frame)

    assert report.imported + report.duplicates == rows
    stories = lake.news().select(pl.col("cluster_id").n_unique(), pl.col("coordination").max())
    assert stories.row(0) == (1, 0.0)


@pytest.mark.parametrize("query", ["*", ".*", "'; DROP TABLE news; --", "[red]", "(", '"', "\\d"])
def test_a_query_executes_nothing(tmp_path: Path, query: str) -> None:
    lake = Lake(tmp_path, create=True)
    lake.add_news(
        pl.DataFrame({"headline": ["It rises"], "time": ["2014-06-09 09:30"], "symbol": ["A"]})
    )

    before = lake.digests()

    found = search_news(lake, query)

    assert found.height in {0, 1}
    assert lake.digests() == before
