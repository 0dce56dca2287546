"""Text of columns: whole records whatever the block, the encoding, the quotes and the packing."""

from __future__ import annotations

import csv
import hashlib
import io
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from format_files import blocks, broken, gzipped, lines, notes, rows, written, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalyst.data.formats import chunks, content, open_file
from catalyst.data.formats.chunks import RECORD_BYTES
from catalyst.data.stamps import parse_stamps, stamp_ns
from catalyst.errors import ImportFileError

_TEXT = 'head,x\n"a\nb",1\n\nc,2\nd\ne,3\n"f\n\ng",4,5\nh,6\n'


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 11, 1_000])
def test_rows_and_lines_do_not_depend_on_where_a_block_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    # A header must lie in the first piece, so that lines below it are cut, not the header.
    monkeypatch.setattr(chunks.utf8_pieces, "__defaults__", (len("head,x\n") + piece,))
    path = written(tmp_path / "x.csv", _TEXT)

    found = rows(path, "news")

    assert found == [
        {"head": "a\nb", "x": "1"},
        {"head": "c", "x": "2"},
        {"head": "e", "x": "3"},
        {"head": "h", "x": "6"},
    ]
    assert lines(path, "news") == [2, 5, 7, 11]
    assert broken(path, "news") == [(6, "columns", "d"), (8, "columns", '"f\n\ng",4,5')]


@pytest.mark.parametrize("piece", range(1, 30, 2))
def test_a_quote_inside_a_value_does_not_mislead_where_a_block_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(chunks.utf8_pieces, "__defaults__", (len("head,x\n") + piece,))
    path = written(tmp_path / "x.csv", 'head,x\n5" pipe,1\n"a\nb",2\n"c""\n""d",3\ne,4\n')

    assert [row["head"] for row in rows(path)] == ['5" pipe', "a\nb", 'c"\n"d', "e"]
    assert lines(path) == [2, 3, 5, 7]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    table=st.lists(
        st.tuples(*[st.text('ab",;\n\r \té', max_size=6) for _ in range(3)]), max_size=12
    ),
    piece=st.integers(20, 60),
)
def test_what_a_csv_writer_wrote_is_read_back_whatever_the_block(
    tmp_path: Path, table: list[tuple[str, str, str]], piece: int
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
        [("p", "q", "r"), *table]
    )
    path = written(tmp_path / "x.csv", text.getvalue())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks.utf8_pieces, "__defaults__", (piece,))
        found = [tuple(row.values()) for row in rows(path)]

    assert found == [row for row in table if any(row)]


def test_a_quote_inside_a_value_opens_nothing(tmp_path: Path) -> None:
    text = 'head,x\n5" pipe,1\n"say ""hi""",2\n"a"b"c,3\nJoe "X" Doe,4\n'

    found = rows(written(tmp_path / "x.csv", text))

    assert [row["head"] for row in found] == ['5" pipe', 'say "hi"', 'ab"c', 'Joe "X" Doe']


def test_a_quote_that_never_closes_costs_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", 'head,x\na,1\n"b,2\nc,3\nd,4\n')

    found = [row["head"] for row in rows(path)]

    assert found == ["a", "c", "d"]
    assert broken(path) == [(3, "columns", '"b,2')]
    assert lines(path) == [2, 4, 5]


def test_a_quote_that_closes_megabytes_later_costs_one_line(tmp_path: Path) -> None:
    many = "\n".join(f"row {number},1" for number in range(900_000))
    path = written(tmp_path / "x.csv", f'head,x\n"b,2\n{many}\nlast",1\n')

    found = blocks(path)

    assert sum(len(one) for one in found) == 900_002
    assert broken(path) == [(2, "columns", '"b,2')]


def test_a_line_of_a_hundred_megabytes_is_kept_by_its_hash_and_reading_goes_on(
    tmp_path: Path,
) -> None:
    huge = b"y" * (100 * 2**20) + b",1"
    path = written(tmp_path / "x.csv", b"head,x\na,1\n" + huge + b"\nc,3\n")

    found = broken(path)

    assert [row["head"] for row in rows(path)] == ["a", "c"]
    assert lines(path) == [2, 4]
    digest = hashlib.sha256(huge).hexdigest()
    assert found == [(3, "columns", {"begins": "y" * 1_000, "bytes": len(huge), "sha256": digest})]


def test_a_headline_of_a_megabyte_is_a_headline(tmp_path: Path) -> None:
    long = 'say "hi",\n' * 100_000
    quoted = '"' + long.replace('"', '""') + '"'
    path = written(tmp_path / "x.csv", "head,x\n" + f"{quoted},1\n" * 30)

    found = rows(path)

    assert [row["head"] == long for row in found] == [True] * 30
    assert lines(path)[:2] == [2, 2 + 100_001]


def test_blocks_are_of_bounded_size_and_the_same_each_time(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "head,x\n" + "some text,1\n" * 3_000_000)
    opened = open_file(path, table="bars")

    first, again = list(opened.blocks()), list(opened.blocks())

    assert max(one.frame.estimated_size() for one in first) < 2 * content.PIECE_BYTES
    assert [one.frame.height for one in first] == [one.frame.height for one in again]
    assert all(a.frame.equals(b.frame) for a, b in zip(first, again, strict=True))
    ends = [one.end_byte or 0 for one in first]
    assert ends == sorted(ends)
    assert ends[-1] == opened.size_bytes


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_known(tmp_path: Path, newline: str) -> None:
    path = written(tmp_path / "x.csv", newline.join(["head,x", "a,1", "b,2", ""]))

    assert [tuple(row.values()) for row in rows(path)] == [("a", "1"), ("b", "2")]
    assert lines(path) == [2, 3]


def test_the_last_record_needs_no_line_end(tmp_path: Path) -> None:
    assert rows(written(tmp_path / "x.csv", "head,x\na,1")) == [{"head": "a", "x": "1"}]


def test_columns_of_one_name_or_none_lose_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", ",a,a,a 2,\n1,2,3,4,5\n")

    assert rows(path) == [{"unnamed 1": "1", "a": "2", "a 3": "3", "a 2": "4", "unnamed 5": "5"}]


def test_ten_thousand_columns_are_read_and_not_all_named_in_a_note(tmp_path: Path) -> None:
    names = ["open", "high", "low", "close", "volume", *(f"c{n}" for n in range(10_000))]
    path = written(tmp_path / "x.csv", ",".join(names) + "\n" + ",".join("1" * 1 for _ in names))

    found = blocks(path)

    assert found[0].frame.shape == (1, 10_005)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_mark_at_the_beginning_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding[-2:] in {"le", "be"} else ""
    path = written(tmp_path / "x.csv", f"{mark}head,x\nZürich €,1\n".encode(encoding))

    assert rows(path) == [{"head": "Zürich €", "x": "1"}]


def test_a_line_that_is_no_utf8_is_windows_1252_and_its_neighbours_are_not(tmp_path: Path) -> None:
    path = written(
        tmp_path / "x.csv", b"head,x\n" + "Zürich,1\n".encode() + b"Z\xfcrich \x80 \x81,2\n"
    )

    assert [row["head"] for row in rows(path)] == ["Zürich", "Zürich € \x81"]
    assert "encoding guessed: windows-1252 for 1 line that is no UTF-8" in notes(path)


def test_a_nul_byte_inside_a_value_is_a_sign_like_others(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", b"head,x\n" + b"a,1\n" * 30 + b"b\x00c,2\n")

    assert rows(path)[-1] == {"head": "b\x00c", "x": "2"}


def test_only_a_header_is_no_rows_and_said(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "head,x\n")

    assert [len(one) for one in blocks(path)] == [0]
    assert "a file without rows: nothing stands below its header" in notes(path)


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.zip"])
def test_packed_files_give_the_same_blocks_as_plain_ones(tmp_path: Path, name: str) -> None:
    text = b"head,x\n" + b"".join(b"text %d,1\n" % number for number in range(1_500_000))
    plain = written(tmp_path / "plain.csv", text)
    if name.endswith("gz"):
        packed = gzipped(tmp_path / name, text)
    elif name.endswith("zip"):
        packed = zipped(tmp_path / name, {"../../etc/inside.csv": text})
    else:
        packed = written(tmp_path / name, text)

    found, expected = blocks(packed), blocks(plain)

    assert [one.frame.height for one in found] == [one.frame.height for one in expected]
    assert all(a.frame.equals(b.frame) for a, b in zip(found, expected, strict=True))
    assert found[-1].end_byte is not None
    assert found[-1].end_byte <= packed.stat().st_size
    assert not (tmp_path.parent.parent / "etc").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon Jun 09 13:30:00 +0000 2014", "2014-06-09T09:30"),
        ("Mon Jun  9 09:30:00 2014", "2014-06-09T09:30"),
        ("Tue Jun 10 00:30:00 +1100 2014", "2014-06-09T09:30"),
        ("2014-06-09 13:30:00 UTC", "2014-06-09T09:30"),
    ],
)
def test_times_are_read_as_twitter_and_fnspid_write_them(text: str, expected: str) -> None:
    found = parse_stamps(pl.Series("t", [text]), tz="America/New_York")

    assert found.ns.to_list() == [stamp_ns(expected)]


def test_text_that_is_noise_is_rows_or_one_sentence(tmp_path: Path) -> None:
    source = random.Random(7)  # noqa: S311 - a seeded test
    signs = [b",", b'"', b"\n", b"\r", b"a", b"\xff", b"\xc3\xa9", b"\x00", b";", b"\t", b"\\"]
    for number in range(300):
        noise = b"".join(source.choices(signs, k=source.randint(1, 200)))
        path = written(tmp_path / f"{number}.csv", b"p,q\n" + noise)
        try:
            found = blocks(path)
        except ImportFileError:
            continue
        assert all(one.line is not None and np.all(np.diff(one.line) >= 0) for one in found)


def test_a_record_limit_holds_for_quoted_values_too(tmp_path: Path) -> None:
    path = written(
        tmp_path / "x.csv", b'head,x\na,1\n"' + b"y" * (RECORD_BYTES + 9) + b'",2\nc,3\n'
    )

    assert [row["head"] for row in rows(path)] == ["a", "c"]
    [(line, rule, kept)] = broken(path)
    assert (line, rule, sorted(kept)) == (3, "columns", ["begins", "bytes", "sha256"])
