"""A small soak: some seconds of many editors; the large one is ``python tests/stateful/soak.py``."""

import pytest
from environments import directory_in_memory
from soak import soak


@pytest.mark.timeout(180)
def test_nothing_is_lost_and_nothing_overwritten_unseen():
    with directory_in_memory() as folder:
        found = soak(editors=20, seconds=12.0, seed="1", folder=folder)
    assert found.is_well, found
    assert found.counts["saves"] > 50
    assert found.counts["versions"] > 50
    assert found.counts["faults"] > 5
