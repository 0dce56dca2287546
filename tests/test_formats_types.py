"""Columns of any type: rows, rows in quarantine, or one sentence; from Parquet and from memory."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from format_files import blocks
from pyarrow import parquet as pq

from catalyst.data.formats import open_file, opened_frame
from catalyst.data.lake import Lake
from catalyst.errors import CatalystError, ImportFileError

_MOMENT = dt.datetime(2014, 6, 9, 13, 30, tzinfo=dt.UTC)
_ODD: dict[str, Any] = {
    "struct": pa.array([{"a": 1}] * 3),
    "map": pa.array([[("k", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
    "list of numbers": pa.array([[1.5]] * 3),
    "list of texts": pa.array([["AAPL", "x"]] * 3),
    "list of structs": pa.array([[{"a": 1}]] * 3),
    "binary": pa.array([b"\xff\xfe", b"AAPL", None]),
    "fixed binary": pa.array([b"ab"] * 3, pa.binary(2)),
    "boolean": pa.array([True, False, None]),
    "null": pa.nulls(3),
    "decimal": pa.array([decimal.Decimal("1.50")] * 3),
    "wide decimal": pa.array([decimal.Decimal("1.50")] * 3, pa.decimal256(50, 2)),
    "date": pa.array([dt.date(2014, 6, 9)] * 3),
    "far date": pa.array([86_400_000 * 365 * 9_000] * 3, pa.date64()),
    "time of day": pa.array([dt.time(9, 30)] * 3),
    "duration": pa.array([dt.timedelta(1)] * 3),
    "instant": pa.array([_MOMENT] * 3, pa.timestamp("ns", "UTC")),
    "odd zone": pa.array([_MOMENT] * 3, pa.timestamp("us", "+05:30")),
    "far instant": pa.array([10**14, -(10**14), 0], pa.timestamp("s")),
    "large number": pa.array([2**64 - 1] * 3, pa.uint64()),
    "half number": pa.array(np.array([1.5] * 3, np.float16)),
    "infinity": pa.array([float("inf"), -1.0, float("nan")]),
    "1e308": pa.array([1e308, -1e308, 5e-324]),
    "text": pa.array(["AAPL", "nan", ""]),
    "category": pa.array(["a", "b", "a"]).dictionary_encode(),
}
_TABLES = {
    "bars": (["ts", "known_at"], ["symbol", "open", "high", "low", "close", "volume", "source"]),
    "news": (["published_at", "known_at"], ["headline", "symbol", "source", "url", "id", "author"]),
    "actions": (["ex_date", "known_at"], ["symbol", "kind", "value", "new_symbol", "source"]),
    "universe": (["from", "to", "known_at"], ["symbol", "known_is_assumed"]),
}


def _tables(table: str, kind: str) -> list[pa.Table]:
    times, others = _TABLES[table]
    sound_times = dict.fromkeys(times, _ODD["instant"])
    sound_others = dict.fromkeys(others, _ODD["text"])
    return [
        pa.table(sound_times | dict.fromkeys(others, _ODD[kind])),
        pa.table(dict.fromkeys(times, _ODD[kind]) | sound_others),
    ]


def _add(lake: Lake, table: str) -> Callable[..., Any]:
    if table == "bars":
        return lambda data: lake.add_bars(data, timeframe="1m")
    return {
        "news": lake.add_news,
        "actions": lake.add_actions,
        "universe": lake.add_universe,
    }[table]


@pytest.mark.parametrize("kind", list(_ODD))
@pytest.mark.parametrize("table", list(_TABLES))
def test_a_column_of_any_type_is_rows_in_some_place_or_one_sentence(
    tmp_path: Path, table: str, kind: str
) -> None:
    lake = Lake(tmp_path / "lake", create=True)
    add = _add(lake, table)
    for number, given in enumerate(_tables(table, kind)):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(given, path)
        [read] = blocks(path, table)
        frames = [read.frame]
        if kind not in {"map", "wide decimal", "half number", "odd zone"}:
            # polars itself takes these in no way, or as others of the list.
            frames.append(pl.DataFrame(given))
        for frame in frames:
            try:
                report = add(frame)
            except CatalystError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
            else:
                assert report.given == 3


def test_what_no_table_knows_is_kept_as_text_a_person_can_read() -> None:
    frame = pl.DataFrame(
        {
            "a": [{"x": float("inf")}],
            "b": [b"\xff"],
            "c": [dt.timedelta(hours=36)],
            "d": [object()],
            "e": pl.Series([10**15], dtype=pl.Datetime("ms")),
            "f": pl.Series(["z"], dtype=pl.Categorical),
        }
    )

    [found] = opened_frame(frame).blocks()

    [row] = [json.loads(text) for text in found.texts(np.array([0]))]
    assert row.pop("d").startswith('"<object object at')
    assert row == {
        "a": '{"x":"Infinity"}',
        "b": "ff",
        "c": "P1DT12H",
        "e": "1000000000000000 ms",
        "f": "z",
    }


def test_times_of_sound_years_beside_a_wild_one_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    wild = pa.array([1_402_320_600, 10**14], pa.timestamp("s", "UTC"))
    pq.write_table(pa.table({"headline": ["a", "b"], "published_at": wild}), path)
    lake = Lake(tmp_path / "lake", create=True)

    [read] = open_file(path, table="news").blocks()
    report = lake.add_news(read.frame)

    assert report.by_rule == {"stamp": 1}
    assert lake.news()["published_at"].to_list() == [_MOMENT]


def test_a_pandas_column_of_mixed_types_is_one_sentence() -> None:
    import pandas as pd

    with pytest.raises(ImportFileError, match=r"can't be taken: .*; expected columns of one type"):
        opened_frame(pd.DataFrame({"a": [1, "x", b"y"]}))
