"""catalyst: a research framework for traders who follow news.

What you tested is what trades, and the test did not lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catalyst.data.lake import Lake
    from catalyst.data.variants import Params
    from catalyst.research.replay import replay

__all__ = ["Lake", "Params", "replay"]

_HOMES = {
    "Lake": "catalyst.data.lake",
    "Params": "catalyst.data.variants",
    "replay": "catalyst.research.replay",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - three names of different types
    """Import a name when it is first asked for, so that ``catalyst --help`` is instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'catalyst' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
