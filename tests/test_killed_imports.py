"""A killed import is in the lake wholly or not at all; repeated, it leaves the same bytes."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from lake_rows import article, at, bar, bars, news
from typer.testing import CliRunner

from catalyst.cli.app import app
from catalyst.data.lake import Lake
from catalyst.data.partition import only_writer
from catalyst.errors import LakeError

#: Of each table: every use of a file is a place to die above, and no signal needs to find it.
_KILLS = 8
_EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}


class _Killed(BaseException):
    """Raised where a process would have died."""


class _Executioner:
    """Stop every use of files below a folder from the n-th on, as death does."""

    def __init__(self) -> None:
        self.below: str | None = None
        self.left = 0
        self.seen = 0
        sys.addaudithook(self._hook)

    def run(self, act: Callable[[], object], root: Path, *, after: int) -> int:
        """Act, dying at the use number `after`; give how many there were."""
        self.below, self.left, self.seen = str(root), after, 0
        try:
            act()
        except _Killed:
            pass
        finally:
            self.below = None
        return self.seen

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.below is None or event not in _EVENTS:
            return
        # Reading changes nothing, so it is as good as never to have been read.
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        if str(arguments[0]).startswith(self.below):
            self.seen += 1
            if self.seen > self.left:
                raise _Killed


_EXECUTIONER = _Executioner()


def _content(root: Path) -> dict[str, str]:
    """Hash every file of a lake, and name every folder."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(root.rglob("*"))
    }


def _tables(root: Path) -> dict[str, str]:
    return {name: value for name, value in _content(root).items() if not name.startswith(".")}


def _some_bars(lake: Lake) -> None:
    rows = [bar(f"2014-06-{day:02}T10:{m}", s) for day in (9, 11) for m in (10, 11) for s in "AB"]
    lake.add_bars(bars(*rows, bar("2014-06-08T10:00")), timeframe="1m", file="base")


def _more_bars(lake: Lake) -> None:
    rows = [bar(f"2014-06-{day:02}T10:{m}", s) for day in (9, 10) for m in (11, 12) for s in "BC"]
    odd = [bar(close=-1), bar("2014-06-09T10:10", "A", close=12.0)]
    lake.add_bars(bars(*rows, *odd), timeframe="1m", file="more")


def _some_news(lake: Lake) -> None:
    rows = [article(f"Apple story {day}", f"2014-06-{day:02}T10:00") for day in (9, 11, 12)]
    lake.add_news(news(*rows, article("$BAC up", symbol="T")), file="base")


def _more_news(lake: Lake) -> None:
    # The first story of its cluster comes last, so stored days are enriched again.
    rows = [article("Apple story 9 9", "2014-06-09T09:00"), article("New", "2014-06-10T09:00")]
    lake.add_news(news(*rows, article("$BAC down", symbol="T"), article("  ")), file="more")


def _actions(lake: Lake) -> None:
    rows = {"symbol": ["A"], "ex_date": ["2014-06-09"], "kind": ["split"], "value": ["7:1"]}
    lake.add_actions(pl.DataFrame(rows))


def _accept(lake: Lake) -> None:
    told = ["data", "quarantine", "--lake", str(lake.root), "--accept", "mislinked"]
    CliRunner().invoke(app, told, catch_exceptions=False)


@pytest.mark.parametrize(
    ("before", "act"),
    [
        (_some_bars, _more_bars),
        (_some_news, _more_news),
        (_some_news, _actions),
        (_some_news, _accept),
    ],
    ids=["bars", "news", "actions", "released"],
)
def test_an_import_that_dies_at_any_use_of_a_file_is_there_wholly_or_not_at_all(
    tmp_path: Path, before: Callable[[Lake], None], act: Callable[[Lake], None]
) -> None:
    base, whole, cut = tmp_path / "base", tmp_path / "whole", tmp_path / "cut"
    before(Lake(base, create=True))
    shutil.copytree(base, whole)
    n_uses = _EXECUTIONER.run(lambda: act(Lake(whole)), whole, after=10**9)
    outcomes = []

    for after in range(n_uses):
        shutil.rmtree(cut, ignore_errors=True)
        shutil.copytree(base, cut)
        _EXECUTIONER.run(lambda: act(Lake(cut)), cut, after=after)
        Lake(cut)
        outcomes.append([_tables(cut) == _tables(base), _tables(cut) == _tables(whole)])
        act(Lake(cut))
        assert _content(cut) == _content(whole)

    # Nothing until the manifest, everything from it on.
    assert n_uses > 10
    assert [True, True] not in outcomes
    assert outcomes == sorted(outcomes, reverse=True)
    assert {(True, False), (False, True)} == {tuple(one) for one in outcomes}


def _bar_files(folder: Path) -> list[str]:
    minutes = [f"10:{minute:02}" for minute in range(60)]
    sessions = [f"2014-06-{day:02}" for day in range(2, 22)]
    rows = [bar(f"{day}T{m}", s, volume=7.0) for day in sessions for m in minutes for s in "AB"]
    frame = bars(*rows)
    frame.sort("symbol").write_parquet(folder / "1.parquet")
    frame.with_columns(symbol=pl.lit("C")).write_parquet(folder / "2.parquet")
    frame.sample(1_000, seed=1).with_columns(
        pl.col("close") * -1, ts=pl.col("ts").dt.to_string("iso:strict")
    ).write_csv(folder / "3.csv")
    return ["bars", str(folder), "--timeframe", "1m"]


def _news_files(folder: Path) -> list[str]:
    texts = ["$BAC up {}", "Apple beats {} estimates", "Regulators look at bank {}", "L$D {}"]
    start = at("2014-06-09T10:00")
    rows = [
        article(texts[n % 4].format(n // 8), symbol=("AAPL", "BAC", "D")[n % 3])
        | {"published_at": start + dt.timedelta(minutes=41 * n)}
        for n in range(600)
    ]
    frame = news(*rows)
    frame.head(400).write_parquet(folder / "1.parquet")
    late = frame.tail(300).with_columns(pl.col("published_at").dt.to_string("iso:strict"))
    late.write_csv(folder / "2.csv")
    return ["news", str(folder)]


def _begun(command: list[str], root: Path) -> subprocess.Popen[bytes]:
    """Start an import, and wait until it has the lock: Python takes as long to start."""
    child = subprocess.Popen(
        [*command, str(root)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while child.poll() is None and not (root / ".lock").exists():
        time.sleep(0.002)
    return child


@pytest.mark.timeout(1_200)  # each run starts a Python: seconds, if it is busy
@pytest.mark.parametrize("files", [_bar_files, _news_files], ids=["bars", "news"])
def test_an_import_killed_anywhere_and_repeated_leaves_what_an_uninterrupted_one_does(
    tmp_path: Path, files: Callable[[Path], list[str]]
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    arguments = ["data", "import", *files(folder), "--json", "--lake"]
    command = [sys.executable, "-m", "catalyst.cli.app", *arguments]
    whole = _begun(command, tmp_path / "whole")
    begun = time.perf_counter()
    assert whole.wait() == 0
    takes = time.perf_counter() - begun
    expected = _content(tmp_path / "whole")
    chance = random.Random(20140609)  # noqa: S311 - when to kill, not a secret
    n_cut = n_tries = 0

    while n_cut < _KILLS:
        root = tmp_path / f"cut-{n_tries}"
        n_tries += 1
        child = _begun(command, root)
        time.sleep(chance.uniform(0, takes))
        if child.poll() is None:
            n_cut += 1
        else:
            # The machine has become faster, or less busy, since the time was taken.
            takes *= 0.9
        child.send_signal(signal.SIGKILL)
        child.wait()
        repeated = CliRunner().invoke(app, [*arguments, str(root)], catch_exceptions=False)
        assert repeated.exit_code == 0
        assert _content(root) == expected
        shutil.rmtree(root)

    assert n_cut == _KILLS


def test_a_reader_finishes_what_a_dead_writer_began(tmp_path: Path) -> None:
    root, whole = tmp_path / "cut", tmp_path / "whole"
    for one in (root, whole):
        _some_bars(Lake(one, create=True))
    _more_bars(Lake(whole))
    n_uses = _EXECUTIONER.run(lambda: _more_bars(Lake(root)), tmp_path / "nowhere", after=10**9)
    shutil.rmtree(root)
    _some_bars(Lake(root, create=True))

    after = 0
    while not (root / ".tmp/manifest.json").exists():
        _EXECUTIONER.run(lambda: _more_bars(Lake(root)), root, after=after)
        after += 1
    found = Lake(root).bars("1m")

    assert n_uses == 0
    assert found.equals(Lake(whole).bars("1m"))
    assert _content(root) == _content(whole)


def test_a_reader_does_not_write_where_nothing_was_interrupted(tmp_path: Path) -> None:
    _some_bars(Lake(tmp_path / "lake", create=True))

    n_uses = _EXECUTIONER.run(
        lambda: Lake(tmp_path / "lake").bars("1m"), tmp_path / "lake", after=10**9
    )

    assert n_uses == 0


def test_a_writer_waits_for_another_as_long_as_it_is_told(tmp_path: Path) -> None:
    begun = time.perf_counter()

    with (
        only_writer(tmp_path),
        pytest.raises(LakeError, match="one writer at a time"),
        only_writer(tmp_path, wait_s=0.3),
    ):
        pass

    assert time.perf_counter() - begun > 0.25


def test_a_failed_import_leaves_no_lake_where_there_was_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="anything"), only_writer(tmp_path / "new"):
        raise ValueError("anything")

    assert not (tmp_path / "new").exists()
