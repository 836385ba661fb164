"""A fixture for the whole suite: nothing of the product ever changes an object whatever its version is (P2)."""

import pytest

from jupyter_terra_env.bucket.embedded.faults import FaultPlan


@pytest.fixture(autouse=True)
def every_write_names_a_version(monkeypatch, request):
    """Judge each request of the product's clients where it leaves for the bucket; others' have no plan of faults.

    Tests of the embedded bucket itself ask it for anything.
    """
    if request.path.parent.name == "embedded":
        yield
        return
    plans, make = [], FaultPlan.__init__

    def made(plan):
        make(plan)
        plans.append(plan)

    monkeypatch.setattr(FaultPlan, "__init__", made)
    yield
    assert [request for plan in plans for request in plan.unconditional] == []
