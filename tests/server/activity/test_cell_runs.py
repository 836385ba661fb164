"""What is remembered of cells that run, and for how long; and what front ends' messages say."""

import json

import pytest
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1

from jupyter_terra_env.rules.cell_outputs import KernelMessage
from jupyter_terra_env.server.activity import cell_runs
from jupyter_terra_env.server.activity.cell_runs import CellRuns
from jupyter_terra_env.server.activity.kernel_websockets import ClientMessage, read_client_message
from jupyter_terra_env.server.activity.notebook_outputs import packed, read_messages, unpacked

HEADER = {"msg_id": "m", "msg_type": "execute_request", "session": "s"}
METADATA = {"cellId": "c"}
CONTENT = {"code": "1", "silent": True}


class TestClientMessages:
    @pytest.mark.parametrize("protocol", [None, "v1.kernel.websocket.jupyter.org"])
    def test_a_cell_is_known_in_both_protocols(self, protocol):
        parts = [HEADER, {}, METADATA, CONTENT]
        if protocol is None:
            message = json.dumps({"header": HEADER, "metadata": METADATA, "content": CONTENT})
        else:
            message = serialize_msg_to_ws_v1([json.dumps(part).encode() for part in parts], "shell")
        assert read_client_message(message, protocol) == ClientMessage(
            type="execute_request", id="m", silent=True, cell_id="c", code="1"
        )

    @pytest.mark.parametrize(
        "message", ["", "[]", "{}", b"", b"\xff" * 40, '{"header": {"msg_type": "x"}, "metadata": 7}']
    )
    @pytest.mark.parametrize("protocol", [None, "v1.kernel.websocket.jupyter.org"])
    def test_what_is_none(self, message, protocol):
        if protocol is not None and isinstance(message, str):
            message = message.encode()
        assert read_client_message(message, protocol) is None

    @pytest.mark.parametrize(
        ("content", "metadata", "silent"),
        [
            ({"store_history": True}, {}, False),
            ({"store_history": False}, {}, True),
            ({"store_history": False}, METADATA, False),
            ({"silent": True}, METADATA, True),
        ],
    )
    def test_what_leaves_no_history_and_is_no_cell_is_a_programs(self, content, metadata, silent):
        message = json.dumps({"header": HEADER, "metadata": metadata, "content": content})
        assert read_client_message(message, None).silent is silent

    def test_a_cell_without_an_id(self):
        message = json.dumps({"header": HEADER, "metadata": {"cellId": 7}, "content": {}})
        assert read_client_message(message, None).cell_id == ""


class Kernels:
    """As much of a kernel manager as is asked."""

    def __init__(self):
        self._kernel_buffers = {}
        self.ids = ["k"]

    def list_kernel_ids(self):
        return self.ids


_numbers = iter(range(10**9))


def frames(request, type_="stream", **content):
    header = {"msg_id": str(next(_numbers)), "msg_type": type_}
    parts = [header, {"msg_id": request}, {}, content]
    return [b"kernel.k.stream", b"<IDS|MSG>", b"signature", *(json.dumps(part).encode() for part in parts)]


@pytest.fixture
def kernels():
    return Kernels()


@pytest.fixture
def runs(kernels):
    return CellRuns(kernels)


def known(runs):
    return [(run.request_id, run.from_start) for what in runs.unattended().values() for run in what.runs]


def texts(runs):
    (what,) = runs.unattended().values()
    return [message.content["text"] for message in read_messages([*what.passed, *what.buffered])]


def test_a_run_is_known_from_its_request_to_its_end(runs):
    runs.begin("k", "r", "cell", "1")
    runs.passes("k", frames("r", text="1"))
    runs.passes("k", frames("another", text="2"))
    assert (known(runs), texts(runs)) == ([("r", True)], ["1"])
    runs.passes("k", frames("r", "status", execution_state="busy"))
    assert known(runs)
    runs.passes("k", frames("r", "status", execution_state="idle"))
    assert known(runs) == []


def test_kernels_without_cells_cost_nothing(runs):
    runs.passes("k", frames("r", text="1"))
    assert runs.unattended() == {}


def test_the_same_message_counts_once(runs, kernels):
    runs.begin("k", "r", "cell", "1")
    message = frames("r", text="1")
    for _ in range(3):
        runs.passes("k", list(message))
    kernels._kernel_buffers["k"] = {
        "session_key": "s",
        "buffer": [("iopub", message), ("shell", frames("r", text="2"))],
    }
    assert texts(runs) == ["1"]


def test_the_buffer_of_the_same_front_end_is_left_to_it(runs, kernels):
    runs.begin("k", "r", "cell", "1")
    kernels._kernel_buffers["k"] = {"session_key": "s", "buffer": [("iopub", frames("r", text="1"))]}
    runs.take_over("k", "s")
    kernels._kernel_buffers.clear()
    assert texts(runs) == []


def test_what_is_too_much_is_let_go_and_added_to_what_was_saved_once(runs, kernels, monkeypatch):
    monkeypatch.setattr(cell_runs, "_MOST_BYTES", 5000)
    runs.begin("k", "small", "one", "1")
    runs.passes("k", frames("small", text="1"))
    runs.begin("k", "r", "cell", "1")
    for _ in range(1000):
        runs.passes("k", frames("r", text="x" * 100))
    assert known(runs) == [("small", True), ("r", False)]
    assert texts(runs) == ["1"]
    (what,) = runs.unattended().values()
    runs.kept("k", what)
    assert known(runs) == [("small", True)]


def test_there_is_a_limit_to_runs(runs, monkeypatch):
    monkeypatch.setattr(cell_runs, "_MOST_RUNS", 3)
    for number in range(5):
        runs.begin("k", f"r{number}", f"cell {number}", "1")
    assert [id_ for id_, _ in known(runs)] == ["r2", "r3", "r4"]


def test_a_kernel_that_has_gone_is_forgotten(runs, kernels):
    runs.begin("k", "r", "cell", "1")
    kernels.ids = []
    assert runs.unattended() == {}
    kernels.ids = ["k"]
    assert runs.unattended() == {}


@pytest.mark.parametrize("content", [[], [b""], [b"{"], [b"\xff"], [b"7"]])
def test_a_broken_message_of_a_run_does_not_end_it(runs, content):
    runs.begin("k", "r", "cell", "1")
    runs.passes("k", [b"topic", b"<IDS|MSG>", b"s", b'{"msg_id": "1"}', b'{"msg_id": "r"}', b"{}", *content])
    assert known(runs) == [("r", True)]


@pytest.mark.parametrize("broken", [[], [b"<IDS|MSG>"], [b"<IDS|MSG>", b"", b"{}", b"{}", b"", b""], [b"x"] * 7])
def test_what_is_no_message_is_left_out(runs, broken):
    runs.begin("k", "r", "cell", "1")
    runs.passes("k", broken)
    good = frames("r", text="1")
    assert read_messages([broken, good]) == [KernelMessage(request_id="r", type="stream", content={"text": "1"})]


def test_what_is_packed_is_unpacked(runs, kernels):
    runs.begin("k", "r", "cell", "1")
    runs.passes("k", frames("r", text="1"))
    kernels._kernel_buffers["k"] = {"session_key": "s", "buffer": [("iopub", frames("r", text="é")), ("iopub", [b""])]}
    (what,) = runs.unattended().values()
    assert unpacked(memoryview(packed(what))) == what
