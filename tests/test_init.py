"""``catalyst init``: a project that runs as it is written, and never overwrites anything."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from worlds import copied, scratch, small_lake

from catalyst.data.project import project_files, write_project
from catalyst.data.sample import SAMPLE_DIGEST
from catalyst.data.settings import settings
from catalyst.data.synthetic import write_synthetic_note
from catalyst.errors import OutputError

NAMES = {".gitignore", "README.md", "ideas.py", "my-variant.yaml", "research.ipynb"}
CATALYST = [sys.executable, "-m", "catalyst"]


@cache
def home() -> Path:
    """Give a home whose sample is the small market: nobody waits a minute for the large one."""
    folder = scratch() / "home"
    lake = copied(small_lake(), folder / "lake" / "sample")
    write_synthetic_note(lake.root, {"synthetic": "simulated", "digest": SAMPLE_DIGEST})
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CATALYST_HOME", str(home()))
    monkeypatch.delenv("CATALYST_LAKE", raising=False)
    settings.cache_clear()
    write_project(tmp_path / "my-research")
    monkeypatch.chdir(tmp_path / "my-research")
    yield tmp_path / "my-research"
    settings.cache_clear()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CATALYST, *arguments], capture_output=True, text=True, check=False)


def test_a_project_is_written_and_the_next_step_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run("init", "deep/my-research")

    assert (told.returncode, told.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "deep" / "my-research").iterdir()} == NAMES
    assert "cd deep/my-research" in told.stdout
    assert "catalyst backtest --variant my-variant.yaml" in told.stdout


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ideas.py").write_text("mine = 1\n")
    told = run("init", ".")

    assert told.returncode == 2
    assert "holds ideas.py already, and nothing is overwritten" in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["ideas.py"]


def test_a_folder_with_other_files_takes_a_project(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine\n")
    write_project(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {*NAMES, "notes.txt"}


def test_a_file_is_no_folder_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="is a file"):
        write_project(tmp_path / "file")
    with pytest.raises(OutputError, match="can't be written"):
        write_project(tmp_path / "file" / "below")


def test_its_first_command_runs_and_names_the_idea(project: Path) -> None:
    start = str(small_lake().days("5m")[-5])
    told = run("backtest", "--variant", "my-variant.yaml", "--start", start, "--json")
    summary = json.loads(told.stdout)

    assert told.returncode == 0
    assert summary["params"]["scored"]["ideas:near_high"] == 0.2
    assert (project / "runs" / "latest" / "summary.json").is_file()


def test_its_notebook_is_valid_and_runs_from_top_to_bottom(project: Path) -> None:
    notebook = json.loads((project / "research.ipynb").read_text(encoding="utf-8"))
    space: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            *lines, last = ast.parse("".join(cell["source"])).body
            is_value = isinstance(last, ast.Expr)
            body = ast.Module(lines if is_value else [*lines, last], [])
            exec(compile(body, "a cell", "exec"), space)  # noqa: S102 - our own notebook
            if isinstance(last, ast.Expr):
                shown.append(eval(compile(ast.Expression(last.value), "a cell", "eval"), space))  # noqa: S307 - see above

    assert (notebook["nbformat"], len({cell["id"] for cell in notebook["cells"]})) == (4, 12)
    assert all(cell.get("outputs", []) == [] for cell in notebook["cells"])
    assert [hasattr(value, "_repr_html_") for value in shown if value is not None].count(True) >= 3
    assert set(space["calmer"].differences(space["params"])) == {"entry_filters"}


def test_its_readme_is_short_and_names_commands_that_exist() -> None:
    from typer.main import get_command

    from catalyst.cli.app import app

    readme = project_files()["README.md"]
    told = re.findall(r"^ {4}catalyst (\w+)", readme, re.MULTILINE)
    known = set(get_command(app).commands)  # type: ignore[attr-defined]

    assert len(readme.splitlines()) <= 22
    assert set(told) == {"backtest", "explain", "audit", "report"}
    assert {"backtest", "explain"} <= known


def test_its_files_are_part_of_the_package(tmp_path: Path) -> None:
    # As a wheel has them: the package's folder, and nothing beside it.
    repository = Path(__file__).resolve().parents[1]
    shutil.copytree(
        repository / "catalyst", tmp_path / "catalyst", ignore=shutil.ignore_patterns("__pycache__")
    )
    program = "from catalyst.data.project import project_files; print(sorted(project_files()))"
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert ast.literal_eval(told.stdout) == sorted(NAMES)
