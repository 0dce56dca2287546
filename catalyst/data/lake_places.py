"""Where lakes are: a run names its data by digest, and this remembers where such data was seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalyst.data.lake import Lake
from catalyst.data.settings import resolve_lake
from catalyst.data.state_notes import note, noted
from catalyst.errors import InputError

_NOTE = "lakes"
_SHOWN_DIGITS = 16


def remember(lake: Lake) -> None:
    """Note where a lake's data is, under ``CATALYST_HOME``; a folder without rights is no error."""
    places = _places()
    found = {lake.digest(): str(lake.root.absolute())}
    if not places.items() >= found.items():
        note(_NOTE, {**places, **found})


def lake_of(summary: Mapping[str, Any], told: Path | None = None) -> Lake:
    """Find the lake that a run was made from.

    Parameters
    ----------
    summary
        Content of the run's ``summary.json``.
    told
        Where the user says it is; None looks where it was last seen, then at the default lake.

    Raises
    ------
    InputError
        If it is not there, or holds other data.
    """
    wanted = str(summary["data_digest"])
    seen = _places().get(wanted)
    guesses = [told] if told else [*([Path(seen)] if seen else []), resolve_lake()]
    digests: list[str] = []
    for place in guesses:
        if not told and not place.is_dir():
            continue
        lake = Lake(place)
        digest = lake.digest()
        if digest == wanted:
            return lake
        digests.append(f"{place} has {digest[:_SHOWN_DIGITS]}")
    found = "; ".join(digests) or f"{' and '.join(map(str, guesses))} is not there"
    raise InputError(
        f"the run was made from a lake with the data digest {wanted[:_SHOWN_DIGITS]}, and "
        f"{found}: name that lake with --lake, or replay the run on the lake as it is now"
    )


def _places() -> dict[str, str]:
    return noted(_NOTE)
