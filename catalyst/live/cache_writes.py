"""What the journal says, written through to the cache, and what is loaded before the open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from typing import Any

from catalyst.live import cache_keys as keys
from catalyst.live.cache import Cache
from catalyst.live.status import PositionLine


def write_positions(cache: Cache, account_id: str, positions: Sequence[PositionLine]) -> None:
    """Keep what an account holds, for a status without a database."""
    told = [asdict(one, dict_factory=_plain) for one in positions]
    cache.put(keys.positions_key(account_id), told, lifetime_s=keys.POSITIONS_S)


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value.value if isinstance(value, Enum) else value for name, value in pairs}
