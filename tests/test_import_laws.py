"""Laws of imports: nothing lost, blocks and cuts do not show, pulling again changes nothing."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lake_rows import article, at, bar, bars, fingerprint, news

from catalyst.data import bar_merge, news_merge, spill
from catalyst.data.bar_intake import BarOptions
from catalyst.data.formats import opened_frame
from catalyst.data.formats.opened import Opened
from catalyst.data.given import Given
from catalyst.data.imports import import_bars, import_news
from catalyst.data.lake import Lake
from catalyst.data.news_intake import MAX_CHARACTERS, NewsOptions
from catalyst.data.reports import ImportReport
from catalyst.data.stamps import stamp_ns
from catalyst.errors import ImportFileError

ROOMY = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_NUMBERS = ["", "null", "NaN", "inf", "-1", "0", "1e308", "x", "1", "2", "2.5"]
_BAR = st.one_of(
    st.tuples(
        st.sampled_from(["A", "brk-b", "NAN"]),
        st.sampled_from(["2014-06-09 09:30", "2014-06-09 09:31", "2014-06-10 09:30"]),
        st.just("2"),
        st.just("3"),
        st.just("1"),
        st.sampled_from(["2", "3"]),
        st.sampled_from(["0", "7"]),
    ),
    st.tuples(
        st.sampled_from(["A", "", "not one", "\x00", "A" * 30]),
        st.sampled_from(["2014-06-09 09:30", "2099-01-05 10:00", "2014-06-08", "", "\x1b[31m"]),
        *[st.sampled_from(_NUMBERS)] * 5,
    ),
)
_HEADLINES = [
    "$AAPL up",
    "$BAC beats",
    "Apple falls",
    "L$D",
    "",
    "x\ny",
    "\x00",
    "\u202ex",
    "…" * 9,
]
_ARTICLE = st.tuples(
    st.sampled_from(_HEADLINES),
    st.sampled_from(["2014-06-09 10:00", "2014-06-09", "2014-06-10 00:00", "1 DAY AGO", ""]),
    st.sampled_from(["AAPL", "BAC", "D", "AAPL;D", "", "not one"]),
    st.sampled_from(["", "u", "v"]),
)


def _cut(frame: pl.DataFrame, rows: int, file: str = "f") -> Opened:
    return opened_frame(frame, file, block_rows=rows)


def _bars_of(root: Path, *opened: Opened) -> ImportReport:
    return import_bars(root, opened, BarOptions(timeframe="1m"))


def _news_of(root: Path, *opened: Opened) -> ImportReport:
    return import_news(root, opened, NewsOptions())


def _bar_frame(rows: list[tuple[str, ...]]) -> pl.DataFrame:
    names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _news_frame(rows: list[tuple[str, ...]]) -> pl.DataFrame:
    names = ["headline", "time", "symbol", "url"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send everything through the disk, a few rows at a time."""
    monkeypatch.setattr(spill, "BUDGET_BYTES", 0)
    monkeypatch.setattr(spill, "_RUN_BYTES", 1)
    monkeypatch.setattr(bar_merge, "BATCH_ROWS", 2)
    monkeypatch.setattr(news_merge, "_CHUNK_ROWS", 2)


@ROOMY
@given(st.lists(_BAR, max_size=30), st.integers(1, 7))
def test_blocks_of_bars_do_not_show_and_no_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory, tiny: None, rows: list[tuple[str, ...]], size: int
) -> None:
    frame = _bar_frame(rows)
    whole, cut = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("cut")

    at_once = _bars_of(whole, _cut(frame, 10**6))
    in_blocks = _bars_of(cut, _cut(frame, size))

    assert at_once == in_blocks
    assert at_once.given == len(rows)
    assert fingerprint(whole, quarantine=True) == fingerprint(cut, quarantine=True)


@ROOMY
@given(st.lists(_ARTICLE, max_size=20), st.integers(1, 7))
def test_blocks_of_news_do_not_show_and_no_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory, tiny: None, rows: list[tuple[str, ...]], size: int
) -> None:
    frame = _news_frame(rows)
    whole, cut = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("cut")

    at_once = _news_of(whole, _cut(frame, 10**6))
    in_blocks = _news_of(cut, _cut(frame, size))

    assert at_once == in_blocks
    assert at_once.given == len(rows)
    assert fingerprint(whole, quarantine=True) == fingerprint(cut, quarantine=True)


@ROOMY
@given(st.lists(_ARTICLE, max_size=16), st.integers(2, 4))
def test_importing_messy_news_again_in_parts_changes_no_byte(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], n_parts: int
) -> None:
    root = tmp_path_factory.mktemp("lake")
    first = _news_of(root, _cut(_news_frame(rows), 5))
    before = fingerprint(root)

    again = [_news_of(root, _cut(_news_frame(rows[part::n_parts]), 5)) for part in range(n_parts)]

    assert fingerprint(root) == before
    assert sum(one.imported for one in again) == 0
    assert sum(one.given for one in again) == first.given


@ROOMY
@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.integers(0, 2), st.integers(0, 2), st.sampled_from("ab")
        ),
        max_size=24,
    ),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_neither_files_nor_their_order_nor_several_imports_show(
    tmp_path_factory: pytest.TempPathFactory,
    tiny: None,
    keys: list[tuple[str, int, int, str]],
    shuffler: random.Random,
    n_files: int,
) -> None:
    # The price is a function of the key, so that no two rows contradict each other.
    rows = [
        bar(f"2014-06-{9 + d:02}T09:{30 + m}", s, close=10 + m + d, source=src)
        for s, m, d, src in keys
    ]
    schema = bars(bar(source="a")).schema
    shuffled = shuffler.sample(rows, len(rows))
    parts = [pl.DataFrame(shuffled[n::n_files], schema=schema) for n in range(n_files)]
    roots = [tmp_path_factory.mktemp(name) for name in ("one", "files", "imports")]

    reports = [
        _bars_of(roots[0], _cut(pl.DataFrame(rows, schema=schema), 10**6)),
        _bars_of(roots[1], *(_cut(part, 3, f"{n}") for n, part in enumerate(parts))),
        *(_bars_of(roots[2], _cut(part, 2)) for part in parts),
    ]

    assert fingerprint(roots[0]) == fingerprint(roots[1]) == fingerprint(roots[2])
    assert reports[0].imported == reports[1].imported == sum(one.imported for one in reports[2:])


def test_a_conflict_in_a_later_block_is_kept_whole_with_its_line(tmp_path: Path) -> None:
    rows = bars(*(bar(f"2014-06-09T10:0{minute}") for minute in range(5)), bar("2014-06-09T10:01"))
    other = rows.with_columns(pl.lit(9.9).alias("close"), pl.Series("note", range(6)))

    _bars_of(tmp_path, _cut(rows, 2, "first"), _cut(other, 2, "second"))
    kept = Lake(tmp_path).quarantine()

    assert kept.select("file", "line", "rule").rows() == [
        ("second", line, "conflict") for line in range(1, 7)
    ]
    assert [f'"note":{n}' in row for n, row in enumerate(kept["row"])] == [True] * 6


def _pull(lake: Lake, fetched: str, *rows: dict[str, Any], **more: Any) -> ImportReport:  # noqa: ANN401
    return lake.add_bars(
        bars(*rows), timeframe="1m", source="vendor", fetched_at_ns=stamp_ns(at(fetched)), **more
    )


def test_pulling_equal_bars_again_changes_no_byte(lake: Lake) -> None:
    rows = [bar(), bar("2014-06-09T09:31")]
    _pull(lake, "2014-06-10T08:00", *rows)
    before = fingerprint(lake.root, quarantine=True)

    report = _pull(lake, "2014-06-11T08:00", *rows)

    assert (report.imported, report.duplicates) == (0, 2)
    assert fingerprint(lake.root, quarantine=True) == before


def test_a_revised_bar_is_one_new_row_known_from_the_pull_and_so_is_its_return(lake: Lake) -> None:
    for day, close in ((10, 10.0), (11, 11.0), (12, 11.0), (13, 10.0)):
        _pull(lake, f"2014-06-{day}T08:00", bar(close=close), bar("2014-06-09T09:31"))
    found = lake.bars("1m").filter(pl.col("ts") == at("2014-06-09T09:30"))

    assert found.select("close", "known_at", "known_is_assumed").rows() == [
        (10.0, at("2014-06-09T09:31"), True),
        (11.0, at("2014-06-11T08:00"), False),
        (10.0, at("2014-06-13T08:00"), False),
    ]
    assert lake.bars("1m").height == 4
    assert lake.quarantine().is_empty()


def test_a_bar_that_a_covered_span_lacked_is_known_from_the_pull_that_found_it(lake: Lake) -> None:
    covered = {"covered_until_ns": stamp_ns(at("2014-06-09T09:32"))}

    _pull(lake, "2014-06-10T08:00", bar())
    _pull(lake, "2014-06-11T08:00", *(bar(f"2014-06-09T09:{m}") for m in (30, 31, 32)), **covered)

    assert lake.bars("1m").select("known_at", "known_is_assumed").rows() == [
        (at("2014-06-09T09:31"), True),
        (at("2014-06-11T08:00"), False),
        (at("2014-06-09T09:33"), True),
    ]


def test_two_rows_of_one_pull_that_disagree_are_a_conflict_and_unfinished_bars_are_refused(
    lake: Lake,
) -> None:
    report = _pull(lake, "2014-06-09T09:31:30", bar(), bar(close=12), bar("2014-06-09T09:31"))

    assert (report.imported, report.by_rule) == (1, {"conflict": 1, "known_at": 1})


@ROOMY
@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=6))
def test_versions_of_pulled_bars_follow_the_pulls(
    tmp_path_factory: pytest.TempPathFactory, tiny: None, pulls: list[list[int]]
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"), create=True)
    expected: list[list[int]] = [[], [], []]
    for day, values in enumerate(pulls):
        rows = [bar(f"2014-06-09T09:3{n}", close=10.0 + value) for n, value in enumerate(values)]
        _pull(lake, f"2014-06-{10 + day}T08:00", *rows)
        for told, value in zip(expected, values, strict=True):
            if not told or told[-1] != value:
                told.append(value)

    found = lake.bars("1m")

    assert found["close"].to_list() == [10.0 + value for told in expected for value in told]


def _pull_actions(lake: Lake, day: int, value: str, **more: Any) -> ImportReport:  # noqa: ANN401
    row = {"symbol": ["A"], "ex_date": ["2014-06-09"], "kind": ["dividend"], "value": [value]}
    fetched = stamp_ns(at(f"2014-06-{day:02}T08:00"))
    return lake.add_actions(pl.DataFrame(row), source="vendor", fetched_at_ns=fetched, **more)


def test_a_revised_action_is_a_new_row_known_from_the_pull(lake: Lake) -> None:
    reports = [
        _pull_actions(lake, day, value)
        for day, value in ((10, "1"), (11, "2"), (12, "2"), (13, "1"))
    ]

    assert [report.imported for report in reports] == [1, 1, 0, 1]
    assert lake.actions().select("value", "known_at").rows() == [
        (1.0, at("2014-06-09T04:00")),
        (2.0, at("2014-06-11T08:00")),
        (1.0, at("2014-06-13T08:00")),
    ]


def test_an_action_that_a_covered_span_lacked_is_known_from_the_pull(lake: Lake) -> None:
    _pull_actions(lake, 11, "1", covered_until_ns=stamp_ns(at("2014-06-10T00:00")))

    assert lake.actions()["known_at"].to_list() == [at("2014-06-11T08:00")]


def test_news_that_a_covered_span_lacked_is_known_from_the_pull_and_known_news_stays(
    lake: Lake,
) -> None:
    first, second = article("Apple a"), article("Apple b", "2014-06-09T11:00")
    lake.add_news(news(first))

    report = lake.add_news(
        news(first, second),
        fetched_at_ns=stamp_ns(at("2014-06-11T08:00")),
        covered_until_ns=stamp_ns(at("2014-06-10T00:00")),
    )
    found = lake.news().sort("headline").select("headline", "known_at", "known_is_assumed").rows()

    assert (report.imported, report.duplicates) == (1, 1)
    assert found == [
        ("Apple a", at("2014-06-09T10:01"), True),
        ("Apple b", at("2014-06-11T08:00"), False),
    ]


@pytest.mark.parametrize("change", [{"url": "other"}, {"author": "other"}])
def test_news_of_one_instant_that_tells_something_else_is_a_conflict(
    lake: Lake, change: dict[str, str]
) -> None:
    row = article("Apple up", url="u", author="a")
    lake.add_news(news(row))
    before = fingerprint(lake.root)

    report = lake.add_news(news(row | change, row, row | {"url": None}))

    assert (report.duplicates, report.by_rule) == (2, {"conflict": 1})
    assert fingerprint(lake.root) == before


@pytest.mark.parametrize("name", ["headline", "url", "source"])
def test_a_text_that_is_too_long_for_what_it_is_does_not_enter_replay(
    lake: Lake, name: str
) -> None:
    row = article("Apple up", url="u")
    long = row | {name: "x" * (MAX_CHARACTERS + 1)}

    report = lake.add_news(news(row, long, row | {name: "y" * 2**20}))

    assert (report.imported, report.by_rule) == (1, {"length": 2})


def test_a_list_of_symbols_is_no_news_of_them(lake: Lake) -> None:
    many = ";".join(f"A{n}" for n in range(1_001))

    report = lake.add_news(news(article("Up", symbol=many), article("Up", symbol="A;B")))

    assert (report.imported, report.by_rule) == (1, {"length": 1})


def test_a_date_in_2099_is_in_no_calendar(lake: Lake) -> None:
    late = dt.datetime(2099, 1, 5, 15, tzinfo=dt.UTC)

    of_bars = lake.add_bars(bars(bar() | {"ts": late}), timeframe="1m")
    of_news = lake.add_news(news(article("Up") | {"published_at": late}))

    assert (of_bars.by_rule, of_news.by_rule) == ({"calendar": 1}, {"calendar": 1})


_KINDS = [[1], {"a": 1}, b"\xff", dt.time(1), dt.timedelta(1), True, 10**15, None]


@pytest.mark.parametrize("column", ["open", "symbol", "ts", "source", "known_at"])
@pytest.mark.parametrize("value", _KINDS, ids=repr)
def test_bars_with_a_column_of_another_kind_are_refused_without_a_traceback(
    lake: Lake, column: str, value: object
) -> None:
    rows = bars(bar()).with_columns(pl.Series(column, [value]))

    said = "expected"
    try:
        report = lake.add_bars(rows, timeframe="1m")
        assert report.given == report.imported + report.quarantined == 1
        assert column in {"symbol", "source", "known_at"} or report.quarantined == 1
    except ImportFileError as error:
        said = str(error)

    assert "expected" in said


@pytest.mark.parametrize("column", ["headline", "published_at", "symbol", "url", "known_at"])
@pytest.mark.parametrize("value", _KINDS, ids=repr)
def test_news_with_a_column_of_another_kind_is_refused_without_a_traceback(
    lake: Lake, column: str, value: object
) -> None:
    rows = news(article("Up")).with_columns(pl.Series(column, [value]))

    said = "expected"
    try:
        report = lake.add_news(rows)
        assert report.given == report.imported + report.quarantined == 1
    except ImportFileError as error:
        said = str(error)

    assert "expected" in said


def test_prices_that_are_categories_are_read_as_the_numbers_they_show(lake: Lake) -> None:
    rows = bars(bar()).with_columns(pl.col("open").cast(pl.String).cast(pl.Categorical))

    lake.add_bars(rows, timeframe="1m")

    assert lake.bars("1m")["open"].to_list() == [10.0]


def test_what_a_file_guesses_does_not_depend_on_its_first_block(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "date": ["06/09/2014"] * 3,
            "time": [None, "09:31", "09:32"],
            "symbol": ["A"] * 3,
            **dict.fromkeys(("open", "high", "low", "close", "volume"), [1.0] * 3),
        }
    )

    whole = _bars_of(tmp_path / "whole", _cut(frame, 9))
    cut = _bars_of(tmp_path / "cut", _cut(frame, 1))

    assert whole == cut
    assert cut.imported == 2


class _TornError(Exception):
    pass


def test_a_file_that_breaks_off_leaves_the_lake_as_it_was(lake: Lake) -> None:
    lake.add_bars(bars(bar()), timeframe="1m")
    before = fingerprint(lake.root, quarantine=True)
    good = opened_frame(bars(bar("2014-06-09T09:31"), bar(close=-1)))

    def torn() -> Iterator[Given]:
        yield from good.blocks()
        raise _TornError

    with pytest.raises(_TornError):
        _bars_of(lake.root, good, replace(good, read=torn))

    assert fingerprint(lake.root, quarantine=True) == before
    assert not (lake.root / ".tmp").exists()
