"""With real kernels: the reported state is right for every reader, even if messages pass by or are lost."""

import asyncio
import os
import signal
import sys

import pytest

from jupyter_terra_env.server.activity.kernel_watch import KernelWatch

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def kernel(new_session, watch, eventually, jp_asyncio_loop):
    """A kernel that is known for certain."""

    async def start():
        kernel_id = await new_session()
        await eventually(lambda: watch.find(kernel_id) and watch.find(kernel_id).busy.certain)
        return kernel_id

    return jp_asyncio_loop.run_until_complete(start())


async def is_(reported, kernel_id, state):
    return await reported(kernel_id) == state


async def always(reported, kernel_id, state, seconds):
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        assert await reported(kernel_id) == state
        await asyncio.sleep(0.1)


async def test_a_kernel_no_one_talks_to_becomes_idle(new_session, watch, eventually, reported):
    kernel_id = await new_session()
    await eventually(lambda: is_(reported, kernel_id, "idle"))
    assert watch.work() == ()


async def test_a_kernel_is_observed_before_its_first_cell(new_session, observing, jp_serverapp, eventually, front_end):
    """No audit comes between: the first cell may begin at once, and what is missed of it is missed for good."""
    watch = KernelWatch(jp_serverapp.kernel_manager, jp_serverapp.event_logger, observing[0])
    watch.start()
    try:
        kernel_id = await new_session()
        await eventually(lambda: watch.find(kernel_id) is not None)
        front = await front_end(kernel_id)
        await front.run("__import__('time').sleep(3)")
        await eventually(lambda: watch.busy_ids() == {kernel_id})
    finally:
        watch.close()


async def test_a_kernel_that_reports_its_start_late_is_asked_again(
    new_session, observing, jp_serverapp, eventually, front_end
):
    """A slow kernel reports its start after the probe was sent; no audit comes to ask again."""
    watch = KernelWatch(jp_serverapp.kernel_manager, jp_serverapp.event_logger, observing[0])
    watch.start()
    try:
        kernel_id = await new_session()
        await eventually(lambda: watch.find(kernel_id) and watch.find(kernel_id).busy.certain)
        front = await front_end(kernel_id)
        cell = await front.run("get_ipython().kernel._publish_status('starting', 'shell')")
        await front.next("status", parent=cell, execution_state="starting")
        await front.finish(cell)
        await eventually(lambda: watch.find(kernel_id).busy.certain)
    finally:
        watch.close()


async def test_without_us_it_stays_starting(new_session, reported):
    """What the previous test shows is ours: the same without observing."""
    kernel_id = await new_session()
    await always(reported, kernel_id, "starting", 3)


@pytest.mark.parametrize(
    "code",
    [
        "t = __import__('time').monotonic()\nwhile __import__('time').monotonic() - t < 5: pass",
        "__import__('time').sleep(2.5)",
        "for i in range(25): print(i); __import__('time').sleep(0.1)",
        "await __import__('asyncio').sleep(2.5)",
    ],
    ids=["loop", "sleep", "printing", "await"],
)
async def test_a_cell_is_work_from_start_to_end(kernel, watch, front_end, eventually, reported, code):
    front = await front_end(kernel)
    cell = await front.run(code)
    await eventually(lambda: is_(reported, kernel, "busy"))
    (work,) = watch.work()
    assert (work.kind, work.id) == ("kernel", kernel)
    await always(reported, kernel, "busy", 1.5)
    assert watch.work()
    await front.finish(cell)
    await eventually(lambda: is_(reported, kernel, "idle"))
    # The server may have heard of it a moment earlier.
    await eventually(lambda: watch.work() == ())
    assert watch.work_ended_seconds() is not None


async def test_a_cell_whose_browser_has_gone_is_work_to_its_end(kernel, watch, front_end, eventually, reported):
    front = await front_end(kernel)
    await front.run("__import__('time').sleep(2.5)")
    await eventually(lambda: is_(reported, kernel, "busy"))
    front.close()
    await always(reported, kernel, "busy", 1.5)
    await eventually(lambda: is_(reported, kernel, "idle"))


async def test_of_two_kernels_the_one_that_works_is_named(kernel, new_session, watch, front_end, eventually):
    other = await new_session("b.ipynb")
    await eventually(lambda: watch.find(other) and watch.find(other).busy.certain)
    front = await front_end(other)
    await front.run("__import__('time').sleep(1.5)")
    await eventually(lambda: watch.busy_ids() == {other})
    await eventually(lambda: watch.busy_ids() == set())


@pytest.mark.parametrize("asks", ["usage", "create subshell", "run on a subshell", "widget on a subshell"])
async def test_nothing_beside_a_cell_makes_it_look_idle(
    kernel, watch, front_end, eventually, reported, observing, asks
):
    front = await front_end(kernel)
    made = await front.send("create_subshell_request", {}, channel="control")
    subshell = (await front.next("create_subshell_reply", parent=made))["content"]["subshell_id"]
    cell = await front.run("__import__('time').sleep(3)")
    await front.next("status", parent=cell, execution_state="busy")
    match asks:
        case "usage":
            beside = await front.send("usage_request", {}, channel="control")
        case "create subshell":
            beside = await front.send("create_subshell_request", {}, channel="control")
        case "run on a subshell":
            content = {"code": "1 + 1", "silent": False}
            beside = await front.send("execute_request", content, subshell_id=subshell)
        case "widget on a subshell":
            content = {"comm_id": "c", "target_name": "jupyter.widget", "data": {}}
            beside = await front.send("comm_open", content, subshell_id=subshell)
    await front.finish(beside)
    await asyncio.sleep(0.3)
    await always(reported, kernel, "busy", 1.0)
    assert (kernel, "busy") in observing[1]
    assert watch.busy_ids() == {kernel}
    await front.finish(cell)
    await eventually(lambda: is_(reported, kernel, "idle"))


async def test_the_off_switch_leaves_the_reported_state_alone(
    jp_serverapp, new_session, watch, front_end, eventually, reported, observing
):
    object.__setattr__(watch._how, "correct", False)
    kernel_id = await new_session()
    await eventually(lambda: watch.find(kernel_id) and watch.find(kernel_id).busy.certain)
    front = await front_end(kernel_id)
    cell = await front.run("__import__('time').sleep(2)")
    await front.next("status", parent=cell, execution_state="busy")
    await front.finish(await front.send("usage_request", {}, channel="control"))
    await eventually(lambda: is_(reported, kernel_id, "idle"))
    (report,) = watch.report()
    assert (report["state"], report["reported_state"], report["corrected"]) == ("busy", "idle", True)
    assert observing[1] == []
    await front.finish(cell)


@pytest.mark.parametrize("connected", [True, False], ids=["with a browser", "without"])
async def test_a_kernel_killed_while_it_works_blocks_nothing(
    kernel, watch, front_end, eventually, reported, jp_serverapp, connected
):
    front = await front_end(kernel)
    await front.run("__import__('time').sleep(600)")
    await eventually(lambda: watch.busy_ids() == {kernel})
    if not connected:
        front.close()
    os.kill(jp_serverapp.kernel_manager.get_kernel(kernel).provisioner.pid, signal.SIGKILL)
    await eventually(lambda: watch.busy_ids() == set())
    await eventually(lambda: is_(reported, kernel, "idle"))
    await eventually(lambda: watch.find(kernel).busy.certain)


@pytest.mark.parametrize("new_ports", [True, False], ids=["other ports", "the same ports"])
async def test_a_kernel_killed_as_soon_as_it_starts(new_session, watch, eventually, reported, jp_serverapp, new_ports):
    for _ in range(3):
        kernel_id = await new_session()
        await _dies_young(jp_serverapp.kernel_manager.get_kernel(kernel_id), eventually, new_ports=new_ports)
        await eventually(lambda id_=kernel_id: (found := watch.find(id_)) is None or found.busy.certain)
        # Any other program may have taken one of its ports meanwhile: then it is not started again.
        if new_ports or watch.find(kernel_id) is not None:
            break
    await eventually(lambda: watch.find(kernel_id).busy.certain)
    await eventually(lambda: is_(reported, kernel_id, "idle"))


async def _dies_young(manager, eventually, *, new_ports):
    """Kill a kernel that has just started, and see it started anew."""
    manager._restarter.random_ports_until_alive = new_ports
    # As where ports are not chosen from the server's cache: a kernel that dies young gets others.
    manager._random_port_names = ["iopub_port", "shell_port"] if new_ports else []
    manager.provisioner.ports_cached = not new_ports
    ports, pid = manager.iopub_port, manager.provisioner.pid
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: manager.provisioner.pid not in (pid, None) and manager.iopub_port)
    assert (manager.iopub_port != ports) == new_ports


async def test_a_kernel_that_dies_too_often_is_no_blocker(kernel, watch, front_end, eventually, jp_serverapp):
    front = await front_end(kernel)
    manager = jp_serverapp.kernel_manager.get_kernel(kernel)
    await front.run("__import__('time').sleep(600)")
    await eventually(lambda: watch.busy_ids() == {kernel})
    manager._restarter.restart_limit = 0
    os.kill(manager.provisioner.pid, signal.SIGKILL)
    await eventually(lambda: kernel not in jp_serverapp.kernel_manager)
    await eventually(lambda: watch.find(kernel) is None)
    assert watch.work() == ()


async def test_a_restart_by_hand_while_it_works(kernel, watch, front_end, eventually, reported, jp_fetch):
    front = await front_end(kernel)
    await front.run("__import__('time').sleep(600)")
    await eventually(lambda: watch.busy_ids() == {kernel})
    await jp_fetch("api", "kernels", kernel, "restart", method="POST", body="", request_timeout=60)
    await eventually(lambda: watch.busy_ids() == set())
    await eventually(lambda: is_(reported, kernel, "idle"))


@pytest.mark.timeout(180)
async def test_a_flood_while_the_server_stood_still_is_survived(kernel, watch, front_end, eventually, reported):
    """The kernel prints 300,000 lines while no one reads; even if messages were lost, an audit finds the end."""
    front = await front_end(kernel)
    marker = "flood-is-over"
    await front.run(
        f"import sys, pathlib\nfor i in range(300_000): print(i)\nsys.stdout.flush()\npathlib.Path({marker!r}).touch()"
    )
    await eventually(lambda: watch.busy_ids() == {kernel})
    # The event loop stands still: neither the server nor we read anything.
    stop = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"import os, signal, time; os.kill({os.getpid()}, signal.SIGSTOP); time.sleep(8); "
        f"os.kill({os.getpid()}, signal.SIGCONT)",
    )
    await stop.wait()
    front.close()
    await eventually(lambda: watch.busy_ids() == set(), at_most=90)
    await eventually(lambda: is_(reported, kernel, "idle"))


async def test_a_lost_end_is_found_by_the_probe(kernel, watch, front_end, eventually, reported):
    """The end of a cell never arrives: our subscription is cut while it ends."""
    observer = watch.find(kernel)
    front = await front_end(kernel)
    cell = await front.run("__import__('time').sleep(1)")
    await eventually(lambda: watch.busy_ids() == {kernel})
    observer._iopub.stop_on_recv()
    await front.finish(cell)
    while observer._iopub.socket.poll(100):
        observer._iopub.socket.recv_multipart()
    observer._iopub.on_recv(observer._on_iopub)
    assert observer.busy.is_busy
    await eventually(lambda: watch.busy_ids() == set())
    await eventually(lambda: is_(reported, kernel, "idle"))


async def test_a_probe_waits_for_a_long_cell_and_does_not_end_it(kernel, watch, front_end, eventually, reported):
    front = await front_end(kernel)
    cell = await front.run("__import__('time').sleep(4)")
    await eventually(lambda: watch.find(kernel).busy.probes)
    await always(reported, kernel, "busy", 1.0)
    await front.finish(cell)
    await eventually(lambda: watch.busy_ids() == set())
