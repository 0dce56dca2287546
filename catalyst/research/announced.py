"""What is about to run and be logged, in a file: a process that is killed leaves it behind.

MLflow is told of runs when they are done, so that nothing in it is half there. What was interrupted
before is in such a file, and whoever opens MLflow next marks it as killed there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from catalyst.errors import OutputError
from catalyst.research.owners import is_alive, machine, owner
from catalyst.research.track_record import TrackRecord

_FOLDER = "announced"
_ERROR = "interrupted before it was done"


@dataclass(frozen=True)
class Announced:
    """Hold what was announced: MLflow's experiment, the parent run and those nested in it."""

    experiment: str
    parent: TrackRecord
    nested: tuple[TrackRecord, ...]


def announce(
    home: Path, parent: TrackRecord, nested: Sequence[TrackRecord], *, experiment: str
) -> Path:
    """Write down what is about to run.

    Parameters
    ----------
    home
        Folder of MLflow under ``CATALYST_HOME``.
    parent, nested
        Names, parameters and tags as far as they are known; nothing else is kept.
    experiment
        Name of MLflow's experiment.

    Returns
    -------
    Path
        The file, to be removed when what it announces is logged, or has failed in the open.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    mark = owner()
    told = {
        "owner": mark,
        "machine": machine(),
        "experiment": experiment,
        "runs": [asdict(_bare(one)) for one in (parent, *nested)],
    }
    folder = home / _FOLDER
    path = folder / f"{mark.replace(':', '-').replace(' ', '-')}.json"
    fresh = path.with_suffix(".new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(told), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} can't be written: {error.strerror}; give the rights it needs, set "
            "CATALYST_HOME, or pass --no-mlflow"
        ) from None
    return path


def left_behind(home: Path) -> list[tuple[Path, Announced]]:
    """Return what was announced by processes of this machine that are gone, oldest first."""
    found = []
    for path in sorted((home / _FOLDER).glob("*.json"), key=lambda p: (p.stat().st_mtime, p.name)):
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["machine"] == machine() and not is_alive(told["owner"]):
            parent, *nested = (TrackRecord(**run) for run in told["runs"])
            found.append((path, Announced(told["experiment"], parent, tuple(nested))))
    return found


def _bare(record: TrackRecord) -> TrackRecord:
    return replace(record, metrics={}, curves={}, files={}, note="", error=_ERROR)
