"""Yahoo's and LEAN's files: what the form implies, and its traps."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from format_files import blocks, broken, lines, notes, rows, written, zipped

from catalyst.data.formats import files_in, open_file
from catalyst.errors import ImportFileError

_YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n"
_DAY = "2014-06-09,92.7,93.88,91.75,93.7,87.1,75415000\n"
_MINUTE = (
    "34200000,6448000,6450000,6440001,6448000,90\n34260000,6448000,6448000,6448000,6448000,1\n"
)
_DAILY = "20140606 00:00,6499000,6516500,6445000,6455700,87484600\n"
_HOUR = "20140606 09:00,6499000,6516500,6445000,6455700,87484600\n"
_FACTORS = "19980102,0.8,0.0357143,1\n20140606,0.9,0.0357143,645.57\n20501231,1,1,0\n"
_MAP = "19980102,nb,N\n19980930,nb,N\n20501231,bac,N\n"
_COARSE = "NAN ABC1,NAN,12.02,21289386,255898419,False,1,1\nI DEF2,INF,1,2,3,True,1,1\n"


def _preset(path: Path, table: str = "bars", format_: str | None = None) -> dict[str, object]:
    return dict(open_file(path, table=table, format_=format_).preset)


def _refused(path: Path, table: str = "bars", format_: str | None = None) -> str:
    with pytest.raises(ImportFileError) as found:
        blocks(path, table, format_)
    return str(found.value)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("AAPL.csv", "AAPL"),
        ("brk-b.csv", "BRK.B"),
        ("BRK.B.csv", "BRK.B"),
        ("^GSPC (1).csv", "^GSPC"),
        ("NAN.csv", "NAN"),
        ("some history.csv", None),
    ],
)
def test_yahoos_file_implies_days_split_adjustment_and_its_name_as_symbol(
    tmp_path: Path, name: str, symbol: str | None
) -> None:
    path = written(tmp_path / name, _YAHOO + _DAY)
    preset = _preset(path)
    mapping = preset.pop("mapping")

    assert mapping == {
        "ts": "Date",
        "open": "Open",
        "high": "High",
        "low": "Low",
        "close": "Close",
        "volume": "Volume",
    }
    assert preset == {
        "timeframe": "1d",
        "tz": "America/New_York",
        "adjustment": "split",
        "source": "yahoo",
    } | ({} if symbol is None else {"symbol": symbol})
    assert notes(path)[0] == "format guessed: yahoo-csv"
    assert any("Adj Close is not used" in note for note in notes(path))
    assert any("that the file's name gives" in note for note in notes(path)) == (symbol is not None)


def test_yahoos_word_null_is_kept_as_it_stands(tmp_path: Path) -> None:
    path = written(tmp_path / "X.csv", _YAHOO + "2016-06-29,null,null,null,null,null,null\n")

    [found] = blocks(path)

    assert json.loads(found.texts(np.array([0]))[0])["Open"] == "null"


def test_what_the_user_names_is_stronger_than_what_the_file_looks_like(tmp_path: Path) -> None:
    path = written(tmp_path / "X.csv", _YAHOO + _DAY)

    opened = open_file(path, table="bars", format_="csv")

    assert (opened.format, dict(opened.preset), opened.notes) == ("csv", {}, ())


def test_lean_minutes_are_new_york_wall_clock_at_a_ten_thousandth_of_a_dollar(
    tmp_path: Path,
) -> None:
    path = zipped(
        tmp_path / "minute/aapl/20140605_trade.zip", {"20140605_aapl_minute_trade.csv": _MINUTE}
    )
    preset = _preset(path)
    first = rows(path)[0]

    assert {name: preset[name] for name in preset if name != "mapping"} == {
        "tz": "America/New_York",
        "source": "lean",
        "symbol": "AAPL",
        "timeframe": "1m",
        "stamp": "start",
        "adjustment": "raw",
    }
    assert first == {
        "ts": dt.datetime(2014, 6, 5, 9, 30),  # noqa: DTZ001 - wall clock of the preset's zone
        "open": 644.8,
        "high": 645.0,
        "low": 644.0001,
        "close": 644.8,
        "volume": "90",
    }
    assert lines(path) == [1, 2]
    [found] = blocks(path)
    assert json.loads(found.texts(np.array([0]))[0]) == {
        "day": "2014-06-05",
        "time": "34200000",
        "open": "6448000",
        "high": "6450000",
        "low": "6440001",
        "close": "6448000",
        "volume": "90",
    }


def test_every_price_of_four_decimals_comes_out_as_the_decimal(tmp_path: Path) -> None:
    wanted = [f"{number // 10_000}.{number % 10_000:04}" for number in range(1, 2_000_000, 37)]
    text = "".join(f"34200000,{one.replace('.', '').lstrip('0')},1,1,1,1\n" for one in wanted)
    path = zipped(tmp_path / "20140605_trade.zip", {"20140605_aapl_minute_trade.csv": text})

    [found] = blocks(path)

    assert found.frame["open"].to_list() == [float(one) for one in wanted]


@pytest.mark.parametrize(
    ("path", "member", "text", "told"),
    [
        ("daily/uw.zip", "uw.csv", _DAILY, ("UW", "1d")),
        ("hour/tap.a.zip", "tap.a.csv", _HOUR, ("TAP.A", "1h")),
        ("moved/uw.zip", "uw.csv", _DAILY, ("UW", "1d")),
        ("moved/uw.zip", "uw.csv", _HOUR, ("UW", "1h")),
        ("moved/any.zip", "20140605_brk.b_minute_trade.csv", _MINUTE, ("BRK.B", "1m")),
        ("equity/usa/minute/nan/20140605_trade.zip", "rows.csv", _MINUTE, ("NAN", "1m")),
    ],
)
def test_lean_bars_are_known_by_folders_or_by_what_is_left_of_their_names(
    tmp_path: Path, path: str, member: str, text: str, told: tuple[str, str]
) -> None:
    preset = _preset(zipped(tmp_path / path, {member: text}))

    assert (preset["symbol"], preset["timeframe"]) == told


def test_a_timeframe_guessed_from_the_first_time_is_said(tmp_path: Path) -> None:
    path = zipped(tmp_path / "uw.zip", {"uw.csv": _HOUR})

    assert "lean: timeframe guessed from the first time, 09:00: 1h" in notes(path)


def test_unpacked_lean_files_are_read_as_well(tmp_path: Path) -> None:
    path = written(tmp_path / "20140605_aapl_minute_trade.csv", _MINUTE)

    assert [row["open"] for row in rows(path)] == [644.8, 644.8]


@pytest.mark.parametrize(
    ("path", "member", "kind"),
    [
        ("minute/aapl/20140605_quote.zip", "20140605_aapl_minute_quote.csv", "quotes"),
        ("second/bac/20131007_trade.zip", "20131007_bac_second_trade.csv", "second bars"),
        ("tick/ibm/20131007_trade.zip", "20131007_ibm_Trade_Tick.csv", "ticks"),
        ("tick/ibm/20131007_quote.zip", "20131007_ibm_tick_quote.csv", "quotes"),
        ("crypto/gdax/daily/btcusd.zip", "btcusd.csv", "prices of another asset class"),
        ("forex/oanda/hour/eurusd.zip", "eurusd.csv", "prices of another asset class"),
    ],
)
def test_what_is_not_read_of_lean_is_one_sentence_if_named_and_a_note_in_a_folder(
    tmp_path: Path, path: str, member: str, kind: str
) -> None:
    file = zipped(tmp_path / path, {member: _MINUTE})
    zipped(tmp_path / "daily/uw.zip", {"uw.csv": _DAILY})

    found = files_in([tmp_path], table="bars")

    assert f"holds LEAN {kind}, which are not read" in _refused(file)
    assert f"holds LEAN {kind}, which are not read" in _refused(file, format_="lean")
    assert [one.name for one in found.files] == ["uw.zip"]
    assert [note.startswith(f"skipped: LEAN {kind}: ") for note in found.notes] == [True]


def test_a_lean_file_that_contradicts_its_folder_is_one_sentence(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "minute/bac/20140605_trade.zip", {"20140605_aapl_minute_trade.csv": _MINUTE}
    )

    assert "holds '20140605 aapl minute trade' inside and says '20140605 bac minute trade'" in (
        _refused(path)
    )


def test_a_lean_file_whose_name_tells_too_little_says_what_is_expected(tmp_path: Path) -> None:
    path = zipped(tmp_path / "trade.zip", {"rows.csv": _MINUTE})

    assert "expected minute/aapl/20140605_trade.zip, daily/aapl.zip or" in _refused(
        path, format_="lean"
    )


def test_lean_rows_that_are_no_bars_are_kept_for_the_rules_as_they_stand(tmp_path: Path) -> None:
    text = (
        "34200000,abc,6450000,6440000,6448000,90\n"
        "noon,6448000,6450000,6440000,6448000,90\n"
        "99999999999,6448000,6450000,6440000,6448000,90\n"
        "34200000,-6448000,99999999999999999999,,6448000,90\n"
        "34200000,6448000\n"
    )
    path = zipped(tmp_path / "20140605_trade.zip", {"20140605_aapl_minute_trade.csv": text})

    found = rows(path)

    assert [row["ts"] is None for row in found] == [False, True, True, False]
    assert [row["open"] for row in found] == ["abc", "644.8", "644.8", "-644.8"]
    assert (found[3]["high"], found[3]["low"]) == ("99999999999999999999", "")
    assert broken(path) == [(5, "columns", "34200000,6448000")]
    [block] = blocks(path)
    kept = [list(json.loads(text).values())[1:] for text in block.texts(np.arange(4))]
    assert [",".join(values) for values in kept] == text.splitlines()[:4]


def test_factor_files_become_rows_of_factors_with_the_symbol_of_their_name(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "factor_files/brk.b.csv", _FACTORS)

    [block] = blocks(path, "actions")

    assert block.frame.columns == [
        "date",
        "price_factor",
        "split_factor",
        "reference_price",
        "symbol",
    ]
    assert block.frame["symbol"].unique().to_list() == ["BRK.B"]
    assert notes(path, "actions") == ["format guessed: lean"]


def test_a_map_file_gives_a_rename_on_the_session_after_a_tickers_last_day(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "moved/bac.csv", _MAP)

    assert rows(path, "actions") == [
        {"symbol": "NB", "ex_date": "1998-10-01", "kind": "rename", "new_symbol": "BAC"}
    ]
    assert lines(path, "actions") == [2]
    assert broken(path, "actions") == [
        (1, "no_action", "19980102,nb,N"),
        (3, "no_action", "20501231,bac,N"),
    ]


def test_a_row_of_a_map_file_that_is_none_is_kept_with_its_rule(tmp_path: Path) -> None:
    text = "19990929,fb\n2003-03-28,fb\n20030331,?\n20030401,fb,Q,x\n20501231,meta,Q\n"
    path = written(tmp_path / "map_files/fb.csv", text)

    assert broken(path, "actions") == [
        (2, "stamp", "2003-03-28,fb"),
        (3, "symbol", "20030331,?"),
        (4, "columns", "20030401,fb,Q,x"),
        (5, "no_action", "20501231,meta,Q"),
    ]
    assert [row["new_symbol"] for row in rows(path, "actions")] == ["META"]


def test_a_coarse_snapshot_has_the_day_of_its_name_and_tickers_that_look_like_values(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "fundamental/coarse/20140325.csv", _COARSE)

    found = rows(path, "universe")

    assert [(row["symbol"], row["date"]) for row in found] == [
        ("NAN", dt.date(2014, 3, 25)),
        ("INF", dt.date(2014, 3, 25)),
    ]


def test_a_coarse_snapshot_under_another_name_is_told_what_to_be_called(tmp_path: Path) -> None:
    path = written(tmp_path / "snapshot.csv", _COARSE)

    with pytest.raises(ImportFileError, match=r"name it after its day, as 20140325\.csv"):
        rows(path, "universe")


@pytest.mark.parametrize(
    ("path", "text", "table"),
    [
        ("factor_files/aapl.csv", _FACTORS, "actions"),
        ("map_files/aapl.csv", _MAP, "actions"),
        ("coarse/20140325.csv", _COARSE, "universe"),
    ],
)
def test_a_lean_file_for_another_table_names_the_command(
    tmp_path: Path, path: str, text: str, table: str
) -> None:
    file = written(tmp_path / path, text)

    assert f"import it with 'catalyst data import {table}'" in _refused(file)


def test_nested_binary_and_odd_columns_of_parquet_are_text_for_the_rules(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    path = tmp_path / "x.parquet"
    table = pa.table(
        {
            "open": pa.array([{"a": 1, "b": [float("nan")]}, None]),
            "headline": pa.array([b"caf\xc3\xa9", b"\xff\xfe"], pa.binary()),
            "symbols": pa.array([["AAPL", "NAN"], []]),
            "sizes": pa.array([[1, 2], None]),
            "ts": pa.array([0, 10**9], pa.timestamp("ns", "+05:30")),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    pq.write_table(table, path)

    found = rows(path, "news")

    assert [row["open"] for row in found] == ['{"a":1,"b":["NaN"]}', None]
    assert [row["headline"] for row in found] == ["café", "fffe"]
    assert [row["symbols"] for row in found] == [["AAPL", "NAN"], []]
    assert [row["symbols"] for row in rows(path, "bars")] == ['["AAPL","NAN"]', "[]"]
    assert [row["sizes"] for row in found] == ["[1,2]", None]
    assert [row["kind"] for row in found] == ["x", "y"]
    assert [row["ts"].timestamp() for row in found] == [0, 1]
    assert "nested columns are kept as JSON text: open, sizes" in notes(path, "news")


def test_texts_that_parquet_stores_once_do_not_expand_at_once(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    path = tmp_path / "x.parquet"
    codes = pa.array([0] * 300, pa.int32())
    table = pa.table({"headline": pa.DictionaryArray.from_arrays(codes, pa.array(["y" * 2**20]))})
    pq.write_table(table, path, dictionary_pagesize_limit=2**24)

    sizes = [(one.frame.height, one.frame.estimated_size()) for one in blocks(path, "news")]

    assert sum(height for height, _ in sizes) == 300
    assert max(size for _, size in sizes) < 17 * 2**20


def test_a_large_row_group_of_parquet_comes_in_blocks_with_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame = pl.DataFrame({"a": range(500_000), "b": [f"text {n}" for n in range(500_000)]})
    frame.write_parquet(path, row_group_size=500_000)

    found = blocks(path)

    assert len(found) > 3
    assert pl.concat([one.frame for one in found]).equals(frame)
    assert lines(path) == list(range(1, 500_001))


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_parquet_file_that_ends_early_or_is_damaged_is_one_sentence(
    tmp_path: Path, share: float
) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": range(50_000), "b": ["x" * (n % 90) for n in range(50_000)]}).write_parquet(
        path
    )
    whole = path.read_bytes()
    place = int(len(whole) * share)
    damaged = written(tmp_path / "d.parquet", whole[: place - 40] + whole[place:])
    cut = written(tmp_path / "c.parquet", whole[:place])

    assert "can't be read as Parquet" in _refused(damaged)
    assert "can't be read as Parquet" in _refused(cut)


def test_a_parquet_row_too_long_is_kept_by_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"headline": ["a", "y" * 9_000_000, "b"]}).write_parquet(path)

    assert [row["headline"] for row in rows(path, "news")] == ["a", "b"]
    [(line, rule, kept)] = broken(path, "news")
    assert (line, rule, sorted(kept)) == (2, "columns", ["begins", "bytes", "sha256"])
    assert lines(path, "news") == [1, 3]
