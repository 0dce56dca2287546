"""Runs in MLflow: written when they are whole, and marked where they are not.

The only module that imports mlflow, which takes seconds and would report its use. Of a run the
artifacts, parameters and tags are written first and all metrics in one transaction last, so that a
run has metrics if and only if it is whole, wherever the process is killed; `mend` says so in its
status.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from catalyst.data.messages import shown
from catalyst.data.settings import settings
from catalyst.errors import InputError
from catalyst.research.announced import Announced, left_behind
from catalyst.research.owners import is_alive, machine, owner
from catalyst.research.track_record import Curve, TrackRecord, shortened

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

Tell = Callable[[str], None]

EXPERIMENT = "catalyst"
#: A tag of parent runs: what made them.
KIND, COMPARISON = "catalyst.kind", "comparison"
_OWNER, _MACHINE, _ERROR = "catalyst.owner", "catalyst.machine", "error"
PARENT = "mlflow.parentRunId"
_NAME, _NOTE = "mlflow.runName", "mlflow.note.content"
_FINISHED, _FAILED, _KILLED = "FINISHED", "FAILED", "KILLED"
#: What a batch may hold: mlflow.utils.validation.
_MOST_PARAMS, _MOST_METRICS = 100, 1_000
_PAGE = 1_000
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_PATIENCE_S = 5.0
_SQLITE = "sqlite:///"
#: Environment in which MLflow keeps to itself, and does not wait for ever.
QUIET = {
    # It would send to its makers what is used how, and log how it makes its tables.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    # A server that is away is waited for two minutes, seven times.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def store_uri() -> str:
    """Return where runs are kept: ``MLFLOW_TRACKING_URI``, else a file under ``CATALYST_HOME``.

    It may hold a password: show `shown_uri` of it.
    """
    told = settings().mlflow_tracking_uri
    return told or f"{_SQLITE}{home() / 'mlflow.db'}"


def shown_uri(uri: str) -> str:
    """Return a store's address without the name and password in it, fit for a log."""
    if uri.startswith(_SQLITE) or "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def check_store() -> None:
    """Refuse a store that can't be reached, before anything runs for the sake of it.

    Raises
    ------
    InputError
        If it is a server that does not answer, or its folder can't be made.
    """
    uri = store_uri()
    parts = urlsplit(uri)
    if uri.startswith(_SQLITE):
        _make(Path(uri.removeprefix(_SQLITE)).parent)
        return
    port = _PORTS.get(parts.scheme.partition("+")[0])
    if port is not None:
        try:
            where = (parts.hostname or "", parts.port or port)
            socket.create_connection(where, timeout=_PATIENCE_S).close()
        except (OSError, ValueError) as error:
            raise InputError(
                f"MLflow at {shown_uri(uri)} does not answer ({_reason(error, uri)}); start it, "
                "check MLFLOW_TRACKING_URI, or pass --no-mlflow"
            ) from None


def log_runs(
    parent: TrackRecord,
    nested: Sequence[TrackRecord],
    *,
    experiment: str = EXPERIMENT,
    announced: Path | None = None,
    tell: Tell | None = None,
) -> str:
    """Log a parent run with runs nested in it, each whole or marked as not.

    Parameters
    ----------
    parent
        What they have in common.
    nested
        One run each, in this order.
    experiment
        Name of MLflow's experiment; made if it is not there.
    announced
        From `catalyst.research.announced.announce`; removed as soon as MLflow knows of the runs.
    tell
        Called with what is being done, in a few words.

    Returns
    -------
    str
        MLflow's id of the parent run.

    Raises
    ------
    InputError
        If the store can't be reached or written; the message never holds a password.
    """
    tell = tell or (lambda _: None)
    with client_of(store_uri(), tell) as client:
        mend(client)
        experiment_id = _experiment(client, experiment)
        with _running(client, experiment_id, parent, "") as run_id:
            if announced is not None:
                announced.unlink(missing_ok=True)
            for k, record in enumerate(nested):
                tell(f"logging {record.name} ({k + 1} of {len(nested)})")
                with _running(client, experiment_id, record, run_id) as nested_id:
                    _write(client, nested_id, record)
            tell("logging what they have in common")
            _write(client, run_id, parent)
    return run_id


def mend(client: MlflowClient) -> int:
    """Settle the runs of this machine whose process is gone: whole ones finished, others failed.

    What was announced and never came to be logged is logged as killed, without metrics.

    Returns
    -------
    int
        How many there were.
    """
    everywhere = [one.experiment_id for one in client.search_experiments(max_results=_PAGE)]
    running = client.search_runs(
        everywhere,
        f"attributes.status = 'RUNNING' and tags.`{_MACHINE}` = '{machine()}'",
        max_results=_PAGE,
    )
    lost = [run for run in running if not is_alive(run.data.tags.get(_OWNER, ""))]
    for run in lost:
        _settle(client, run.info.run_id, _FAILED, "its process ended before all was logged")
    forgotten = left_behind(home())
    for path, announced in forgotten:
        # First, so that two that mend at once don't both log it.
        path.unlink(missing_ok=True)
        _log_killed(client, announced)
    return len(lost) + len(forgotten)


def settle(tell: Tell) -> int:
    """Open the store and `mend` it; return how many runs there were to settle."""
    with client_of(store_uri(), tell) as client:
        return mend(client)


@contextmanager
def client_of(uri: str, tell: Tell) -> Iterator[MlflowClient]:
    """Open a store, silently.

    Parameters
    ----------
    uri
        From `store_uri`.
    tell
        Called with what is being done.

    Raises
    ------
    InputError
        If MLflow refuses anything within.
    """
    if uri.startswith(_SQLITE):
        place = Path(uri.removeprefix(_SQLITE))
        tell("opening MLflow" if place.exists() else "making MLflow's tables, once")
        _make(place.parent)
    else:
        tell(f"opening MLflow at {shown_uri(uri)}")
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    # Its loggers print the traceback of an error that is raised, too.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield MlflowClient(tracking_uri=uri)
    # A driver that is not installed, an address that is none.
    except (MlflowException, SQLAlchemyError, ImportError) as error:
        raise InputError(
            f"MLflow at {shown_uri(uri)} refused: {_reason(error, uri)}; check "
            "MLFLOW_TRACKING_URI, or leave it unset to keep runs under CATALYST_HOME"
        ) from None


def home() -> Path:
    """Return the folder under ``CATALYST_HOME`` that is MLflow's."""
    return settings().catalyst_home.absolute() / "mlflow"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} can't be made for MLflow's runs: {error.strerror}; give the rights it "
            "needs, or set CATALYST_HOME or MLFLOW_TRACKING_URI"
        ) from None


def _reason(error: Exception, uri: str) -> str:
    text = str(error).partition("\n")[0].replace(uri, shown_uri(uri))
    secret = urlsplit(uri).netloc.rpartition("@")[0] if "://" in uri else ""
    for part in (secret, *secret.split(":")):
        text = text.replace(part, "***") if len(part) > 2 else text
    return shown(text, longest=300).rstrip(".")


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            raise InputError(
                f"the experiment {name!r} was deleted in MLflow; restore it there, or choose "
                "another with --experiment"
            )
        return str(found.experiment_id)
    # A server keeps artifacts where it was told to; without one they stand beside the file.
    place = None if is_served(store_uri()) else (home() / "artifacts").as_uri()
    # Without it MLflow shows its pages for language models around the runs.
    kind = {"mlflow.experimentKind": "custom_model_development"}
    return str(client.create_experiment(name, artifact_location=place, tags=kind))


def is_served(uri: str) -> bool:
    """Tell whether a store is a server's, with pages of its own."""
    return urlsplit(uri).scheme in {"http", "https", "databricks", "databricks-uc"}


@contextmanager
def _running(
    client: MlflowClient, experiment_id: str, record: TrackRecord, parent_id: str
) -> Iterator[str]:
    """Open a run, and give it the status that what happens within deserves."""
    run_id = _create(client, experiment_id, record, parent_id)
    try:
        yield run_id
    except KeyboardInterrupt:
        _settle(client, run_id, _KILLED, "interrupted before all was logged")
        raise
    except BaseException as error:
        _settle(client, run_id, _FAILED, _reason(Exception(str(error)), store_uri()))
        raise
    client.set_terminated(run_id, _FAILED if record.error else _FINISHED)


def _create(client: MlflowClient, experiment_id: str, record: TrackRecord, parent_id: str) -> str:
    tags = {
        _NAME: record.name,
        _OWNER: owner(),
        _MACHINE: machine(),
        **({PARENT: parent_id} if parent_id else {}),
    }
    return str(client.create_run(experiment_id, tags=tags, run_name=record.name).info.run_id)


def _settle(client: MlflowClient, run_id: str, status: str, why: str) -> None:
    """End a run that was left: metrics are written last and at once, so one that has them is whole.

    A parent has none before those nested in it are done.
    """
    if client.get_run(run_id).data.metrics:
        client.set_terminated(run_id, _FINISHED)
        return
    client.set_tag(run_id, _ERROR, shortened(why))
    client.set_terminated(run_id, status)


def _log_killed(client: MlflowClient, announced: Announced) -> None:
    experiment_id = _experiment(client, announced.experiment)
    parent_id = ""
    for record in (announced.parent, *announced.nested):
        run_id = _create(client, experiment_id, record, parent_id)
        _write(client, run_id, record)
        client.set_terminated(run_id, _KILLED)
        parent_id = parent_id or run_id


def _write(client: MlflowClient, run_id: str, record: TrackRecord) -> None:
    from mlflow.entities import Param, RunTag

    tags = {**record.tags, **({_NOTE: record.note} if record.note else {})}
    if record.error:
        tags[_ERROR] = record.error
    for place, path in record.files.items():
        _keep(client, run_id, place, path)
    params = [Param(name, shortened(text)) for name, text in record.params.items()]
    for k in range(0, len(params), _MOST_PARAMS):
        client.log_batch(run_id, params=params[k : k + _MOST_PARAMS])
    told = [RunTag(name, shortened(text)) for name, text in tags.items()]
    for k in range(0, len(told), _MOST_PARAMS):
        client.log_batch(run_id, tags=told[k : k + _MOST_PARAMS])
    if not record.error:
        client.log_batch(run_id, metrics=_metrics(record))


def _keep(client: MlflowClient, run_id: str, place: str, path: Path) -> None:
    folder, _, name = place.rpartition("/")
    if name == path.name:
        client.log_artifact(run_id, str(path), folder or None)
        return
    with tempfile.TemporaryDirectory(prefix="catalyst-mlflow-") as scratch:
        shutil.copyfile(path, Path(scratch) / name)
        client.log_artifact(run_id, str(Path(scratch) / name), folder or None)


def _metrics(record: TrackRecord) -> list[Any]:
    """Return all metrics as one batch: curves are thinned until they fit into it."""
    from mlflow.entities import Metric

    curves = {name: curve for name, curve in record.curves.items() if len(curve.values)}
    numbers = _finite(record.metrics, without=curves)
    # A single number stands at the end of the curves, or MLflow would show it before them.
    at_ms, step = _end(curves)
    out = [Metric(name, value, at_ms, step) for name, value in numbers.items()]
    room = (_MOST_METRICS - len(out)) // max(len(curves), 1)
    for name, curve in curves.items():
        out += [
            Metric(name, float(curve.values[k]), int(curve.at_ms[k]), k + 1)
            for k in _chosen(len(curve.values), room)
        ]
    return out


def _finite(metrics: Mapping[str, float], *, without: Mapping[str, Curve]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in metrics.items()
        if name not in without and math.isfinite(value)
    }


def _end(curves: Mapping[str, Curve]) -> tuple[int, int]:
    ends = [(int(curve.at_ms[-1]), len(curve.values)) for curve in curves.values()]
    return max(ends, default=(0, 0))


def _chosen(count: int, room: int) -> list[int]:
    """Spread so many places over a curve, the last always among them."""
    if count <= room:
        return list(range(count))
    return sorted({count - 1 - round(k * (count - 1) / (room - 1)) for k in range(room)})
