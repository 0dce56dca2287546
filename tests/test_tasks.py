"""Tasks on worker processes: the same results, errors as they are, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catalyst.errors import CatalystError, ComponentError, InputError
from catalyst.research.tasks import run_tasks


def squared(item: int) -> int:
    return item * item


def failing(item: int) -> int:
    if item == 2:
        raise ComponentError("mine:score", "gave NaN", 1_700_000_000_000_000_000, ("ZQA",))
    return item


def killed_once(item: tuple[int, str]) -> int:
    number, folder = item
    mark = Path(folder, "mark")
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed(item: int) -> int:
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def threads(_item: int) -> tuple[str | None, str | None]:
    return os.environ.get("OMP_NUM_THREADS"), os.environ.get("POLARS_MAX_THREADS")


def results(task: object, items: list[object], **asked: int) -> list[object]:
    found: dict[int, object] = {}

    def done(place: int, result: object) -> None:
        assert place not in found

        found[place] = result

    run_tasks(task, items, done=done, **asked)  # type: ignore[arg-type] # any task of this file
    return [found[k] for k in sorted(found)]


def test_processes_give_what_this_process_gives() -> None:
    items: list[object] = list(range(7))

    assert results(squared, items, processes=2) == results(squared, items, processes=1)


def test_no_items_are_no_work() -> None:
    assert results(squared, [], processes=2) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_of_a_task_arrives_as_it_is(processes: int) -> None:
    with pytest.raises(ComponentError, match=r"mine:score.* on ZQA, gave NaN"):
        results(failing, [0, 1, 2, 3], processes=processes)


def test_a_task_whose_worker_is_killed_runs_again(tmp_path: Path) -> None:
    items: list[object] = [(k, str(tmp_path)) for k in range(4)]

    assert results(killed_once, items, processes=2) == [0, 1, 2, 3]


def test_a_task_that_always_loses_its_worker_is_named_in_one_sentence() -> None:
    with pytest.raises(CatalystError, match=r"task 2 of 3 lost its worker process 4 times"):
        results(killed, [0, 1, 2], processes=2)


def test_workers_share_the_cores_among_them() -> None:
    from joblib import cpu_count

    each = str(max(1, cpu_count() // 2))

    assert results(threads, [0, 1], processes=2) == [(each, each)] * 2


def test_fewer_than_one_process_is_refused() -> None:
    with pytest.raises(InputError, match="0 worker processes were asked for"):
        results(squared, [1], processes=0)


def alive(pids: list[int]) -> list[int]:
    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split(") ")[1][0] != "Z"
        except OSError:
            return False

    return [pid for pid in pids if runs(pid)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed by Linux")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(number: signal.Signals, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from catalyst.research.tasks import run_tasks\n"
        "def task(k):\n"
        f"    Path({str(tmp_path)!r}, f'pid-{{os.getpid()}}').touch()\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    run_tasks(task, [1, 2, 3], done=print, processes=2)\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen(
        [sys.executable, str(program)],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)},
    )
    until = time.monotonic() + 60
    while len(pids := [int(p.name[4:]) for p in tmp_path.glob("pid-*")]) < 2:
        assert time.monotonic() < until

        time.sleep(0.05)
    parent.send_signal(number)
    parent.wait(30)
    until = time.monotonic() + 20
    while alive(pids) and time.monotonic() < until:
        time.sleep(0.05)

    assert alive(pids) == []

    if number == signal.SIGINT:
        assert list(tmp_path.glob("catalyst-tasks-*")) == []
