"""Files that lie, end early or expand without end: one sentence each, or broken rows."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import stat
import struct
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from format_files import blocks, gzipped, written, zipped

from catalyst.data.formats import content, files_in, open_file
from catalyst.errors import ImportFileError

_ROWS = "head,x\n" + "text,1\n" * 1_000


def _sentence(path: Path, table: str = "bars", format_: str | None = None) -> str:
    with pytest.raises(ImportFileError) as found:
        blocks(path, table, format_)
    text = str(found.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.zip"])
def test_a_bomb_stops_early_and_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(content, "EXPANDED_BYTES", 2**20)
    # The first piece is too much, so nothing of it is given out.
    text = b"head,x\n" + b"a,1\n" * 2**23
    path = tmp_path / name
    if name.endswith("zip"):
        zipped(path, {"x.csv": text})
    else:
        gzipped(path, text)
    found = open_file(path, table="bars").blocks()

    with pytest.raises(ImportFileError, match=r"expands to more than .* as a zip bomb does"):
        next(found)


def test_what_expands_much_and_stays_small_is_read(tmp_path: Path) -> None:
    path = gzipped(tmp_path / "x.csv.gz", b"head,x\n" + b"a,1\n" * 2**20)

    assert sum(len(one) for one in blocks(path)) == 2**20


def test_a_zip_within_a_zip_is_not_opened(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"x.csv": _ROWS}).read_bytes()

    assert "not packed a second time" in _sentence(zipped(tmp_path / "x.zip", {"inner.zip": inner}))


@pytest.mark.parametrize("n_members", [0, 2, 40_000])
def test_a_zip_of_several_files_is_one_sentence(tmp_path: Path, n_members: int) -> None:
    members: dict[str, str | bytes] = {f"{n}.csv": "a" for n in range(n_members)}

    assert "zip of several files or of none" in _sentence(zipped(tmp_path / "x.zip", members))


def test_folders_and_system_files_in_a_zip_do_not_count(tmp_path: Path) -> None:
    members: dict[str, str | bytes] = {"data/": "", "data/x.csv": _ROWS, "__MACOSX/._x.csv": "?"}

    assert len(blocks(zipped(tmp_path / "x.zip", members))[0]) == 1_000


def test_an_encrypted_zip_is_one_sentence(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"x.csv": _ROWS})
    whole = bytearray(path.read_bytes())
    place = whole.rfind(b"PK\x01\x02")
    struct.pack_into("<H", whole, place + 8, 1)
    struct.pack_into("<H", whole, 6, 1)
    path.write_bytes(whole)

    assert "encrypted zip" in _sentence(path)


def test_a_zip_packed_by_a_rare_method_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.csv", _ROWS)

    assert "expected deflate" in _sentence(path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["x.csv.gz", "x.zip"])
def test_a_packed_file_that_ends_early_is_one_sentence(
    tmp_path: Path, name: str, share: float
) -> None:
    text = ("head,x\n" + "".join(f"{n * n % 7919},{n}\n" for n in range(50_000))).encode()
    path = tmp_path / name
    whole = (
        zipped(path, {"x.csv": text}) if name.endswith("zip") else gzipped(path, text)
    ).read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    assert "get it anew" in _sentence(path)


def test_a_zip_with_a_wrong_checksum_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("x.csv", _ROWS)
    path.write_bytes(path.read_bytes().replace(b"text,1\n", b"texT,1\n", 1))

    assert "Bad CRC" in _sentence(path)


@pytest.mark.parametrize(
    ("content_", "message"),
    [
        (b"", "is empty"),
        (b"\n\n\r\n  \n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (bytes(range(256)) * 40, "is binary"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00\x01" * 500, "is binary"),
        (b"hello\nworld\n", "one column only"),
        (b"\xff\xfe" + b"a\x00,\x00\x00\xd8b\x00", "begins as UTF-16 and is none"),
        (b",".join(b"c%d" % n for n in range(30_000)) + b"\n", "30,000 columns"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(gzip.compress(_ROWS.encode(), mtime=0), mtime=0), "is binary"),
        (b"PAR1" + b"\x00" * 50 + b"PAR1", "can't be read as Parquet"),
        (b"%PDF-1.7\n" + bytes(range(255, -1, -1)) * 12, "is binary"),
    ],
)
def test_a_file_that_is_no_table_is_one_sentence(
    tmp_path: Path, content_: bytes, message: str
) -> None:
    assert message in _sentence(written(tmp_path / "x.csv", content_))


def test_a_path_that_is_no_file_is_one_sentence(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.csv"
    os.mkfifo(fifo)
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)

    assert "pipe, device or socket" in _sentence(fifo)
    assert "pipe, device or socket" in _sentence(Path("/dev/zero"))
    assert "is a folder" in _sentence(tmp_path)
    assert "there is no file" in _sentence(tmp_path / "none.csv")
    assert "can't be opened" in _sentence(loop)
    assert "can't be opened" in _sentence(tmp_path / ("x" * 300))
    assert "can't be opened" in _sentence(tmp_path / "a\x00b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", _ROWS)
    path.chmod(0)

    assert "can't be opened: Permission denied" in _sentence(path)


def test_control_characters_of_a_file_do_not_reach_a_message(tmp_path: Path) -> None:
    path = written(tmp_path / "\x1b[31mred.csv", "hello\x1b]0;title\x07\n")

    text = _sentence(path)

    assert text.isprintable()
    assert "\\x1b[31mred.csv" in text


def test_an_unknown_format_is_named_with_those_there_are(tmp_path: Path) -> None:
    text = _sentence(written(tmp_path / "x.csv", _ROWS), format_="excel")

    assert text == (
        "'excel' is no format; expected one of csv, parquet, yahoo-csv, lean, twitter-jsonl, "
        "benzinga-csv, fnspid-csv"
    )


@pytest.mark.parametrize(
    "format_", ["parquet", "yahoo-csv", "lean", "twitter-jsonl", "benzinga-csv", "fnspid-csv"]
)
def test_a_file_that_is_not_of_the_format_named_is_a_sentence_or_all_broken(
    tmp_path: Path, format_: str
) -> None:
    path = written(tmp_path / "x.csv", "symbol,time,open\nAAPL,2014-06-09,1\n")
    table = "bars" if format_ in {"parquet", "yahoo-csv", "lean"} else "news"

    if format_ == "twitter-jsonl":
        [found] = blocks(path, table, format_)
        assert [rule for _, rule, _ in found.broken] == ["json", "json"]
    else:
        assert "expected" in _sentence(path, table, format_) or format_ == "parquet"


def test_a_folder_gives_its_files_in_order_and_says_what_it_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("b/2.csv", "a/1.csv", "a/1.tsv", "c.txt"):
        written(folder / name, _ROWS)
    written(folder / "LICENSE", "hello\n")
    written(folder / "README.md", "# a,b\n")
    written(folder / "notes.txt", "hello\n")
    written(folder / "empty.csv", "")
    written(folder / ".hidden.csv", _ROWS)
    written(folder / "picture.png", b"\x89PNG\r\n\x1a\n" + b"\x00\x01" * 500)
    zipped(folder / "many.zip", {"1.csv": "a", "2.csv": "b"})
    os.mkfifo(folder / "pipe")
    (folder / "a" / "loop").symlink_to(folder)
    (folder / "broken").symlink_to(folder / "nothing")

    found = files_in([folder], table="bars")

    assert [path.relative_to(folder).as_posix() for path in found.files] == [
        "a/1.csv",
        "a/1.tsv",
        "b/2.csv",
        "c.txt",
    ]
    assert [note.removeprefix("skipped: ").partition(": ")[0] for note in found.notes] == [
        "binary files",
        "empty files",
        "files of no known kind",
        "hidden files",
        "links that lead back to a folder",
        "links that lead nowhere",
        "pipes, devices and sockets",
        "text without columns",
        "zips of several files",
    ]
    assert any(note.endswith("LICENSE and 1 more") for note in found.notes)


def test_a_folder_reached_by_a_link_is_read(tmp_path: Path) -> None:
    written(tmp_path / "real" / "x.csv", _ROWS)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "real")

    found = files_in([tmp_path / "in"], table="bars")

    assert [path.name for path in found.files] == ["x.csv"]


def test_a_folder_without_a_file_of_use_is_one_sentence(tmp_path: Path) -> None:
    written(tmp_path / "in" / "LICENSE", "hello\n")

    with pytest.raises(ImportFileError, match="holds no known file of bars; skipped: files of no"):
        files_in([tmp_path / "in"], table="bars")


def test_a_device_is_never_opened(tmp_path: Path) -> None:
    assert stat.S_ISCHR(Path("/dev/zero").stat().st_mode)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "zero.csv").symlink_to("/dev/zero")

    with pytest.raises(ImportFileError, match="pipes, devices and sockets"):
        files_in([tmp_path / "in"], table="bars")


def _valid(kind: str) -> tuple[str, bytes]:
    if kind == "parquet":
        held = io.BytesIO()
        pl.DataFrame({"a": range(99), "b": ["x"] * 99, "c": [["p"]] * 99}).write_parquet(held)
        return "x.parquet", held.getvalue()
    texts = {
        "x.csv": 'symbol,time,open\n"A\nB",2014-06-09,1\nC,2014-06-09,2\n',
        "AAPL.csv": "Date,Open,High,Low,Close,Adj Close,Volume\n2014-06-09,1,1,1,1,1,1\n",
        "20140605_aapl_minute_trade.csv": "34200000,1,2,3,4,5\n34260000,1,2,3,4,5\n",
        "bac.csv": "19980102,nb,N\n19980930,nb,N\n20501231,bac,N\n",
        "20140325.csv": "A RP1,A,55.16,1722595,95018340,True,0.66,1\n",
        "b.csv": ",title,date,stock\n0,Up\n,2014-06-09 09:30:00-04:00,A\n",
        "headlines_a.csv": "\ufeffDate,Headline,URL\n1 DAY AGO,Up,https://x.com/y\n",
        "2014-06-09": '{"created_at":"Mon Jun 09 13:30:00 +0000 2014","id":1,"text":"a"}\n',
    }
    if kind.endswith(".gz"):
        return kind, gzip.compress(texts[kind.removesuffix(".gz")].encode(), mtime=0)
    return kind, texts[kind].encode()


@pytest.mark.parametrize(
    "kind",
    [
        "parquet",
        "x.csv",
        "x.csv.gz",
        "AAPL.csv",
        "20140605_aapl_minute_trade.csv",
        "bac.csv",
        "20140325.csv",
        "b.csv",
        "headlines_a.csv",
        "2014-06-09",
    ],
)
def test_damage_anywhere_is_rows_broken_rows_or_one_sentence(tmp_path: Path, kind: str) -> None:
    source = random.Random(kind)  # noqa: S311 - a seeded test
    name, whole = _valid(kind)
    inserted = [b'"', b"\n", b",", b"\xed\xa0\x80", b"\x00", b"9" * 40, b"[", b"\xff\xfe", b"\r"]

    for _ in range(150):
        damaged = bytearray(whole)
        place = source.randrange(len(damaged))
        if source.random() < 0.4:
            damaged[place] = source.randrange(256)
        elif source.random() < 0.5:
            del damaged[place : place + source.randint(1, 20)]
        else:
            damaged[place:place] = source.choice(inserted)
        path = written(tmp_path / name, bytes(damaged))
        for table in ("bars", "news", "actions", "universe"):
            try:
                found = blocks(path, table)
            except ImportFileError:
                continue
            kept = [text for one in found for _, _, text in one.broken]
            kept += [text for one in found for text in one.texts(np.arange(len(one.frame)))]
            assert all(json.loads(text) is not None for text in kept)
