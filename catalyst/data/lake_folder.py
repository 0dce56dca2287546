"""The folder of a lake: there or made, and left by no writer half done."""

from __future__ import annotations

from pathlib import Path

from catalyst.data.partition import finish_interrupted
from catalyst.errors import LakeError

#: What a replay can see; ``quarantine`` lies beside.
TABLES = ("bars", "news", "actions", "universe")


def open_folder(root: Path, *, create: bool) -> None:
    """Finish what an interrupted writer began, and see that there is a lake.

    Raises
    ------
    LakeError
        If there is no lake at `root`, or nothing in it and it is not to be made, or an interrupted
        import can't be finished.
    """
    finish_interrupted(root)
    if create:
        if root.exists() and not root.is_dir():
            raise LakeError(f"{root} is a file; expected a folder for the lake")
        root.mkdir(parents=True, exist_ok=True)
    elif not root.is_dir():
        raise LakeError(
            f"there is no lake at {root}; run `catalyst data import bars PATH --lake {root}` or "
            "name another with --lake"
        )
    elif not any((root / table).is_dir() for table in TABLES):
        if (root / "quarantine").is_dir():
            raise LakeError(
                f"the lake {root} holds rejected rows only; run `catalyst data quarantine --lake "
                f"{root}` to see why, and import or release them as what they are"
            )
        raise LakeError(
            f"the lake {root} is empty; run `catalyst data import bars PATH --lake {root}`"
        )
