"""A sweep on a real Dask scheduler, one of whose workers is killed in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_sweep import content, swept, whole

import catalyst.research.sweep as sweeping
from catalyst.errors import ComponentError, InputError
from catalyst.research.cluster import run_on_cluster
from catalyst.research.sweep import Workers

pytest.importorskip("distributed")


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._told = folder / "scheduler.json"
        self._log = (folder / "log").open("wb")
        self.scheduler = self._started("scheduler", "--host", "127.0.0.1", "--port", "0")
        while not (self._told.exists() and self._told.read_text(encoding="utf-8")):
            assert self.scheduler.poll() is None

            time.sleep(0.05)
        self.address = str(json.loads(self._told.read_text(encoding="utf-8"))["address"])
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_workers(self) -> None:
        self.workers = [self._started("worker", "--nthreads", "1", "--no-nanny") for _ in range(2)]

    def _started(self, *words: str) -> subprocess.Popen[bytes]:
        told = ("--scheduler-file", str(self._told), "--no-dashboard")
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words, *told],
            stdout=self._log,
            stderr=self._log,
            cwd=self._told.parent,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        )

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self._log.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.stop()


def failing(item: int) -> int:
    if item == 1:
        raise ComponentError("mine:score", "gave NaN", 1_700_000_000_000_000_000, ("ZQA",))
    return item


def test_a_scheduler_without_workers_says_so(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalyst.research.cluster._CONNECT_S", 1)

    with pytest.raises(InputError, match=r"has no workers; start some with `dask worker tcp"):
        run_on_cluster(failing, [0], done=print, address=cluster.address)


def test_a_cluster_that_loses_a_worker_gives_the_bytes_of_one_process(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start_workers()
    # A trial a task: each worker is in the midst of one when the first has come back.
    monkeypatch.setattr(sweeping, "_CHUNK_OF_CLUSTER", 1)
    whole()
    victim = cluster.workers[0]

    def tell(done: float, _total: int) -> None:
        if done and victim.poll() is None:
            victim.kill()
            victim.wait()

    done = swept(tmp_path, workers=Workers(cluster=cluster.address), tell=tell, ledger=None)

    assert victim.poll() is not None
    assert content(done) == content(whole())


def test_an_error_of_a_task_arrives_from_the_cluster_as_it_is(cluster: Cluster) -> None:
    with pytest.raises(ComponentError, match=r"mine:score.* on ZQA, gave NaN"):
        run_on_cluster(failing, [0, 1], done=lambda *_: None, address=cluster.address)


def test_an_address_without_a_scheduler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalyst.research.cluster._CONNECT_S", 1)

    with pytest.raises(InputError, match=r"there is no Dask scheduler at tcp://127\.0\.0\.1:9 "):
        run_on_cluster(failing, [0], done=print, address="tcp://127.0.0.1:9")


def test_an_address_of_no_kind_is_one_sentence() -> None:
    with pytest.raises(InputError, match="there is no Dask scheduler at nonsense://x "):
        run_on_cluster(failing, [0], done=print, address="nonsense://x")


def test_without_dask_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(InputError, match=r"needs Dask, which is not installed; install cat"):
        run_on_cluster(failing, [0], done=print, address="tcp://127.0.0.1:9")
