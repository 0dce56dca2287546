"""Where a user's components are: a run names them as its variant did, and holds no path."""

from __future__ import annotations

from pathlib import Path

from catalyst.data.state_notes import note, noted
from catalyst.strategy.params import COMPONENTS, Params

_NOTE = "components"
_KEPT = 8


def remember_components(params: Params) -> None:
    """Note which files a variant's components came from, so that its runs can be opened again."""
    places = noted(_NOTE)
    before = dict(places)
    for kind in COMPONENTS:
        value = getattr(params, kind)
        for item in value if isinstance(value, tuple) else (value,):
            component = item[0] if isinstance(item, tuple) else item
            if component.place:
                old = [p for p in places.get(component.name, []) if p != component.place]
                places[component.name] = [component.place, *old][:_KEPT]
    if places != before:
        note(_NOTE, places)


def remembered_place(name: str) -> str:
    """Return ``file.py:function`` of a component's name, empty if it was never seen.

    Of several, one below the current folder is taken, else the last that was seen.
    """
    found = [p for p in noted(_NOTE).get(name, []) if Path(p.rpartition(":")[0]).is_file()]
    here = [p for p in found if Path(p).is_relative_to(Path.cwd())]
    return next(iter([*here, *found]), "")
