from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["live_services"]

REPOSITORY = Path(__file__).resolve().parents[1]

# Each file goes to a worker as a whole: the longest first, so that no worker is left with one when
# the others have ended. The second of them needs no kernel: one worker compiles those, not two.
LONGEST = (
    *("test_audit_lookahead", "test_shared_imports", "test_notebooks", "test_calibrate"),
    *("test_live_crashes", "test_live_command", "test_incidents", "test_feeds"),
    *("test_real_runs", "test_compare", "test_killed_imports", "test_compiled_trials"),
    *("test_learning", "test_sweep", "test_manners", "test_report", "test_against_reference"),
    *("test_cluster", "test_event_study", "test_learning_future", "test_walk_forward"),
)

# Tests ask made-up data made-up questions: they must not count as somebody's search.
_LEDGER = tempfile.mkdtemp(prefix="catalyst-ledger-")
os.environ["CATALYST_LEDGER"] = str(Path(_LEDGER) / "trials.sqlite")
atexit.register(shutil.rmtree, _LEDGER, ignore_errors=True)

# The same examples on every machine and every day: a failure seen once is seen by all. Searching
# for new ones is a deliberate act: `pytest --hypothesis-profile explore`. No deadline, because the
# first call of a kernel compiles it.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real market data is not here: {folder} is no folder")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))
