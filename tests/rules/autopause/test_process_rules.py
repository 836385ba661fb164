"""Loads by kernel, by terminal, and of everything else."""

import pytest

from jupyter_terra_env.rules.autopause.activity import WorkKind
from jupyter_terra_env.rules.autopause.processes import (
    ProcessRoot,
    ProcessSample,
    children_of,
    key_of,
    loads,
    streaks,
    work_of_loads,
)

SERVER, KERNEL, SHELL = 100, 200, 300
ROOTS = (
    ProcessRoot(pid=KERNEL, kind=WorkKind.KERNEL, id="k1"),
    ProcessRoot(pid=SHELL, kind=WorkKind.TERMINAL, id="1"),
)
NOBODY = frozenset()


def process(pid, parent, cpu=0.0, name="python", started=1.0):
    return ProcessSample(pid=pid, parent_pid=parent, name=name, cpu_seconds=cpu, started=started)


def measured(before, after, elapsed=10.0):
    found = loads(before, after, elapsed_seconds=elapsed, roots=ROOTS, ignored_pids=frozenset({SERVER}))
    return {key_of(load.root): load for load in found}


def test_loads_belong_to_the_nearest_root():
    before = [process(SERVER, 1), process(KERNEL, SERVER), process(201, KERNEL), process(SHELL, SERVER), process(9, 1)]
    after = [
        process(SERVER, 1, 9.0),
        process(KERNEL, SERVER, 1.0),
        process(201, KERNEL, 4.0, "worker"),
        process(SHELL, SERVER, 0.5),
        process(9, 1, 2.0, "hog"),
    ]
    found = measured(before, after)
    assert found["kernel:k1"].cores == pytest.approx(0.5)
    assert (found["kernel:k1"].top, found["kernel:k1"].top_pid) == ("worker", 201)
    assert found["terminal:1"].cores == pytest.approx(0.05)
    assert (found["machine"].cores, found["machine"].top) == (pytest.approx(0.2), "hog")


def test_a_job_whose_parents_are_gone_belongs_to_the_machine():
    assert measured([process(9, 1)], [process(9, 1, 10.0)])["machine"].cores == pytest.approx(1.0)


def test_the_server_counts_for_nothing():
    assert measured([process(SERVER, 1)], [process(SERVER, 1, 10.0)]) == {}


def test_a_new_process_of_an_old_id_is_another_one():
    found = measured([process(9, 1, 500.0)], [process(9, 1, 2.0, started=7.0)])
    assert found["machine"].cores == pytest.approx(0.2)


def test_parents_in_a_circle_end_the_search():
    assert measured([], [process(7, 8), process(8, 7)])["machine"].cores == 0


def test_no_time_no_loads():
    assert loads([], [process(9, 1, 3.0)], elapsed_seconds=0, roots=ROOTS, ignored_pids=NOBODY) == ()


def work_after(cores, threshold=0.1, work_samples=2, busy=NOBODY):
    current = {}
    work = ()
    for number, used in enumerate(cores):
        found = loads(
            [process(KERNEL, 1, 0.0)],
            [process(KERNEL, 1, used)],
            elapsed_seconds=1,
            roots=ROOTS,
            ignored_pids=NOBODY,
        )
        current = streaks(current, found, threshold_cores=threshold, now=number * 15.0)
        work = work_of_loads(found, current, work_samples=work_samples, now=number * 15.0, busy_kernels=busy)
    return work


def test_a_load_counts_after_some_samples_in_a_row():
    assert work_after([0.5]) == ()
    assert work_after([0.5, 0.05, 0.5]) == ()
    (work,) = work_after([0.05, 0.5, 0.5])
    assert (work.kind, work.id, work.age_seconds) == (WorkKind.KERNEL_BACKGROUND, "k1", 15.0)
    assert "python (process 200)" in work.detail


def test_exactly_at_the_threshold_counts_and_0_is_off():
    assert work_after([0.1, 0.1])
    assert work_after([5.0, 5.0], threshold=0) == ()


def test_a_kernel_whose_cell_runs_is_mentioned_once():
    assert work_after([0.5, 0.5], busy=frozenset({"k1"})) == ()


def test_children_of_a_shell():
    assert [child.pid for child in children_of(ROOTS[1], [process(301, SHELL), process(302, 301)])] == [301]
