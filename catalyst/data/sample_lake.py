"""The bundled sample as a lake: simulated on first use, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from catalyst.data.lake import Lake
from catalyst.data.sample import (
    FIRST_SESSION,
    NULL_DIGEST,
    SAMPLE_DIGEST,
    SEED,
    Sample,
    digest,
    simulate,
)
from catalyst.data.settings import sample_root
from catalyst.data.synthetic import synthetic_note, write_synthetic_note
from catalyst.errors import InvariantError, OutputError


def is_complete(root: Path) -> bool:
    """Tell whether a folder holds a finished sample of this version."""
    note = synthetic_note(root)
    return note is not None and note["digest"] in (SAMPLE_DIGEST, NULL_DIGEST)


def sample(*, tell: Callable[[str], None] = lambda _: None) -> Lake:
    """Return the bundled sample's lake, made first if it is not there (about a minute)."""
    root = sample_root()
    if not is_complete(root):
        fill_sample(root, tell=tell)
    return Lake(root)


def fill_sample(
    root: Path, *, null: bool = False, tell: Callable[[str], None] = lambda _: None
) -> None:
    """Simulate the default sample and write it as a lake.

    Parameters
    ----------
    root
        The lake's folder; an older sample there is replaced.
    null
        Plant no edge.
    tell
        Called with what is being done.

    Raises
    ------
    OutputError
        If the folder holds something that is no sample.
    InvariantError
        If the simulation differs from the pinned one.
    """
    if root.exists() and any(root.iterdir()) and synthetic_note(root) is None:
        raise OutputError(
            f"{root} holds a lake that is no sample; choose another folder for the sample "
            "with --lake"
        )
    tell("simulating a market with news")
    sample = simulate(edge=not null)
    expected = NULL_DIGEST if null else SAMPLE_DIGEST
    if (found := digest(sample)) != expected:
        raise InvariantError(
            f"the sample's digest is {found}, expected {expected}: this machine simulates "
            "something else"
        )
    root.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{root.name}.", dir=root.parent))
    staging.chmod(0o755)
    try:
        write_sample(sample, staging, tell=tell)
        note = {
            "synthetic": "every company, price and headline here is simulated",
            "edge": not null,
            "seed": SEED,
            "first_session": str(FIRST_SESSION),
            "digest": expected,
        }
        write_synthetic_note(staging, note)
        if root.exists():
            shutil.rmtree(root)
        staging.rename(root)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def write_sample(
    sample: Sample,
    root: Path,
    *,
    bar_minutes: int = 5,
    tell: Callable[[str], None] = lambda _: None,
) -> Lake:
    """Write any simulated market as a lake, with the truth beside it in ``truth.parquet``."""
    lake = Lake(root, create=True)
    tell("writing bars")
    length = pl.duration(minutes=bar_minutes)
    bars = sample.bars.with_columns(known_at=pl.col("ts") + length)
    lake.add_bars(bars, timeframe=f"{bar_minutes}m", source="synthetic", file="simulated bars")
    tell("reading the news")
    lake.add_news(sample.news, file="simulated news")
    lake.add_actions(sample.actions, file="simulated actions")
    # The simulator's last day is the first without the symbol; a lake's is the last with it.
    members = sample.universe.select("symbol", "from", pl.col("to").dt.offset_by("-1d"), "known_at")
    lake.add_universe(members, file="simulated universe")
    sample.truth.write_parquet(root / "truth.parquet", compression="zstd")
    return lake
