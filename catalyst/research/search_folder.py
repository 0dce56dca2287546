"""The folder that a search leaves behind: whole, with a summary written last, or resumable."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from catalyst.errors import InputError, OutputError
from catalyst.research.result import check_output
from catalyst.research.sweep_parts import PARTS, read_plan, write_whole


@dataclass(frozen=True)
class SearchFolder:
    """Name a kind of search and its summary.

    Attributes
    ----------
    kind
        The command that makes it.
    name
        File of JSON that makes the folder whole; its content holds the search's plan.
    """

    kind: str
    name: str

    def summary(self, folder: Path) -> dict[str, Any]:
        """Return the content of the summary.

        Raises
        ------
        InputError
            If the folder is no finished search of this kind.
        """
        try:
            content = json.loads((folder / self.name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict) or "params_hash" not in content:
            raise InputError(
                f"{folder} is not the folder of a finished {self.kind}: it has no {self.name} that "
                f"can be read; make one with catalyst {self.kind}"
            )
        return content

    def prepare(self, target: Path, plan: dict[str, Any], *, resume: bool, force: bool) -> bool:
        """Make room for a search; True if it is there already, whole, and to be resumed.

        Raises
        ------
        OutputError
            If the folder can't be written, or holds something that is not to be replaced.
        """
        if not target.exists():
            check_output(target, force=False)
            return False
        if target.is_dir() and not any(target.iterdir()):
            return False
        finished, unfinished = (target / self.name).exists(), read_plan(target) is not None
        if not (target.is_dir() and (finished or unfinished)):
            raise OutputError(
                f"{target} exists and is no {self.kind}'s folder; choose another with --out"
            )
        if resume and finished:
            known = self.summary(target)
            if all(known.get(name) == value for name, value in plan.items()):
                shutil.rmtree(target / PARTS, ignore_errors=True)
                return True
            if not force:
                raise OutputError(
                    f"{target} holds a finished {self.kind} of another grid, data, span or code; "
                    "pass --force to replace it, or choose another folder with --out"
                )
        if resume and not force:
            return False
        if not force:
            hint = "--resume to go on, or " if unfinished and not finished else ""
            kind = "a finished" if finished else "an unfinished"
            raise OutputError(
                f"{target} holds {kind} {self.kind}; pass {hint}--force to start anew, or choose "
                "another folder with --out"
            )
        shutil.rmtree(target)
        return False

    def write(self, target: Path, name: str, content: str | pl.DataFrame) -> None:
        """Write a file of the folder, whole or not at all."""
        if isinstance(content, str):
            write_whole(target / name, content.encode())
            return
        held = io.BytesIO()
        content.write_parquet(held)
        write_whole(target / name, held.getvalue())
