"""Server or bucket away while someone types: it is shown, nothing is lost, and all is well again afterwards."""

import json

import pytest
from colleague import notebook
from real_jupyter import SwitchedBucket, running


@pytest.fixture
def own_jupyter(interface, tmp_path):
    # As behind the proxy of a cloud environment.
    with running(interface, tmp_path / "home", base_path="/proxy/google/v1/apps/project/jupyter") as server:
        yield server


def test_a_server_that_dies_while_someone_types_loses_nothing(before_a_browser, own_jupyter):
    colleague = own_jupyter.colleague
    colleague.put("crash.ipynb", "x = 1")
    person = before_a_browser(own_jupyter, "ann")
    person.open("crash.ipynb")
    person.wait_for_badge("place", "In the workspace")
    own_jupyter.kill()
    person.click_cell()
    person.page.keyboard.type("7")
    person.wait_for_badge("place", "Unsaved, no server", seconds=5)
    person.take_picture("no-server")
    person.wait(8)
    assert person.page.get_by_text("File Save Error").count() == 0, "the badge says it all the time"
    own_jupyter.start()
    person.wait_until(lambda: colleague.cell("crash.ipynb")["source"] == "x = 17", seconds=60)
    person.wait_for_badge("place", "In the workspace", seconds=60)
    assert person.badge("mode") == "Editing"
    person.take_picture("server-back")


def test_a_bucket_that_is_away_while_someone_types(before_a_browser, interface, tmp_path):
    data = tmp_path / "bucket"
    bucket = SwitchedBucket(data)
    bucket.switch_on()
    try:
        with running(interface, tmp_path / "home", data=data, variables=bucket.variables) as server:
            server.colleague.put("offline.ipynb", "x = 1")
            person = before_a_browser(server, "ann")
            person.open("offline.ipynb")
            person.wait_for_badge("place", "In the workspace")
            bucket.switch_off()
            person.click_cell()
            person.page.keyboard.type("7")
            person.wait_until(lambda: server.source("offline.ipynb") == "x = 17")
            person.wait_for_badge("place", "Offline, will be uploaded", seconds=40)
            person.take_picture("offline")
            assert person.dialogs() == 0
            bucket.switch_on()
            person.page.keyboard.type("8")
            person.wait_for_badge("place", "In the workspace", seconds=60)
            assert server.colleague.cell("offline.ipynb")["source"] == "x = 178"
            assert person.dialogs() == 0
            person.take_picture("online-again")
    finally:
        bucket.switch_off()


@pytest.mark.parametrize("interface", ["lab"], indirect=True)
def test_without_the_server_part_notebooks_open_and_nothing_is_said(before_a_browser, interface, tmp_path):
    options = ["--ServerApp.jpserver_extensions={'jupyter_terra_env': False}"]
    with running(interface, tmp_path / "home", options=options) as server:
        folder = server.home / "work" / "my-workspace" / "edit"
        folder.mkdir(parents=True)
        for name in ("one.ipynb", "two.ipynb"):
            (folder / name).write_text(json.dumps(notebook("x = 1")), encoding="utf-8")
        person = before_a_browser(server, "ann")
        broken = []
        person.page.on("pageerror", lambda error: broken.append(str(error)))
        person.page.goto(server.notebook_url("one.ipynb"))
        person.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        person.double_click("two.ipynb")
        person.wait(3)
        person.take_picture("no-server-part")
        assert person.page.locator(".Toastify__toast").count() == 0
        assert person.badge("mode") == ""
        assert broken == []
