"""Tweets, Benzinga's and FNSPID's headlines: what the form implies, and its traps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from format_files import blocks, broken, gzipped, lines, notes, rows, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalyst.data.formats import chunks, open_file

_AT = "Mon Jun 09 13:30:00 +0000 2014"


def _tweet(text: str = "buy $AAPL", **more: object) -> dict[str, object]:
    return {
        "created_at": _AT,
        "id": 475985145267503104,
        "id_str": "475985145267503104",
        "text": text,
        "user": {"screen_name": "somebody"},
        **more,
    }


def _line(text: str = "buy $AAPL", **more: object) -> str:
    return json.dumps(_tweet(text, **more))


def test_a_tweet_becomes_a_row_and_its_line_is_kept_as_it_stands(tmp_path: Path) -> None:
    line = '{"created_at" : "%s","id":475985145267503104,"text":"a\\u00e9 \\n&amp; b\\u2026"}' % _AT  # noqa: UP031
    path = written(tmp_path / "AAPL" / "2014-06-10", f"{line}\r\n")

    [found] = blocks(path, "news")

    assert found.frame.to_dicts() == [
        {
            "headline": "aé \n&amp; b…",
            "published_at": _AT,
            "id": "475985145267503104",
            "source": None,
            "is_retweet": False,
            "retweet_of_id": None,
            "retweet_of_source": None,
        }
    ]
    assert found.texts(np.array([0])) == [line]


def test_the_folder_is_the_providers_link_and_the_day_of_the_name_is_not_used(
    tmp_path: Path,
) -> None:
    linked = open_file(written(tmp_path / "BRK-A" / "2014-06-10", _line()), table="news")
    loose = open_file(written(tmp_path / "tweets" / "2014-06-10", _line()), table="news")
    named = open_file(written(tmp_path / "AAPL" / "all.jsonl", _line()), table="news")

    assert linked.preset["symbol"] == "BRK.A"
    assert "symbol" not in loose.preset
    assert "symbol" not in named.preset
    assert (linked.preset["tz"], linked.preset["midnight"]) == ("UTC", "time")
    assert linked.preset["provider"] == "twitter"


def test_a_retweet_names_the_original_and_keeps_its_cut_text(tmp_path: Path) -> None:
    original = {"id_str": "9007199254740993", "user": {"screen_name": "other"}, "text": "whole"}
    path = written(tmp_path / "x.jsonl", _line("RT @other: who…", retweeted_status=original))

    [row] = rows(path, "news")

    assert row["headline"] == "RT @other: who…"
    assert (row["is_retweet"], row["retweet_of_id"], row["retweet_of_source"]) == (
        True,
        "9007199254740993",
        "other",
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "cut…"),
        ({"full_text": "full"}, "full"),
        ({"full_text": "full", "extended_tweet": {"full_text": "longest"}}, "longest"),
        ({"full_text": None, "extended_tweet": "?"}, "cut…"),
    ],
)
def test_the_longest_text_of_the_tweet_itself_wins(
    tmp_path: Path, more: dict[str, object], expected: str
) -> None:
    path = written(tmp_path / "x.jsonl", _line("cut…", **more))

    assert [row["headline"] for row in rows(path, "news")] == [expected]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("no json", "json"),
        ('{"created_at":', "json"),
        ("[" * 100_000, "json"),
        ('{"a":' * 100_000, "json"),
        (_line().replace('"text"', '"x": NaN, "text"'), "json"),
        (_line().replace("475985145267503104", "9" * 5_000), "json"),
        ('{"created_at": "x", "text": "a\x01b", "id": 1}', "json"),
        ("[1, 2]", "shape"),
        ('"text"', "shape"),
        ("null", "shape"),
        ('{"limit": {"track": 5}}', "shape"),
        (json.dumps(_tweet() | {"text": None}), "shape"),
        (json.dumps(_tweet() | {"created_at": 5}), "shape"),
        (json.dumps(_tweet() | {"id": 4.75e17, "id_str": None}), "shape"),
        (json.dumps(_tweet() | {"id": True, "id_str": "x"}), "shape"),
        (json.dumps(_tweet() | {"id": 10**30, "id_str": None}), "shape"),
    ],
)
def test_a_line_that_is_no_tweet_is_a_broken_row_with_its_rule(
    tmp_path: Path, line: str, rule: str
) -> None:
    path = written(tmp_path / "x.jsonl", f"{_line()}\n\n{line}\n{_line('last')}")

    assert broken(path, "news") == [(3, rule, line)]
    assert lines(path, "news") == [1, 4]


def test_of_two_values_of_one_name_the_last_counts(tmp_path: Path) -> None:
    line = _line().replace('"text": "buy $AAPL"', '"text": "first", "text": "last"')

    assert [r["headline"] for r in rows(written(tmp_path / "x.jsonl", line), "news")] == ["last"]


def test_half_a_character_is_shown_as_such_and_kept_in_the_line(tmp_path: Path) -> None:
    line = _line("pair \ud83d\ude80 half \ud83d!")
    path = written(tmp_path / "x.jsonl", line)

    [found] = blocks(path, "news")

    assert found.frame["headline"].to_list() == ["pair 🚀 half \ufffd!"]
    assert found.texts(np.array([0])) == [line]
    assert "twitter-jsonl: 1 text with half a character, which is shown as \ufffd" in found.notes


def test_a_file_of_tweets_is_known_by_what_it_holds(tmp_path: Path) -> None:
    names = ["2014-06-09", "x.jsonl", "x.txt", "x.dat"]

    found = [open_file(written(tmp_path / name, _line()), table="news").format for name in names]
    packed = open_file(gzipped(tmp_path / "x.jsonl.gz", _line().encode()), table="news")

    assert found == ["twitter-jsonl"] * 4
    assert packed.format == "twitter-jsonl"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=8), piece=st.integers(1, 99))
def test_tweets_are_the_same_wherever_a_block_is_cut(
    tmp_path: Path, texts: list[str], piece: int
) -> None:
    path = written(tmp_path / "x.jsonl", "\n".join(map(_line, texts)))
    opened = open_file(path, table="news", format_="twitter-jsonl")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks.utf8_pieces, "__defaults__", (piece,))
        found = [text for one in opened.blocks() for text in one.frame["headline"]]

    assert found == texts


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(
    more=st.dictionaries(
        st.sampled_from(["text", "full_text", "extended_tweet", "id", "user", "created_at"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_no_shape_of_json_is_more_than_a_broken_row(
    tmp_path: Path, more: dict[str, object]
) -> None:
    path = written(tmp_path / "x.jsonl", json.dumps(_tweet() | more))

    [found] = blocks(path, "news", "twitter-jsonl")

    assert len(found) == 1


_PROCESSED = ",title,date,stock\n"
_RAW = ",headline,url,publisher,date,stock\n"
_AT_OFFSET = "2011-07-20 06:43:00-04:00"


def test_both_layouts_of_benzinga_name_source_author_and_link(tmp_path: Path) -> None:
    processed = written(tmp_path / "p.csv", _PROCESSED + f"0,Up,{_AT_OFFSET},AAN\n")
    raw = written(tmp_path / "r.csv", _RAW + f"0,0,Up,https://x.com/a,Jane Roe,{_AT_OFFSET},AAN\n")

    first, second = (open_file(path, table="news").preset for path in (processed, raw))

    assert first["mapping"] == {"headline": "title", "published_at": "date", "symbol": "stock"}
    assert second["mapping"] == {
        "headline": "headline",
        "published_at": "date",
        "symbol": "stock",
        "author": "publisher",
        "url": "url",
    }
    assert {first["source"], second["source"]} == {"Benzinga"}
    assert [row["publisher"] for row in rows(raw, "news")] == ["Jane Roe"]


def test_a_record_broken_over_two_lines_is_put_together_and_counted(tmp_path: Path) -> None:
    path = written(
        tmp_path / "p.csv",
        _PROCESSED + f"0,Up,{_AT_OFFSET},AAN\n1,Color on Aaron's\n,{_AT_OFFSET},AAN\n"
        f'2,"Down, and",{_AT_OFFSET},AAN\n',
    )

    assert [row["title"] for row in rows(path, "news")] == ["Up", "Color on Aaron's", "Down, and"]
    assert lines(path, "news") == [2, 3, 5]
    assert broken(path, "news") == []
    assert "benzinga-csv: 1 record broken over two lines put together" in notes(path, "news")


@pytest.mark.parametrize(
    "second",
    [
        f"2,{_AT_OFFSET},AAN",
        ",someday,AAN",
        f",{_AT_OFFSET},not a ticker",
        f"more,text,{_AT_OFFSET},AAN",
        f",{_AT_OFFSET}",
    ],
)
def test_two_lines_that_may_be_more_than_one_record_stay_broken(
    tmp_path: Path, second: str
) -> None:
    path = written(tmp_path / "p.csv", f"{_PROCESSED}1,Color on\n{second}\n2,a,{_AT_OFFSET},B\n")

    found = broken(path, "news")

    assert found[0] == (2, "columns", "1,Color on")
    assert not any("put together" in note for note in notes(path, "news"))


def test_lines_that_do_not_follow_each_other_are_not_put_together(tmp_path: Path) -> None:
    path = written(tmp_path / "p.csv", f"{_PROCESSED}1,Color on\n\n,{_AT_OFFSET},AAN\n")

    assert [line for line, _, _ in broken(path, "news")] == [2, 4]


@pytest.mark.parametrize("piece", range(20, 130, 3))
def test_a_broken_record_is_put_together_wherever_a_block_is_cut(
    tmp_path: Path, piece: int
) -> None:
    text = _PROCESSED + f"0,Up,{_AT_OFFSET},AAN\n1,Color on\n,{_AT_OFFSET},AAN\n2,x\n3,y\n"
    opened = open_file(written(tmp_path / "p.csv", text), table="news")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks.utf8_pieces, "__defaults__", (piece,))
        found = list(opened.blocks())

    assert [title for one in found for title in one.frame["title"]] == ["Up", "Color on"]
    assert [line for one in found for line, _, _ in one.broken] == [5, 6]
    assert found[-1].notes == ("benzinga-csv: 1 record broken over two lines put together",)


_LIST = "\ufeffDate,Headline,URL\r\n"


def test_a_list_of_fnspid_has_its_symbol_in_its_name_and_its_source_in_the_address(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path / "headlines_brk-b.csv",
        _LIST + '"JAN 25, 2024",Up,https://www.Nasdaq.com/articles/up\r\n'
        "14 HOURS AGO,Down,http://news.site.org:80/x\r\n1 DAY AGO,Flat,none\r\n",
    )

    opened = open_file(path, table="news")

    assert (opened.format, opened.preset["symbol"]) == ("fnspid-csv", "BRK.B")
    assert [row["source"] for row in rows(path, "news")] == ["nasdaq.com", "news.site.org", None]
    assert [row["Date"] for row in rows(path, "news")] == [
        "JAN 25, 2024",
        "14 HOURS AGO",
        "1 DAY AGO",
    ]


@pytest.mark.parametrize(
    ("name", "symbol"), [("AAPL.csv", "AAPL"), ("news.csv", None), ("headlines_nan.csv", "NAN")]
)
def test_a_name_in_lower_case_is_no_ticker_unless_it_says_headlines(
    tmp_path: Path, name: str, symbol: str | None
) -> None:
    opened = open_file(written(tmp_path / name, _LIST), table="news")

    assert opened.preset.get("symbol") == symbol


def test_the_wide_table_of_fnspid_is_read_without_its_articles(tmp_path: Path) -> None:
    path = written(
        tmp_path / "nasdaq_exteral_data.csv",
        ",Date,Article_title,Stock_symbol,Url,Publisher,Author,Article,Lsa_summary\n"
        '0.0,2023-12-16 23:00:00 UTC,Up,AA,https://www.nasdaq.com/x,,,"long\ntext",short\n'
        "1.0,2023-12-12 00:00:00 UTC,Down,,https://www.nasdaq.com/y,A Paper,Jane Roe,,\n",
    )

    opened = open_file(path, table="news")
    found = rows(path, "news")

    assert opened.format == "fnspid-csv"
    assert opened.preset["mapping"] == {
        "published_at": "Date",
        "source": "source",
        "headline": "Article_title",
        "symbol": "Stock_symbol",
        "url": "Url",
    }
    assert [row["source"] for row in found] == ["nasdaq.com", "A Paper"]
    assert not {"Article", "Lsa_summary"} & set(found[0])
    assert "fnspid-csv: the texts of the articles are not stored" in notes(path, "news")
