"""Runs in MLflow's own store: whole, or marked as not; killed for real where that is asked."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from conftest import REPOSITORY
from worlds import scratch, small_run

from catalyst.data.settings import settings
from catalyst.errors import InputError
from catalyst.research.announced import announce, left_behind
from catalyst.research.track_record import Curve, TrackRecord, flat_params, lock_hash, tags_of
from catalyst.research.tracking import (
    COMPARISON,
    KIND,
    check_store,
    client_of,
    home,
    log_runs,
    mend,
    shown_uri,
    store_uri,
)
from catalyst.research.tracking_server import HOST, free_port, page_of, server
from catalyst.strategy.params import Params

if TYPE_CHECKING:
    from mlflow.entities import Run

PARENT = TrackRecord("a, b", metrics={"n_variants": 2.0}, note="both")
A = TrackRecord("a", {"risk.stop_frac": "0.02"}, {"sharpe": 1.5, "expectancy": float("nan")})
B = TrackRecord("b", {"risk.stop_frac": "0.03"}, {"sharpe": 0.5})


@cache
def empty_store() -> Path:
    """MLflow's tables, which take seconds to make; to be copied."""
    made = scratch() / "mlflow.db"
    with client_of(f"sqlite:///{made}", lambda _: None) as client:
        client.search_experiments()
    return made


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty CATALYST_HOME whose store has its tables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATALYST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings.cache_clear()
    home().mkdir(parents=True)
    shutil.copyfile(empty_store(), home() / "mlflow.db")
    yield tmp_path
    settings.cache_clear()


def every_run() -> list[Run]:
    with client_of(store_uri(), lambda _: None) as client:
        everywhere = [one.experiment_id for one in client.search_experiments()]
        return list(client.search_runs(everywhere))


def runs() -> dict[str, Run]:
    """All runs by name."""
    return {run.info.run_name: run for run in every_run()}


def told(name: str) -> tuple[str, dict[str, float]]:
    run = runs()[name]
    return run.info.status, dict(run.data.metrics)


def killed(program: str) -> None:
    """Run a program that kills itself, as `kill -9` would."""
    ended = subprocess.run(
        [sys.executable, "-c", f"import os, signal\n{program}"],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'tests'}"},
        text=True,
        timeout=120,
    )

    assert (ended.stderr, ended.returncode) == ("", -signal.SIGKILL)


# --- whole runs ---------------------------------------------------------------------------------


def test_runs_are_logged_whole_and_nested(place: Path) -> None:
    (place / "report.html").write_text("read me", encoding="utf-8")
    curve = Curve(np.arange(3) * 86_400_000, np.array([1.0, 1.1, 1.2]))
    whole = TrackRecord(
        "a",
        A.params,
        A.metrics,
        {"equity": curve},
        {"lake": "sample"},
        {"report.html": place / "report.html", "deep/copy.html": place / "report.html"},
    )
    parent_id = log_runs(PARENT, [whole, B], experiment="earnings")
    found = runs()
    with client_of(store_uri(), lambda _: None) as client:
        run_id = found["a"].info.run_id
        history = [
            (point.step, point.timestamp, point.value)
            for point in client.get_metric_history(run_id, "equity")
        ]
        artifacts = [one.path for one in client.list_artifacts(run_id)]
        deeper = [one.path for one in client.list_artifacts(run_id, "deep")]

    assert {name: run.info.status for name, run in found.items()} == dict.fromkeys(
        ["a, b", "a", "b"], "FINISHED"
    )
    assert found["a"].data.metrics == {"sharpe": 1.5, "equity": 1.2}
    assert found["a"].data.params == {"risk.stop_frac": "0.02"}
    assert found["a"].data.tags["lake"] == "sample"
    assert found["a"].data.tags["mlflow.parentRunId"] == parent_id
    assert found["a, b"].data.tags["mlflow.note.content"] == "both"
    assert history == [(1, 0, 1.0), (2, 86_400_000, 1.1), (3, 172_800_000, 1.2)]
    assert artifacts == ["deep", "report.html"]
    assert deeper == ["deep/copy.html"]


def test_a_long_curve_is_thinned_into_one_transaction_with_the_other_metrics(place: Path) -> None:
    del place
    curves = {
        name: Curve(np.arange(3_000) * 1_000, np.linspace(1.0, end, 3_000))
        for name, end in (("equity", 2.0), ("market", 3.0))
    }
    log_runs(PARENT, [TrackRecord("a", metrics={"sharpe": 1.0}, curves=curves)])
    run = runs()["a"]
    with client_of(store_uri(), lambda _: None) as client:
        counts = [
            len(client.get_metric_history(run.info.run_id, name)) for name in ("equity", "market")
        ]

    assert run.data.metrics == {"sharpe": 1.0, "equity": 2.0, "market": 3.0}
    assert counts == [499, 499]


def test_a_run_that_failed_says_why_and_carries_no_metrics(place: Path) -> None:
    del place
    log_runs(PARENT, [TrackRecord("a", A.params, A.metrics, error="component x fell"), B])
    found = runs()

    assert told("a") == ("FAILED", {})
    assert found["a"].data.tags["error"] == "component x fell"
    assert found["a"].data.params == {"risk.stop_frac": "0.02"}
    assert told("b") == ("FINISHED", {"sharpe": 0.5})


# --- runs that were cut short -------------------------------------------------------------------


class Deadly(Mapping[str, Path]):
    """Files in whose midst the process is interrupted."""

    def __init__(self, end: Any) -> None:  # noqa: ANN401 - whatever ends it
        self.end = end

    def __getitem__(self, name: str) -> Path:
        return Path(name)

    def __iter__(self) -> Iterator[str]:
        yield "half.txt"
        self.end()

    def __len__(self) -> int:
        return 1


def test_a_process_killed_in_the_middle_of_logging_leaves_nothing_that_looks_whole(
    place: Path,
) -> None:
    # It makes its tables, too, and says nothing while it does.
    (home() / "mlflow.db").unlink()
    (place / "half.txt").write_text("an artifact", encoding="utf-8")
    killed(
        "from catalyst.research.track_record import TrackRecord\n"
        "from catalyst.research.tracking import log_runs\n"
        "from test_tracking import A, B, Deadly, PARENT\n"
        "end = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
        "half = TrackRecord('half', A.params, A.metrics, files=Deadly(end))\n"
        "log_runs(PARENT, [B, half])"
    )
    left = {name: run.info.status for name, run in runs().items()}
    with client_of(store_uri(), lambda _: None) as client:
        mended = [mend(client), mend(client)]

    assert left == {"a, b": "RUNNING", "b": "FINISHED", "half": "RUNNING"}
    assert mended == [2, 0]
    assert told("half") == ("FAILED", {})
    assert told("a, b") == ("FAILED", {})
    assert told("b") == ("FINISHED", {"sharpe": 0.5})


def test_an_interrupt_in_the_middle_of_logging_marks_the_runs_it_cut_as_killed(
    place: Path,
) -> None:
    (place / "half.txt").write_text("an artifact", encoding="utf-8")

    def interrupt() -> None:
        raise KeyboardInterrupt

    half = TrackRecord("half", A.params, A.metrics, files=Deadly(interrupt))
    with pytest.raises(KeyboardInterrupt):
        log_runs(PARENT, [B, half, A])

    assert told("half") == ("KILLED", {})
    assert told("a, b") == ("KILLED", {})
    assert told("b") == ("FINISHED", {"sharpe": 0.5})
    assert "a" not in runs()


def test_what_was_announced_and_killed_before_it_ran_is_marked_by_the_next(place: Path) -> None:
    del place
    killed(
        "from catalyst.research.announced import announce\n"
        "from catalyst.research.tracking import home\n"
        "from test_tracking import A, PARENT\n"
        "announce(home(), PARENT, [A], experiment='earnings')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    before = [announced.parent.name for _, announced in left_behind(home())]
    log_runs(TrackRecord("later"), [B])

    assert before == ["a, b"]
    assert left_behind(home()) == []
    assert told("a, b") == ("KILLED", {})
    assert told("a") == ("KILLED", {})
    assert runs()["a"].data.params == {"risk.stop_frac": "0.02"}
    assert told("later")[0] == "FINISHED"


def test_what_a_living_process_announced_or_logs_is_left_alone(place: Path) -> None:
    path = announce(home(), PARENT, [A], experiment="earnings")
    (place / "half.txt").write_text("an artifact", encoding="utf-8")
    seen = []

    def look() -> None:
        with client_of(store_uri(), lambda _: None) as client:
            seen.append(mend(client))

    log_runs(PARENT, [TrackRecord("open", files=Deadly(look))])

    assert seen == [0]
    assert path.exists()
    assert runs()["open"].info.status == "FINISHED"


def test_a_run_whose_process_died_after_its_metrics_is_whole(place: Path) -> None:
    del place
    log_runs(PARENT, [A])
    run = runs()["a"]
    with client_of(store_uri(), lambda _: None) as client:
        client.set_tag(run.info.run_id, "catalyst.owner", "4194305:1")
        client.update_run(run.info.run_id, status="RUNNING")
        mended = mend(client)

    assert mended == 1
    assert told("a") == ("FINISHED", {"sharpe": 1.5})


# --- what is told -------------------------------------------------------------------------------


def test_every_parameter_and_component_is_told_by_its_name() -> None:
    params = Params().replace(price_max=1000, allow_short=True)
    flat = flat_params(params)

    assert flat["screen.price_max"] == "1000"
    assert flat["signal.allow_short"] == "true"
    assert flat["catalyst.tier_weights"] == "1, 0.8, 0.6, 0.4, 0.2"
    assert flat["exits"] == "news_reversal, time_stop, flatten"
    assert flat["scored.catalyst"] == "0.35"
    assert flat["catalyst_score"] == "spec"


def test_variants_are_told_by_the_same_names_whatever_they_use() -> None:
    names = [flat_params(Params.load(name)).keys() for name in ("spec", "pullback", "daily")]

    assert names[0] == names[1] == names[2]


def test_parameters_that_change_by_date_are_told_where_they_differ() -> None:
    later = Params().replace(full_above=80)
    changed = flat_params(dataclasses.replace(Params(), by_date=((19_724, later),)))

    assert changed.keys() - flat_params(Params()).keys() == {
        "by_date.2024-01-02",
        "by_date.2024-01-02.signal.full_above",
    }
    assert changed["by_date.2024-01-02"] == later.hash
    assert changed["by_date.2024-01-02.signal.full_above"] == "80"


def test_a_users_component_is_told_with_the_hash_of_its_source() -> None:
    def calm(bars: Any, params: Any) -> Any:  # noqa: ANN401 - a trader's function
        del params
        return np.full(len(bars.close), 50.0)

    params = Params().replace(technical_score=calm)

    assert flat_params(params)["technical_score"] == (
        f"{params.technical_score.name}@{params.technical_score.source_hash}"
    )


def test_what_mlflow_would_cut_is_cut_by_us_and_says_so(place: Path) -> None:
    del place
    log_runs(PARENT, [TrackRecord("a", {"instants": "12345," * 2_000})])
    value = runs()["a"].data.params["instants"]

    assert value.startswith("12345,")
    assert "... 12,000 characters in all, sha256 " in value


def test_tags_identify_the_run_and_name_no_path() -> None:
    summary = small_run().summary
    tags = tags_of(summary, lake="sample")

    assert {name: tags[name] for name in ("data_digest", "params_hash", "code_version")} == {
        name: summary[name] for name in ("data_digest", "params_hash", "code_version")
    }
    assert tags["lake"] == "sample"
    assert tags["synthetic"] == "no"
    assert tags["lock_hash"] == lock_hash()
    assert lock_hash().startswith("requirements.lock:")
    assert not [value for value in tags.values() if "/" in value]


# --- the store's address ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:////somewhere/mlflow.db", "sqlite:////somewhere/mlflow.db"),
        ("https://ann:secret@mlflow.example:5000/x", "https://mlflow.example:5000/x"),
        ("postgresql://ann:secret@db/mlflow?password=secret", "postgresql://db/mlflow"),
    ],
)
def test_an_address_is_shown_without_its_password(uri: str, shown: str) -> None:
    assert shown_uri(uri) == shown


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_store_that_refuses_is_told_without_its_password(
    scheme: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del place
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://ann:hush-hush@127.0.0.1:9/x")
    settings.cache_clear()
    with pytest.raises(InputError) as caught:
        check_store() if scheme == "http" else log_runs(PARENT, [A])

    assert "127.0.0.1:9" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "ann" not in str(caught.value)
    assert "MLFLOW_TRACKING_URI" in str(caught.value)


# --- MLflow's pages -----------------------------------------------------------------------------


def test_a_port_that_is_taken_is_refused_and_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {number} is taken"):
            free_port(number)

        assert free_port() != number


def test_the_page_that_is_told_compares_the_newest_comparison(place: Path) -> None:
    del place
    before = page_of("earnings")
    compared = dataclasses.replace(PARENT, tags={KIND: COMPARISON})
    log_runs(compared, [B], experiment="earnings")
    log_runs(compared, [A, B], experiment="earnings")
    log_runs(PARENT, [A], experiment="earnings")
    found = page_of("earnings")
    names = {run.info.run_id: run.info.run_name for run in every_run()}
    listed = json.loads(parse_qs(found.partition("?")[2])["runs"][0])

    assert before == ""
    assert found.startswith("#/compare-runs?")
    assert [names[run_id] for run_id in listed] == ["a", "b"]


def test_the_pages_answer_from_the_store_and_leave_no_process_behind(place: Path) -> None:
    del place
    log_runs(PARENT, [A], experiment="earnings")
    port = free_port()
    with server(store_uri(), port) as running:
        asked = urllib.request.Request(
            f"http://{HOST}:{port}/api/2.0/mlflow/runs/search",
            data=json.dumps({"experiment_ids": ["1"]}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - http, see above
            found = json.load(answer)
        with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=30) as answer:
            page = answer.read().decode()

    assert sorted(run["info"]["run_name"] for run in found["runs"]) == ["a", "a, b"]
    assert "<title>MLflow</title>" in page
    assert running.poll() is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
