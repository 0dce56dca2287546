"""What a component uses beside its arguments is found by reading it, and nothing else is."""

from __future__ import annotations

import pytest
from component_samples import CLEAN, IMPURE

from catalyst.research.audit.purity import impurities


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_component_raises_no_alarm(name: str) -> None:
    _, function = CLEAN[name]

    assert impurities(function) == []


@pytest.mark.parametrize("name", IMPURE)
def test_an_impure_component_is_named_with_what_it_does(name: str) -> None:
    _, function, what = IMPURE[name]

    assert any(what in str(one) for one in impurities(function)), impurities(function)
