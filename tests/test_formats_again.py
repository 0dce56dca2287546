"""Rows kept in quarantine can be read again as they were, without their file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from format_files import written, zipped

from catalyst.data.formats import open_file, opened_again
from catalyst.data.given import Given

_TWEET = '{"created_at":"Mon Jun 09 13:30:00 +0000 2014","id_str":"9007199254740993","text":"a"}'


def _kept(given: Given) -> list[tuple[int, str, str]]:
    every = np.arange(given.frame.height)
    texts = zip(given.lines(every).tolist(), given.texts(every), strict=True)
    return [*((line, "stamp", text) for line, text in texts), *given.broken]


@pytest.mark.parametrize(
    ("path", "text", "table"),
    [
        ("x.csv", "symbol,time\nNAN,2014-06-09\nonly\n,x\n", "bars"),
        ("AAPL/2014-06-09", f"{_TWEET}\nno json\n[1]\n", "news"),
        ("headlines_a.csv", "Date,Headline,URL\n1 DAY AGO,Up,https://x.com/y\na,b\n", "news"),
        ("factor_files/a.csv", "19980102,0.8,0.03,1\n1\n", "actions"),
        ("daily/uw.csv", "19980102 00:00,387500,390000,380000,387500,1\nno,1,x,3,4,5\n1\n", "bars"),
        (
            "20140605_aapl_minute_trade.csv",
            "34200000,387500,390000,380000,387500,1\nno,1,x,3,4,5\n1\n",
            "bars",
        ),
    ],
)
def test_a_row_read_again_is_the_row_that_was_read(
    tmp_path: Path, path: str, text: str, table: str
) -> None:
    opened = open_file(written(tmp_path / path, text), table=table)
    [first] = opened.blocks()
    options = {"format": opened.format, "raw": first.raw is not None, **opened.preset}

    again = opened_again(_kept(first), file=opened.file, options=options)
    [second] = again.blocks()

    assert second.frame.equals(first.frame)
    assert (second.file, second.broken) == (first.file, first.broken)
    assert second.lines(np.arange(len(second.frame))).tolist() == (
        first.lines(np.arange(len(first.frame))).tolist()
    )
    assert _kept(second) == _kept(first)
    assert dict(again.preset) == dict(opened.preset)


def test_a_typed_row_read_again_has_the_same_values(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame = pl.DataFrame(
        {"a": [1, None], "b": [0.5, 2.0], "c": [True, False], "d": [["x", "y"], []], "e": ["1", ""]}
    )
    frame.write_parquet(path)
    [first] = open_file(path, table="news").blocks()

    [second] = opened_again(_kept(first), file="x", options={"format": "parquet"}).blocks()

    assert second.frame.equals(frame)


def test_what_is_left_of_a_row_too_long_stays_what_it_is() -> None:
    text = json.dumps({"begins": "a", "bytes": 9, "sha256": "0"})

    [found] = opened_again([(3, "columns", text)], file="x", options={"format": "csv"}).blocks()

    assert found.broken == [(3, "columns", text)]


def test_rows_come_back_in_the_order_of_their_lines(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"x.csv": "a,b\n1,2\n3,4\n"})
    [first] = open_file(path, table="bars").blocks()

    [second] = opened_again(_kept(first)[::-1], file="x", options={"format": "csv"}).blocks()

    assert second.frame.equals(first.frame)
