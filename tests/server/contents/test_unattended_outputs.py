"""What cells put out with no one connected is in their notebooks before the kernels end: with real kernels."""

import asyncio
import json

import pytest
from nbformat import v4
from workspace_kit import WORKSPACE, notebook

from jupyter_terra_env.server.contents import unattended_outputs

PATH = f"{WORKSPACE}/edit/a.ipynb"
CELL = "cell-0"
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def go(tmp_path):
    """Cells wait for it between what they put out."""
    return tmp_path / "go"


@pytest.fixture
def steps(go):
    """Code that prints 0, 1, …: each when it is asked to."""

    def code(count, what="print({0})"):
        wait = f"while not __import__('os').path.exists('{go}{{0}}'): __import__('time').sleep(0.02)\n"
        return "".join((wait + what + "\n").format(number) for number in range(count))

    return code


@pytest.fixture
def step(go):
    def tell(number):
        go.with_name(f"go{number}").touch()

    return tell


@pytest.fixture
def running(api, contents, front_end, bucket, jp_serverapp, jp_asyncio_loop, steps):
    """Open a notebook, start its kernel, and run its only cell."""

    async def start(code=None, type_="notebook", path=PATH, nb=None):
        code = steps(4) if code is None else code
        nb = notebook(code) if nb is None else nb
        bucket.put("notebooks/a.ipynb", json.dumps(nb))
        assert (await contents.open("a.ipynb")).code == 200
        body = {"path": path, "type": type_, "name": "", "kernel": {"name": "python3"}}
        session = await api("POST", "sessions", body=body)
        front = await front_end(session.model["kernel"]["id"])
        cell = await front.run(code, CELL)
        await front.next("execute_input", parent=cell)
        return front, cell

    yield start
    jp_asyncio_loop.run_until_complete(jp_serverapp.kernel_manager.shutdown_all())


@pytest.fixture
def leave(jp_serverapp, eventually):
    """Close a front end's websocket, and wait until the server has seen it."""

    async def go_away(front, connections=0):
        front.close()
        kernels = jp_serverapp.kernel_manager
        await eventually(lambda: kernels.kernel_model(front.kernel_id)["connections"] == connections)

    return go_away


@pytest.fixture
def buffered(jp_serverapp, eventually):
    """Wait until so many messages of a type have come with no one connected."""

    async def wait(front, type_="stream", count=1):
        def come():
            buffer = jp_serverapp.kernel_manager._kernel_buffers[front.kernel_id]["buffer"]
            return sum(type_.encode() in part for _, parts in buffer for part in parts[:1]) >= count

        await eventually(come)

    return wait


@pytest.fixture
def ended(jp_serverapp, eventually):
    """Wait until a cell has ended with no one connected. Requests of programs have statuses, too."""

    def is_end(parts):
        return any(b'"execute_request"' in part for part in parts) and b'{"execution_state": "idle"}' in parts

    async def wait(front):
        def has_come():
            buffer = jp_serverapp.kernel_manager._kernel_buffers[front.kernel_id]["buffer"]
            return any(is_end([bytes(part) for part in parts]) for _, parts in buffer)

        await eventually(has_come)

    return wait


@pytest.fixture
def flush(api):
    async def ask(**fields):
        body = {"deadline_seconds": 20, "before_end": True, **fields}
        return (await api("POST", "flush", base="terra-env", body=body)).model

    return ask


def cell_of(nb, index=0):
    cell = json.loads(nb)["cells"][index]
    text = "".join("".join(output.get("text", "")) for output in cell["outputs"])
    return text, cell["execution_count"]


async def test_outputs_before_and_after_the_browser_left_are_in_file_and_bucket(
    running, leave, buffered, ended, step, flush, edit, bucket
):
    front, cell = await running()
    step(0)
    await front.next("stream", parent=cell)
    await leave(front)
    step(1)
    await buffered(front)
    assert (await flush())["unpaid"] == []
    # It runs on: what is there so far.
    assert cell_of((edit / "a.ipynb").read_bytes()) == ("0\n1\n", 1)
    step(2)
    step(3)
    await ended(front)
    await flush()
    for content in ((edit / "a.ipynb").read_bytes(), bucket.get("a.ipynb").content):
        assert cell_of(content) == ("0\n1\n2\n3\n", 1)


async def test_partial_outputs_that_were_saved_are_there_once(
    running, leave, ended, step, flush, contents, steps, bucket, edit
):
    """Saved: 0. Seen and not saved: 1. Never seen: 2, 3."""
    front, cell = await running()
    step(0)
    await front.next("stream", parent=cell)
    nb = notebook(steps(4), outputs=[v4.new_output("stream", name="stdout", text="0\n")])
    nb.cells[0].metadata["mine"] = "kept"
    await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": nb})
    step(1)
    await front.next("stream", parent=cell)
    await leave(front)
    step(2)
    step(3)
    await ended(front)
    for _ in range(2):
        await flush()
        assert cell_of(bucket.get("a.ipynb").content) == ("0\n1\n2\n3\n", 1)
    assert json.loads((edit / "a.ipynb").read_bytes())["cells"][0]["metadata"] == {"mine": "kept"}


async def test_a_flush_that_ends_nothing_leaves_files_alone(running, leave, buffered, step, flush, edit):
    front, _ = await running()
    before = (edit / "a.ipynb").read_bytes()
    await leave(front)
    step(0)
    await buffered(front)
    await flush(before_end=False)
    assert (edit / "a.ipynb").read_bytes() == before


async def test_the_browser_that_comes_back_gets_everything_and_is_right_from_then_on(
    running, leave, ended, step, flush, front_end, contents, bucket, steps
):
    front, cell = await running()
    await leave(front)
    for number in range(4):
        step(number)
    await ended(front)
    await flush()
    again = await front_end(front.kernel_id)
    heard = ""
    while "3" not in heard:
        heard += (await again.next("stream", parent=cell))["content"]["text"]
    assert heard == "0\n1\n2\n3\n"
    await again.finish(cell)
    # Its outputs were cleared there.
    await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": notebook(steps(4))})
    await leave(again)
    await flush()
    assert cell_of(bucket.get("a.ipynb").content) == ("", None)


async def test_another_browser_in_between_loses_nothing_of_what_runs(
    running, leave, buffered, ended, step, flush, front_end, bucket
):
    front, _ = await running()
    await leave(front)
    step(0)
    await buffered(front)
    other = await front_end(front.kernel_id, session="another")
    step(1)
    await other.next("stream")
    await leave(other)
    step(2)
    step(3)
    await ended(front)
    await flush()
    assert cell_of(bucket.get("a.ipynb").content) == ("0\n1\n2\n3\n", 1)


async def test_two_browsers_at_once_double_nothing(running, leave, step, flush, front_end, bucket, buffered):
    front, cell = await running()
    other = await front_end(front.kernel_id, session="another")
    step(0)
    for each in (front, other):
        await each.next("stream", parent=cell)
    await leave(other, connections=1)
    await leave(front)
    step(1)
    await buffered(front)
    await flush()
    assert cell_of(bucket.get("a.ipynb").content) == ("0\n1\n", 1)


async def test_a_connected_browser_that_does_not_answer_is_as_good_as_none(running, step, flush, api, bucket):
    """A laptop that has just gone to sleep: its websocket is still open."""
    front, cell = await running()
    step(0)
    await front.next("stream", parent=cell)
    await flush()
    assert cell_of(bucket.get("a.ipynb").content) == ("", None)
    beat = {"action": "heartbeat", "tab": "t", "visible": True, "last_input_age_seconds": None}
    await api("POST", "autopause", base="terra-env", body=beat)
    await flush(deadline_seconds=4)
    assert cell_of(bucket.get("a.ipynb").content) == ("0\n", 1)


async def test_a_cell_that_is_run_anew_shows_the_new_run(running, leave, ended, step, flush, bucket, contents):
    front, first = await running("print('first')")
    await front.finish(first)
    anew = "print('second')\nimport time; time.sleep(1)"
    await contents.save("a.ipynb", anew)
    second = await front.run(anew, CELL)
    await front.next("stream", parent=second)
    await leave(front)
    await ended(front)
    await flush()
    assert cell_of(bucket.get("a.ipynb").content) == ("second\n", 2)


async def test_cells_that_waited_for_their_turn_show_what_they_put_out(
    running, leave, buffered, step, flush, bucket, contents, steps
):
    """Run all, and leave while the first runs."""
    saved = [v4.new_output("stream", name="stdout", text="as it was saved\n")]
    front, _ = await running(steps(1), nb=notebook(steps(1), "print('second')", "1/0", "print('never')"))
    for index, code in enumerate(("print('second')", "1/0", "print('never')"), start=1):
        await front.run(code, f"cell-{index}")
    nb = notebook(steps(1), "print('second')", "1/0", "print('never')", outputs=saved)
    await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": nb})
    await leave(front)
    step(0)
    await buffered(front, "error")
    await flush()
    content = bucket.get("a.ipynb").content
    assert [cell_of(content, index) for index in range(4)] == [("0\n", 1), ("second\n", 2), ("", 3), ("", None)]
    assert json.loads(content)["cells"][2]["outputs"][0]["ename"] == "ZeroDivisionError"


async def test_a_cell_that_ended_before_a_browser_that_left_is_that_browsers(
    running, leave, buffered, step, flush, bucket, steps
):
    """It had them all; whether it saved them was up to it."""
    code = "import time; time.sleep(1); print('second')"
    front, first = await running(steps(1), nb=notebook(steps(1), code))
    second = await front.run(code, "cell-1")
    step(0)
    await front.finish(first)
    await front.next("execute_input", parent=second)
    await leave(front)
    await buffered(front)
    await flush()
    content = bucket.get("a.ipynb").content
    assert [cell_of(content, index) for index in range(2)] == [("", None), ("second\n", 2)]


async def test_a_restart_that_someone_saw_ends_what_is_known_of_cells(
    running, leave, step, flush, api, bucket, front_end
):
    front, cell = await running()
    step(0)
    await front.next("stream", parent=cell)
    assert (await api("POST", "kernels", front.kernel_id, "restart")).code == 200
    await leave(front)
    await flush()
    assert cell_of(bucket.get("a.ipynb").content) == ("", None)


async def test_errors_and_pictures_are_kept(running, leave, ended, step, flush, bucket, steps):
    picture = "from IPython.display import display, HTML; h = display(HTML('<i>{0}</i>'), display_id=True)"
    code = steps(2, picture) + "h.update(HTML('<b>new</b>'))\n1/0"
    front, _ = await running(code)
    await leave(front)
    step(0)
    step(1)
    await ended(front)
    await flush()
    first, second, error = json.loads(bucket.get("a.ipynb").content)["cells"][0]["outputs"]
    assert "".join(first["data"]["text/html"]) == "<i>0</i>"
    assert "".join(second["data"]["text/html"]) == "<b>new</b>"
    assert error["ename"] == "ZeroDivisionError"


async def test_they_are_trusted_as_if_a_browser_had_saved_them(running, leave, ended, step, flush, contents, steps):
    front, _ = await running(steps(1, "from IPython.display import HTML, display; display(HTML('<i>{0}</i>'))"))
    await leave(front)
    step(0)
    await ended(front)
    await flush()
    assert (await contents.open("a.ipynb")).model["content"]["cells"][0]["metadata"] == {"trusted": True}


class TestNowhereToKeepThem:
    async def test_a_console_has_no_notebook(self, running, leave, buffered, step, flush, edit):
        front, _ = await running(type_="console", path="console-1")
        before = (edit / "a.ipynb").read_bytes()
        await leave(front)
        step(0)
        await buffered(front)
        assert await flush() == {"paid": [], "unpaid": []}
        assert (edit / "a.ipynb").read_bytes() == before

    async def test_the_notebook_was_deleted_meanwhile(
        self, running, leave, buffered, step, flush, contents, edit, bucket
    ):
        front, _ = await running()
        await leave(front)
        step(0)
        await buffered(front)
        assert (await contents.delete("a.ipynb")).code == 204
        assert await flush() == {"paid": [], "unpaid": []}
        assert not (edit / "a.ipynb").exists()
        assert bucket.get("a.ipynb") is None

    async def test_the_cell_was_deleted_meanwhile(self, running, leave, buffered, step, flush, contents, bucket):
        front, _ = await running()
        nb = v4.new_notebook(cells=[v4.new_code_cell("another", id="other")])
        await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": nb})
        await leave(front)
        step(0)
        await buffered(front)
        await flush()
        (cell,) = json.loads(bucket.get("a.ipynb").content)["cells"]
        assert (cell["id"], cell["outputs"]) == ("other", [])

    async def test_a_file_that_is_no_notebook_is_named(self, running, leave, buffered, step, flush, edit, api):
        front, _ = await running()
        await leave(front)
        step(0)
        await buffered(front)
        (edit / "a.ipynb").write_text("{")
        await flush()
        report = (await api("GET", "autopause", base="terra-env")).model
        assert {"path": PATH, "reason": "outputs-not-kept"} in report["flush"]["unsafe"]
        assert (edit / "a.ipynb").read_text() == "{"


async def test_another_persons_version_is_not_overwritten(running, leave, buffered, step, flush, bucket, edit):
    front, _ = await running()
    await leave(front)
    step(0)
    await buffered(front)
    bucket.put_notebook("a.ipynb", "theirs")
    flushed = await flush()
    assert [(status["path"], status["place"]) for status in flushed["unpaid"]] == [(PATH, "conflict")]
    assert bucket.sources("a.ipynb") == ["theirs"]
    assert cell_of((edit / "a.ipynb").read_bytes()) == ("0\n", 1)


async def test_large_notebooks_too(running, leave, ended, step, flush, bucket, steps, jp_serverapp):
    outputs = [v4.new_output("stream", name="stdout", text="old\n")]
    nb = notebook(steps(2), "x = '" + "y" * 3_000_000 + "'", outputs=outputs)
    front, _ = await running(steps(2), nb=nb)
    await leave(front)
    step(0)
    step(1)
    await ended(front)
    before = jp_serverapp.contents_manager.converter.converted
    await flush()
    content = bucket.get("a.ipynb").content
    assert cell_of(content) == ("0\n1\n", 1)
    # Read, and saved, beside the event loop.
    assert jp_serverapp.contents_manager.converter.converted - before == 2
    assert len("".join(json.loads(content)["cells"][1]["source"])) > 3_000_000


@pytest.mark.parametrize("moment", ["reading", "saving"])
async def test_saved_while_outputs_are_put_in(
    running, leave, buffered, step, flush, contents, bucket, monkeypatch, moment, steps
):
    """A save of another person's after reading, and one at the last moment."""
    front, _ = await running()
    await leave(front)
    step(0)
    await buffered(front)
    loop = asyncio.get_running_loop()
    saved = []

    if moment == "reading":
        answer = unattended_outputs.body_with_outputs

        def body(*args, **kwargs):
            if not saved:
                saving = contents.save("a.ipynb", steps(4), "typed meanwhile")
                saved.append(asyncio.run_coroutine_threadsafe(saving, loop).result(20))
            return answer(*args, **kwargs)

        monkeypatch.setattr(unattended_outputs, "body_with_outputs", body)
    else:
        save = unattended_outputs.UnattendedOutputs._save

        async def late(*args):
            if not saved:
                saved.append(await contents.save("a.ipynb", steps(4), "typed meanwhile"))
            await save(*args)

        monkeypatch.setattr(unattended_outputs.UnattendedOutputs, "_save", late)
    await flush()
    assert saved[0].code == 200
    assert bucket.sources("a.ipynb") == [steps(4), "typed meanwhile"]
    assert cell_of(bucket.get("a.ipynb").content) == ("0\n", 1)


async def unkept(api):
    report = (await api("GET", "autopause", base="terra-env")).model
    return [file["path"] for file in report["flush"]["unsafe"] if file["reason"] == "outputs-not-kept"]


class TestNoPlaceForThem:
    """Outputs never come under a cell that is not what was executed; they are named instead."""

    OLD = v4.new_output("stream", name="stdout", text="as it was\n")

    async def test_the_source_was_edited_since(self, running, leave, buffered, step, flush, contents, bucket, api):
        front, _ = await running()
        edited = notebook("print('edited')", outputs=[self.OLD])
        await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": edited})
        await leave(front)
        step(0)
        await buffered(front)
        for _ in range(2):
            await flush()
            assert cell_of(bucket.get("a.ipynb").content) == ("as it was\n", None)
            assert await unkept(api) == [PATH]

    async def test_nor_in_a_large_notebook(self, running, leave, buffered, step, flush, contents, bucket, api, steps):
        large = "x = '" + "y" * 3_000_000 + "'"
        front, _ = await running(steps(1), nb=notebook(steps(1), large))
        edited = notebook("print('edited')", large, outputs=[self.OLD])
        await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": edited})
        await leave(front)
        step(0)
        await buffered(front)
        await flush()
        assert cell_of(bucket.get("a.ipynb").content) == ("as it was\n", None)
        assert await unkept(api) == [PATH]

    async def test_a_run_that_has_put_nothing_out_is_not_named(self, running, leave, flush, contents, api):
        front, _ = await running()
        await contents.save("a.ipynb", "print('edited')")
        await leave(front)
        await flush()
        assert await unkept(api) == []


class TestASharedKernel:
    """Two notebooks with the same cell ids, as a duplicate has, and one kernel."""

    OTHER = f"{WORKSPACE}/edit/b.ipynb"

    @pytest.fixture
    def share(self, api, bucket, contents):
        async def open_b(front, source):
            outputs = [v4.new_output("stream", name="stdout", text="b's own\n")]
            bucket.put("notebooks/b.ipynb", json.dumps(notebook(source, outputs=outputs)))
            assert (await contents.open("b.ipynb")).code == 200
            kernel = {"id": front.kernel_id}
            body = {"path": self.OTHER, "type": "notebook", "name": "", "kernel": kernel}
            assert (await api("POST", "sessions", body=body)).code == 201

        return open_b

    async def test_the_one_that_came_later_has_not_asked(
        self, running, share, leave, buffered, step, flush, bucket, steps, api
    ):
        front, _ = await running()
        await share(front, steps(4))
        await leave(front)
        step(0)
        await buffered(front)
        await flush()
        assert cell_of(bucket.get("a.ipynb").content) == ("0\n", 1)
        assert cell_of(bucket.get("b.ipynb").content) == ("b's own\n", None)
        assert await unkept(api) == []

    async def test_the_one_with_another_source_has_not_asked(
        self, running, share, leave, buffered, step, flush, bucket, contents, steps, api
    ):
        front, first = await running("pass")
        await front.finish(first)
        await share(front, "print('another')")
        await contents.save("a.ipynb", steps(1))
        cell = await front.run(steps(1), CELL)
        await front.next("execute_input", parent=cell)
        await leave(front)
        step(0)
        await buffered(front)
        for _ in range(2):
            await flush()
            assert cell_of(bucket.get("a.ipynb").content) == ("0\n", 2)
            assert cell_of(bucket.get("b.ipynb").content) == ("b's own\n", None)
            assert await unkept(api) == []

    async def test_where_it_is_not_clear_neither_gets_them_and_both_are_named(
        self, running, share, leave, buffered, step, flush, bucket, contents, steps, api
    ):
        front, first = await running("pass")
        await front.finish(first)
        await share(front, steps(1))
        await contents.save("a.ipynb", steps(1))
        cell = await front.run(steps(1), CELL)
        await front.next("execute_input", parent=cell)
        await leave(front)
        step(0)
        await buffered(front)
        await flush()
        assert cell_of(bucket.get("a.ipynb").content) == ("", None)
        assert cell_of(bucket.get("b.ipynb").content) == ("b's own\n", None)
        assert sorted(await unkept(api)) == [PATH, self.OTHER]

    async def test_a_source_that_was_edited_since_does_not_make_it_the_others(
        self, running, share, leave, buffered, step, flush, bucket, contents, steps, api
    ):
        front, first = await running("pass")
        await front.finish(first)
        await share(front, steps(1))
        await contents.save("a.ipynb", steps(1))
        cell = await front.run(steps(1), CELL)
        await front.next("execute_input", parent=cell)
        await contents.save("a.ipynb", "print('edited')")
        await leave(front)
        step(0)
        await buffered(front)
        await flush()
        assert cell_of(bucket.get("b.ipynb").content) == ("b's own\n", None)
        assert sorted(await unkept(api)) == [PATH, self.OTHER]

    async def test_a_cell_of_the_other_does_not_end_what_is_known_of_the_first(
        self, running, share, leave, buffered, step, flush, bucket, contents, steps
    ):
        front, first = await running("pass")
        await front.finish(first)
        await share(front, "print('another')")
        await contents.save("a.ipynb", steps(1))
        for code in (steps(1), "print('another')"):
            await front.run(code, CELL)
        await leave(front)
        step(0)
        await buffered(front, "stream", 2)
        await flush()
        assert cell_of(bucket.get("a.ipynb").content) == ("0\n", 2)
        assert cell_of(bucket.get("b.ipynb").content) == ("another\n", 3)


async def test_a_notebook_that_is_renamed_while_it_runs_keeps_them(
    running, leave, buffered, step, flush, bucket, contents, api, jp_serverapp
):
    front, _ = await running()
    (session,) = await jp_serverapp.session_manager.list_sessions()
    path = f"{WORKSPACE}/edit/new name.ipynb"
    assert (await api("PATCH", "contents", *PATH.split("/"), body={"path": path})).code == 200
    assert (await api("PATCH", "sessions", session["id"], body={"path": path})).code == 200
    await leave(front)
    step(0)
    await buffered(front)
    await flush()
    assert cell_of(bucket.get("new name.ipynb").content) == ("0\n", 1)
