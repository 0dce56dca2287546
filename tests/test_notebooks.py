"""The notebooks run from top to bottom on a small market, and are kept without what they showed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import REPOSITORY
from nbclient import NotebookClient
from worlds import copied, small_lake

from catalyst.data.sample import SAMPLE_DIGEST
from catalyst.data.synthetic import write_synthetic_note

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
EACH_NOTEBOOK = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

#: What each of them must show.
SHOWN = {
    "01_backtest": (
        "trades, net",
        "cheap (scored): FOUND",
        "trend (scored): ok",
        "no violation",
    ),
    "02_compare_variants": ("pullback: not shown", "patient", "logged in MLflow as"),
    "03_event_study": ("edge: supported", "edge: not shown", "minutes late", "patterns, sources"),
    "04_honesty": (
        "edge: not shown",
        "edge: supported",
        "200 trials have looked",
        "beside controls of",
    ),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place whose sample is a small market, so that no notebook simulates the large one."""
    sample = copied(small_lake(), tmp_path / "home" / "lake" / "sample").root
    note = {"synthetic": "every company, price and headline here is simulated"}
    write_synthetic_note(sample, note | {"digest": SAMPLE_DIGEST})
    monkeypatch.setenv("CATALYST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    for name in ("CATALYST_LAKE", "JUPYTER_PATH", "JUPYTER_PLATFORM_DIRS"):
        monkeypatch.delenv(name, raising=False)
    # Neither what the user has set for Jupyter nor its own traces lie in the way.
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path


def shown(cell: Any) -> str:  # noqa: ANN401 - a notebook is JSON
    """Join what a cell printed and showed as text."""
    parts = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.outputs]
    return "\n".join(parts)


@EACH_NOTEBOOK
def test_a_notebook_runs_from_top_to_bottom_and_every_cell_shows_something(
    path: Path, home: Path
) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": str(home)}}
    )
    client.execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    silent = [cell.source for cell in cells if not shown(cell) and not cell.outputs]

    assert silent == []
    assert any(
        "plotly" in kind for cell in cells for o in cell.outputs for kind in o.get("data", ())
    )
    assert [text for text in SHOWN[path.stem] if not any(text in shown(c) for c in cells)] == []


@EACH_NOTEBOOK
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.outputs for cell in cells] == [[]] * len(cells)
    assert {cell.execution_count for cell in cells} == {None}
