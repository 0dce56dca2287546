"""The lake: what is stored is what was given, when it was known, byte for byte."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lake_rows import DAY, article, at, bar, bars, fingerprint, news

from catalyst.data import bar_merge
from catalyst.data.lake import Lake
from catalyst.data.partition import only_writer
from catalyst.data.ticks import from_ticks, to_ticks
from catalyst.errors import LakeError

ROOMY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def test_a_missing_lake_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"there is no lake at .*; run `catalyst data import"):
        Lake(tmp_path / "nowhere")


def test_a_folder_without_tables_is_an_empty_lake(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="is empty"):
        Lake(tmp_path)


def test_bars_come_back_as_given(lake: Lake) -> None:
    rows = bars(bar("2014-06-09T09:31", "BAC"), bar("2014-06-09T09:30"))

    report = lake.add_bars(rows, timeframe="1m", source="lean")
    found = lake.bars("1m")

    assert (report.given, report.imported) == (2, 2)
    assert found.select(rows.columns).equals(rows.sort("symbol"))
    assert found["timeframe"].to_list() == ["1m", "1m"]
    assert found["source"].to_list() == ["lean", "lean"]
    assert found["adjustment"].to_list() == ["raw", "raw"]


def test_a_bar_is_known_at_its_end_and_this_is_an_assumption(lake: Lake) -> None:
    lake.add_bars(bars(bar("2014-06-09T09:30")), timeframe="5m")
    found = lake.bars("5m")

    assert found["known_at"].to_list() == [at("2014-06-09T09:35")]
    assert found["known_is_assumed"].to_list() == [True]


def test_a_daily_bar_starts_at_the_open_and_is_known_at_the_close_of_a_half_day(lake: Lake) -> None:
    label = pl.DataFrame({"date": ["2014-07-03"], "o": [1], "h": [1], "l": [1], "c": [1], "v": [0]})

    lake.add_bars(label, timeframe="1d", symbol="aapl")
    found = lake.bars("1d")

    assert found["ts"].to_list() == [at("2014-07-03T09:30")]
    assert found["known_at"].to_list() == [at("2014-07-03T13:00")]


def test_a_correction_is_a_new_row_with_its_later_time(lake: Lake) -> None:
    first = bar(known_at=at("2014-06-09T09:32"))
    better = bar(close=11.0, known_at=at("2014-06-10T08:00"))

    lake.add_bars(bars(first), timeframe="1m")
    report = lake.add_bars(bars(better), timeframe="1m")
    found = lake.bars("1m")

    assert report.imported == 1
    assert found["close"].to_list() == [10.0, 11.0]
    assert found["known_is_assumed"].to_list() == [False, False]


def test_of_two_bars_with_one_key_the_first_stays_and_the_other_is_kept_in_quarantine(
    lake: Lake,
) -> None:
    lake.add_bars(bars(bar()), timeframe="1m")

    report = lake.add_bars(bars(bar(close=12.0), bar()), timeframe="1m", file="late.csv")
    kept = lake.quarantine().to_dicts()

    assert lake.bars("1m")["close"].to_list() == [10.0]
    assert (report.imported, report.duplicates, report.by_rule) == (0, 1, {"conflict": 1})
    assert [(row["table"], row["file"], row["line"], row["rule"]) for row in kept] == [
        ("bars", "late.csv", 1, "conflict")
    ]
    assert '"close":12.0' in kept[0]["row"]


def test_a_bar_known_before_its_end_is_refused(lake: Lake) -> None:
    report = lake.add_bars(bars(bar(known_at=at("2014-06-09T09:30:59"))), timeframe="1m")

    assert report.by_rule == {"known_at": 1}


def test_other_sources_and_adjustments_stand_side_by_side(lake: Lake) -> None:
    lake.add_bars(bars(bar()), timeframe="1m", source="b")
    lake.add_bars(bars(bar(close=11)), timeframe="1m", source="a", adjustment="split")
    rows = lake.read_session("1m", DAY)

    assert rows.symbols == ("AAPL",)
    assert rows.sources == ("a", "b")
    assert rows.source_rank.tolist() == [0, 1]
    assert rows.adjusted.tolist() == [1, 0]
    assert rows.close.tolist() == [11.0, 10.0]


def test_importing_again_changes_no_byte(lake: Lake) -> None:
    rows = bars(bar(), bar("2014-06-09T09:31", "BAC"), bar("2014-06-10T09:31", close=-1))
    lake.add_bars(rows, timeframe="1m")
    before = fingerprint(lake.root, quarantine=True)

    report = lake.add_bars(rows, timeframe="1m")

    assert (report.imported, report.duplicates, report.quarantined) == (0, 2, 1)
    assert fingerprint(lake.root, quarantine=True) == before


def test_an_untouched_session_keeps_its_file(lake: Lake) -> None:
    lake.add_bars(bars(bar(), bar("2014-06-10T09:30")), timeframe="1m")
    path = lake.root / "bars/timeframe=1m/date=2014-06-10/part.parquet"
    before = path.stat().st_mtime_ns

    lake.add_bars(bars(bar("2014-06-09T09:31")), timeframe="1m")

    assert path.stat().st_mtime_ns == before


@ROOMY
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["AAPL", "BRK.A", "NAN"]),
            st.integers(0, 3),
            st.integers(0, 2),
            st.sampled_from(["a", "b"]),
        ),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_the_order_of_files_does_not_show(
    tmp_path_factory: pytest.TempPathFactory,
    keys: list[tuple[str, int, int, str]],
    shuffler: random.Random,
    n_files: int,
) -> None:
    # The price is a function of the key, so that no two rows contradict each other.
    rows = [
        bar(f"2014-06-{9 + d:02}T09:{30 + m}", s, close=10 + m + d, source=src)
        for s, m, d, src in keys
    ]
    given_at_once = Lake(tmp_path_factory.mktemp("a"), create=True)
    in_parts = Lake(tmp_path_factory.mktemp("b"), create=True)
    schema = bars(bar(source="a")).schema
    shuffled = shuffler.sample(rows, len(rows))

    reports = [given_at_once.add_bars(pl.DataFrame(rows, schema=schema), timeframe="1m")]
    for part in range(n_files):
        frame = pl.DataFrame(shuffled[part::n_files], schema=schema)
        reports.append(in_parts.add_bars(frame, timeframe="1m"))

    assert fingerprint(given_at_once.root) == fingerprint(in_parts.root)
    assert reports[0].imported == sum(report.imported for report in reports[1:])
    assert reports[0].imported == len(set(keys))


@given(st.lists(st.floats(min_value=1e-6, max_value=1e9), max_size=20))
def test_ticks_give_every_price_back_or_are_not_used(prices: list[float]) -> None:
    given_prices = np.array(prices, dtype=np.float64)

    encoded = to_ticks([given_prices])

    if encoded is not None:
        [ticks], scale = encoded
        assert ticks.dtype == np.int32
        assert from_ticks(ticks, scale=scale).tobytes() == given_prices.tobytes()


@given(st.lists(st.integers(1, 2**31 - 1), min_size=1), st.sampled_from([100, 10_000, 1_000_000]))
def test_prices_on_a_grid_are_always_ticks(ticks: list[int], scale: int) -> None:
    prices = np.array([float(tick / scale) for tick in ticks])

    encoded = to_ticks([prices])

    assert encoded is not None
    assert encoded[1] <= scale


def test_prices_off_any_grid_are_stored_as_they_are(lake: Lake) -> None:
    rows = bars(bar(close=10 / 3), bar("2014-06-10T09:30", close=12.25))

    lake.add_bars(rows, timeframe="1m")
    scales = [
        (pq.read_schema(path).metadata or {}).get(b"price_scale")
        for path in sorted(lake.root.rglob("part.parquet"))
    ]

    assert scales == [None, b"100"]
    assert lake.bars("1m")["close"].to_list() == [10 / 3, 12.25]
    assert lake.read_session("1m", DAY).close.tolist() == [10 / 3]
    assert lake.symbols("1m") == ["AAPL"]


def test_a_session_is_read_as_arrays_in_the_order_of_symbol_and_time(lake: Lake) -> None:
    rows = [
        bar(f"2014-06-09T09:{30 + m}", s, close=10 + m) for m in (2, 0, 1) for s in ("B", "C", "A")
    ]
    lake.add_bars(bars(*rows), timeframe="1m")

    read = lake.read_session("1m", DAY)
    table = lake.bars("1m", start=DAY, end=DAY)

    assert read.symbols == ("A", "B", "C")
    assert read.symbol.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert read.ts_ns.tolist() == table["ts"].dt.timestamp("ns").to_list()
    assert read.known_ns.tolist() == table["known_at"].dt.timestamp("ns").to_list()
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(read, name).tolist() == table[name].to_list()
    assert read.symbol.dtype == np.int32
    assert read.known_is_assumed.all()


def test_a_session_without_bars_has_no_rows(lake: Lake) -> None:
    lake.add_bars(bars(bar()), timeframe="1m")

    read = lake.read_session("1m", dt.date(2014, 6, 10))

    assert len(read) == 0
    assert read.symbols == ()
    assert read.close.dtype == np.float64


def test_a_session_in_several_files_reads_as_one(lake: Lake) -> None:
    lake.add_bars(bars(bar(), bar("2014-06-09T09:31", "ZZ", close=7)), timeframe="1m")
    whole = lake.read_session("1m", DAY)
    folder = lake.root / "bars/timeframe=1m/date=2014-06-09"
    table = pq.read_table(folder / "part.parquet")
    metadata = table.schema.metadata
    (folder / "part.parquet").unlink()
    for row in (1, 0):
        pq.write_table(
            table.slice(row, 1).replace_schema_metadata(metadata), folder / f"{row}.parquet"
        )

    read = lake.read_session("1m", DAY)

    assert read.symbols == whole.symbols
    assert read.close.tolist() == whole.close.tolist()


def test_a_date_bounds_sessions_and_an_instant_bounds_bars(lake: Lake) -> None:
    stamps = ["2014-06-09T19:59", "2014-06-10T04:00", "2014-06-10T09:30", "2014-06-11T09:30"]
    lake.add_bars(bars(*(bar(ts) for ts in stamps)), timeframe="1m")

    by_date = lake.bars("1m", start="2014-06-10", end=dt.date(2014, 6, 10))
    by_instant = lake.bars("1m", start=at(stamps[1]), end=at(stamps[2]))

    assert by_date["ts"].to_list() == [at(ts) for ts in stamps[1:3]]
    assert by_instant["ts"].to_list() == [at(stamps[1])]


def test_pandas_and_arrow_are_taken_as_polars_is(tmp_path: Path) -> None:
    rows = bars(bar(), bar("2014-06-09T09:31", "BAC"))
    lakes = [Lake(tmp_path / name, create=True) for name in ("polars", "pandas", "arrow")]

    indexed = rows.to_pandas().set_index("ts")
    for one, data in zip(lakes, (rows, indexed, rows.to_arrow()), strict=True):
        one.add_bars(data, timeframe="1m")

    assert fingerprint(lakes[0].root) == fingerprint(lakes[1].root) == fingerprint(lakes[2].root)
    assert isinstance(rows.to_arrow(), pa.Table)


def test_two_writers_at_once_are_refused(lake: Lake) -> None:
    with only_writer(lake.root), pytest.raises(LakeError, match=f"process {os.getpid()}"):
        lake.add_bars(bars(bar()), timeframe="1m")


def test_the_digest_tells_data_from_data_and_not_quarantine_from_quarantine(lake: Lake) -> None:
    lake.add_bars(bars(bar()), timeframe="1m")
    first = lake.digest()
    lake.add_bars(bars(bar(close=-1)), timeframe="1m")
    same = lake.digest()
    lake.add_bars(bars(bar("2014-06-09T09:31")), timeframe="1m")

    assert lake.quarantine().height == 1
    assert same == first
    assert lake.digest() != first
    assert lake.digests()[1] == lake.digest()


def test_batches_of_sessions_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [bar(f"2014-06-{d:02}T09:{m}", s) for d in (9, 10, 11) for m in (30, 31) for s in "AB"]
    whole, small = Lake(tmp_path / "whole", create=True), Lake(tmp_path / "small", create=True)
    whole.add_bars(bars(*rows), timeframe="1m")

    monkeypatch.setattr(bar_merge, "BATCH_ROWS", 3)
    report = small.add_bars(bars(*rows), timeframe="1m")

    assert report.imported == len(rows)
    assert fingerprint(small.root) == fingerprint(whole.root)


_IMPORT = """
import sys, polars as pl
from catalyst.data.lake import Lake
root, file = sys.argv[1:]
lake = Lake(root, create=True)
print("ready", flush=True)
lake.add_bars(pl.read_parquet(file), timeframe="1m", file="given")
"""


def test_an_import_killed_anywhere_is_completed_by_the_next_to_the_byte(tmp_path: Path) -> None:
    minutes = [f"{h:02}:{m:02}" for h in (10, 11) for m in range(60)]
    days = [f"2014-{month:02}-{day:02}" for month in (4, 5, 6) for day in range(1, 31)]
    rows = bars(*(bar(f"{d}T{m}", s) for d in days for m in minutes[::12] for s in ("A", "B")))
    rows.write_parquet(tmp_path / "rows.parquet")
    whole = Lake(tmp_path / "whole", create=True)
    report = whole.add_bars(rows, timeframe="1m", file="given")
    command = [sys.executable, "-c", _IMPORT, str(tmp_path / "cut"), str(tmp_path / "rows.parquet")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    chance = random.Random(20140609)  # noqa: S311 - when to kill, not a secret

    for _ in range(5):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0.05, 0.6))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    cut = Lake(tmp_path / "cut", create=True)
    last = cut.add_bars(rows, timeframe="1m", file="given")

    assert report.quarantined > 0
    assert last.quarantined == report.quarantined
    assert fingerprint(cut.root, quarantine=True) == fingerprint(whole.root, quarantine=True)
    assert not list((cut.root).glob(".tmp/*"))


def test_news_is_stored_by_the_utc_day_on_which_it_became_known(lake: Lake) -> None:
    late = article("Apple rises", "2014-06-09T19:59:30")

    lake.add_news(news(late))
    [row] = lake.news().to_dicts()

    assert row["known_at"] == at("2014-06-09T20:00:30")
    assert row["known_is_assumed"] is True
    assert lake.read_news(dt.date(2014, 6, 10)).height == 1
    assert lake.read_news(dt.date(2014, 6, 9)).height == 0
    assert lake.news_symbols() == ["AAPL"]


def test_news_is_known_at_the_later_of_publication_and_collection(lake: Lake) -> None:
    rows = news(
        article("Collected late", collected_at=at("2014-06-09T10:07")),
        article("Clock is wrong", collected_at=at("2014-06-09T09:00")),
        article("Not collected", collected_at=None),
    )

    lake.add_news(rows, latency_s=5)
    found = {row["headline"]: row for row in lake.news().to_dicts()}

    assert found["Collected late"]["known_at"] == at("2014-06-09T10:07")
    assert found["Clock is wrong"]["known_at"] == at("2014-06-09T10:00")
    assert found["Not collected"]["known_at"] == at("2014-06-09T10:00:05")
    assert [found[name]["known_is_assumed"] for name in sorted(found)] == [False, False, True]


def test_the_row_as_given_stays_with_the_news(lake: Lake) -> None:
    lake.add_news(news(article("A < B & C", id="9007199254740993", extra=["a", "b"])))

    [raw] = lake.news()["raw"]

    assert '"id":"9007199254740993"' in raw
    assert '"headline":"A < B & C"' in raw
    assert '"extra":["a","b"]' in raw


def test_a_wrong_link_goes_to_quarantine_and_the_article_stays_under_its_cashtag(
    lake: Lake,
) -> None:
    report = lake.add_news(news(article("$BAC beats estimates", symbol="T")), file="f")

    assert report.by_rule == {"mislinked": 1}
    assert lake.news()["symbol"].to_list() == ["BAC"]
    assert lake.quarantine().select("file", "line", "rule").rows() == [("f", 1, "mislinked")]


def test_a_row_of_several_links_is_imported_once(lake: Lake) -> None:
    rows = news(article("$AAPL $BAC up", symbol=None)).with_columns(
        symbol=pl.Series([["AAPL", "BAC", "T"]])
    )

    report = lake.add_news(rows)

    assert (report.given, report.imported, report.links_dropped) == (1, 1, 1)
    assert lake.news()["symbol"].to_list() == ["AAPL", "BAC"]


_STORIES = [
    "Apple beats estimates on strong phone sales",
    "Apple beats estimates on strong phone sales again",
    "$AAPL and $BAC fall after hours",
    "Regulators look at big banks",
    "RT @x: Regulators look at big banks",
]


@ROOMY
@given(
    st.lists(
        st.tuples(st.integers(0, len(_STORIES) - 1), st.integers(0, 80), st.integers(0, 2)),
        min_size=1,
        max_size=14,
        unique=True,
    ),
    st.randoms(use_true_random=False),
    st.integers(2, 4),
)
def test_the_order_in_which_news_is_imported_does_not_show(
    tmp_path_factory: pytest.TempPathFactory,
    keys: list[tuple[int, int, int]],
    shuffler: random.Random,
    n_files: int,
) -> None:
    start = at("2014-06-09T10:00")
    rows = [
        article(
            _STORIES[story],
            symbol=("AAPL", "BAC", "T")[symbol],
            id=f"{story}-{hour}",
            retweet_of_id=f"{story - 1}-{hour - 1}" if story == 4 else None,
        )
        | {"published_at": start + dt.timedelta(hours=hour)}
        for story, hour, symbol in keys
    ]
    schema = news(rows[0] | {"retweet_of_id": "x"}).schema
    whole = Lake(tmp_path_factory.mktemp("a"), create=True)
    parts = Lake(tmp_path_factory.mktemp("b"), create=True)
    shuffled = shuffler.sample(rows, len(rows))

    report = whole.add_news(pl.DataFrame(rows, schema=schema))
    for part in range(n_files):
        if shuffled[part::n_files]:
            parts.add_news(pl.DataFrame(shuffled[part::n_files], schema=schema))
    before = fingerprint(whole.root)
    again = whole.add_news(pl.DataFrame(rows, schema=schema))

    assert parts.news().equals(whole.news())
    assert fingerprint(parts.root) == before
    assert fingerprint(whole.root) == before
    assert (again.imported, again.quarantined) == (0, report.quarantined)


def test_enriching_again_without_a_change_changes_no_byte(lake: Lake) -> None:
    lake.add_news(
        news(*(article(text, f"2014-06-{9 + i:02}T10:00") for i, text in enumerate(_STORIES)))
    )
    before = fingerprint(lake.root)

    rows, changed = lake.enrich()

    assert (rows, changed) == (lake.news().height, 0)
    assert fingerprint(lake.root) == before


def test_actions_are_known_on_the_morning_of_their_ex_date_unless_said_otherwise(
    lake: Lake,
) -> None:
    rows = pl.DataFrame(
        {
            "symbol": ["AAPL", "AAPL", "FLT", "AAPL", "AAPL"],
            "ex_date": ["2014-06-09", "2014-08-07", "2024-03-25", "2014-06-08", "2014-08-07"],
            "kind": ["split", "dividend", "rename", "split", "dividend"],
            "value": ["7:1", "0.47", None, "7", "-1"],
            "new_symbol": [None, None, "CPAY", None, None],
        }
    )

    report = lake.add_actions(rows)
    found = lake.actions().to_dicts()

    assert report.by_rule == {"session": 1, "value": 1}
    assert [(row["symbol"], row["kind"], row["value"]) for row in found] == [
        ("AAPL", "split", 7.0),
        ("AAPL", "dividend", 0.47),
        ("FLT", "rename", None),
    ]
    assert found[0]["known_at"] == at("2014-06-09T04:00")
    assert all(row["known_is_assumed"] for row in found)


def test_factors_are_taken_apart_into_the_actions_that_made_them(lake: Lake) -> None:
    factors = pl.DataFrame(
        {
            "symbol": ["X"] * 4,
            "date": [20140602, 20140605, 20140606, 20140610],
            "price_factor": [0.98, 0.98, 0.99, 0.99],
            "split_factor": [0.1428571, 0.1428571, 1.0, 1.0],
            "reference_price": [1.0, 100.0, 645.57, 93.0],
        }
    )

    report = lake.add_actions(factors)
    found = lake.actions().select(pl.col("ex_date").cast(pl.String), "kind", "value").rows()

    assert (report.imported, report.by_rule) == (1, {"no_action": 3})
    assert found == [("2014-06-06", "dividend", 1.0101), ("2014-06-06", "split", 7.0)]


def test_the_end_of_a_membership_is_not_known_before_it_comes(lake: Lake) -> None:
    rows = pl.DataFrame({"symbol": ["LEH"], "from": ["2000-01-03"], "to": ["2008-09-17"]})

    lake.add_universe(rows)
    found = lake.universe().to_dicts()

    assert [(row["to"], row["known_at"]) for row in found] == [
        (None, at("2000-01-03T04:00")),
        (dt.date(2008, 9, 17), at("2008-09-18T04:00")),
    ]


def test_daily_snapshots_become_intervals_known_at_each_close(lake: Lake) -> None:
    days = [dt.date(2014, 6, 5), dt.date(2014, 6, 6), dt.date(2014, 6, 9)]
    rows = [
        (s, d) for s, ds in (("A", days), ("B", days[:1] + days[2:]), ("A", days[:1])) for d in ds
    ]
    frame = pl.DataFrame(rows, schema=["symbol", "ts"], orient="row")

    report = lake.add_universe(frame)
    again = lake.add_universe(frame)
    found = lake.universe().select("symbol", "from", "to", "known_at").rows()

    assert (report.given, report.imported, report.duplicates) == (6, 5, 1)
    assert (again.imported, again.duplicates) == (0, 6)
    assert found == [
        ("A", days[0], None, at("2014-06-05T16:00")),
        ("B", days[0], None, at("2014-06-05T16:00")),
        ("B", days[0], days[0], at("2014-06-06T16:00")),
        ("B", days[2], None, at("2014-06-09T16:00")),
    ]
