"""What is a person, and what only watches."""

import pytest
from autopause_kit import Simulation

from jupyter_terra_env.rules.autopause.activity import (
    ActivityClass,
    class_of_client_message,
    class_of_request,
    is_reply_of_terminal,
    is_work,
)
from jupyter_terra_env.rules.autopause.state import Phase

NOTEBOOK = "/api/contents/w/edit/a.ipynb"

POLLERS = [
    ("GET", "/api/kernels", {}),
    ("GET", "/api/sessions", {}),
    ("GET", "/api/terminals", {}),
    ("GET", "/api/kernelspecs", {}),
    ("GET", "/api/me", {}),
    ("GET", "/api/status", {}),
    ("GET", "/api/metrics/v1", {}),
    ("GET", "/metrics", {}),
    ("GET", "/api", {}),
    ("GET", "/lab", {}),
    ("GET", "/lsp/status", {}),
    ("GET", "/api/contents", {"content": "1", "hash": "0"}),
    ("GET", "/api/contents/w/edit", {"content": "1"}),
    ("GET", NOTEBOOK, {"content": "0", "hash": "1"}),
    ("PUT", NOTEBOOK, {}),
    ("PUT", "/lab/api/workspaces/default", {}),
    ("GET", "/lab/api/settings/x", {}),
    ("PUT", "/lab/api/settings/x", {}),
    ("GET", "/api/kernels/5/channels", {}),
    ("GET", "/api/events/subscribe", {}),
    ("GET", "/terra-env/autopause", {}),
    ("POST", "/terra-env/autopause", {}),
    ("POST", "/terra-env/open-workspace-version", {}),
    ("GET", "/files/a.png", {}),
    ("POST", NOTEBOOK + "/checkpoints", {}),
    ("GET", "/hub/api/user", {}),
    ("POST", "/hub/activity", {}),
]
PEOPLE = [
    ("POST", "/api/sessions", {}, 201),
    ("PATCH", "/api/sessions/5", {}, 200),
    ("DELETE", "/api/sessions/5", {}, 204),
    ("POST", "/api/kernels/5/interrupt", {}, 204),
    ("POST", "/api/terminals", {}, 200),
    ("DELETE", "/api/terminals/1", {}, 204),
    ("POST", "/api/contents/w/edit", {}, 201),
    ("PATCH", NOTEBOOK, {}, 200),
    ("POST", NOTEBOOK + "/checkpoints/1", {}, 204),
    ("DELETE", NOTEBOOK, {}, 204),
    ("PUT", "/api/contents/w/new.csv", {}, 201),
    ("GET", NOTEBOOK, {"content": "1", "type": "notebook"}, 200),
    ("GET", "/api/contents/a.txt", {"content": "1", "type": "file", "format": "text"}, 200),
]


@pytest.mark.parametrize(("method", "path", "query"), POLLERS)
def test_what_only_watches_is_noise(method, path, query):
    assert class_of_request(method, path, query, 200) is ActivityClass.NOISE


@pytest.mark.parametrize(("method", "path", "query", "status"), PEOPLE)
def test_what_people_do_is_human(method, path, query, status):
    assert class_of_request(method, path, query, status) is ActivityClass.HUMAN


@pytest.mark.parametrize(("method", "path", "query", "status"), PEOPLE)
@pytest.mark.parametrize("refused", [401, 403, 404, 500])
def test_what_was_refused_counts_for_nothing(method, path, query, status, refused):
    assert class_of_request(method, path, query, refused) is ActivityClass.NOISE


@pytest.mark.parametrize("path", ["/api/sessionsx", "/xapi/sessions", "/api/contentsx"])
def test_paths_are_compared_whole(path):
    assert class_of_request("POST", path, {}, 200) is ActivityClass.NOISE


def test_two_hours_of_pollers_autosaves_and_layouts_keep_nothing_running():
    """Every ten seconds, for two hours; neither the idle time nor the longest work is reset."""
    machine = Simulation()
    seen = []
    for _ in range(2 * 3600 // 10):
        machine.clocks.pass_(10)
        for method, path, query in POLLERS:
            if class_of_request(method, path, query, 200) is ActivityClass.HUMAN:
                machine.human()
        machine.tick()
        seen.append(machine.phase)
    assert seen.index(Phase.PAUSED) == 1800 // 10 - 1


@pytest.mark.parametrize(
    ("message_type", "silent", "expected"),
    [
        ("execute_request", False, ActivityClass.HUMAN),
        ("execute_request", True, ActivityClass.NOISE),
        ("input_reply", False, ActivityClass.HUMAN),
        *(
            (name, False, ActivityClass.NOISE)
            for name in ("history_request", "comm_msg", "comm_open", "debug_request", "kernel_info_request")
        ),
    ],
)
def test_messages_of_front_ends(message_type, silent, expected):
    assert class_of_client_message(message_type, silent=silent) is expected


@pytest.mark.parametrize("name", ["execute_request", "comm_msg", "comm_open", "complete_request", "inspect_request"])
def test_requests_that_are_work(name):
    assert is_work(name)


@pytest.mark.parametrize(
    "name",
    ["", "kernel_info_request", "comm_info_request", "usage_request", "create_subshell_request", "debug_request"],
)
def test_requests_that_are_not(name):
    assert not is_work(name)


@pytest.mark.parametrize(
    "typed", ["\x1b[?1;2c", "\x1b[>0;276;0c", "\x1b[12;40R", "\x1b[0n", "\x1b[I\x1b[O", "\x1b]11;rgb:00/00/00\x1b\\"]
)
def test_what_a_terminal_answers_by_itself_is_no_one(typed):
    assert is_reply_of_terminal(typed)


@pytest.mark.parametrize("typed", ["ls\r", "\x1b[A", "\x1b", "\x1b[0n\r", "\x03", "", "\x1b[3~", b"ls"])
def test_keys_are_someone(typed):
    assert not is_reply_of_terminal(typed)
