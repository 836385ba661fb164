"""The demo's notebooks and the one time they are put into the bucket."""

import asyncio
import json
import multiprocessing
import re
from urllib.parse import quote

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.messages import Request
from jupyter_terra_env.cli import demo_steps
from jupyter_terra_env.cli.demo_data import (
    BUCKET,
    COLLEAGUES_NOTEBOOK,
    CONFLICT_NOTEBOOK,
    START_HERE,
    DemoFolders,
    demo_notebooks,
    has_start_page,
    prepare,
)
from jupyter_terra_env.rules.errors import SettingsError

NOTEBOOKS = dict(demo_notebooks())
WITH_OUTPUTS = sorted(set(NOTEBOOKS) - {START_HERE})


class Behind:
    """The bucket of a data folder."""

    def __init__(self, data):
        self._file = data / "bucket" / DATABASE_NAME

    def ask(self, method, target, body=b""):
        with EmbeddedBucket(self._file) as bucket:
            return bucket.handle(Request(method=method, target=target, body=body))

    def names(self):
        items = json.loads(self.ask("GET", f"/storage/v1/b/{BUCKET}/o").body).get("items", [])
        return {item["name"]: int(item["generation"]) for item in items}

    def put(self, name, content):
        return self.ask("POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(name, '')}", content)

    def content(self, name):
        return self.ask("GET", f"/storage/v1/b/{BUCKET}/o/{quote(name, '')}?alt=media").body

    def delete(self, name):
        return self.ask("DELETE", f"/storage/v1/b/{BUCKET}/o/{quote(name, '')}")


@pytest.fixture
def folders(tmp_path):
    return DemoFolders(tmp_path / "data", "demo")


@pytest.fixture
def behind(folders):
    return Behind(folders.data)


def test_the_first_start_puts_every_notebook_into_the_bucket(folders, behind):
    prepare(folders)
    assert {name: behind.content(name) for name in behind.names()} == {
        f"notebooks/{path}": content for path, content in NOTEBOOKS.items()
    }
    assert folders.data.stat().st_mode & 0o077 == 0


def test_later_starts_leave_edited_and_deleted_notebooks_alone(folders, behind):
    prepare(folders)
    behind.put("notebooks/gc-content.ipynb", b"edited")
    behind.delete("notebooks/cohort-summary.ipynb")
    before = behind.names()
    prepare(folders)
    prepare(DemoFolders(folders.data, "maria"))
    assert behind.names() == before
    assert behind.content("notebooks/gc-content.ipynb") == b"edited"


def test_a_start_that_was_cut_short_is_finished_without_replacing_anything(folders, behind):
    folders.bucket.mkdir(parents=True)
    behind.ask("POST", "/storage/v1/b", json.dumps({"name": BUCKET}).encode())
    behind.put("notebooks/gc-content.ipynb", b"edited already")
    prepare(folders)
    assert set(behind.names()) == {f"notebooks/{path}" for path in NOTEBOOKS}
    assert behind.content("notebooks/gc-content.ipynb") == b"edited already"


def test_first_starts_at_the_same_moment_do_not_clash(folders, behind):
    people = [DemoFolders(folders.data, f"person{number}") for number in range(6)]
    with multiprocessing.get_context("spawn").Pool(len(people)) as pool:
        pool.map(prepare, people, chunksize=1)
    assert set(behind.names()) == {f"notebooks/{path}" for path in NOTEBOOKS}
    assert all(person.home.is_dir() and person.lab.is_dir() for person in people)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_every_notebook_is_valid_says_its_data_are_made_up_and_is_in_its_final_form(path):
    text = NOTEBOOKS[path].decode()
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert "made up by a random generator" in notebook.cells[0].source
    assert nbformat.writes(notebook).rstrip("\n") + "\n" == text


@pytest.mark.parametrize("path", WITH_OUTPUTS)
def test_every_notebook_runs_and_makes_the_outputs_it_came_with(path, machine, monkeypatch):
    for name, value in machine.variables().items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.reads(NOTEBOOKS[path].decode(), as_version=4)
    before = [cell.get("outputs") for cell in notebook.cells]
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert [cell.get("outputs") for cell in notebook.cells] == before


def test_opening_gives_the_front_end_nothing_to_write_into_a_notebook(machine, monkeypatch):
    for name, value in machine.variables().items():
        monkeypatch.setenv(name, value)

    async def ask_kernel():
        manager = AsyncKernelManager(kernel_name="python3")
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=30)
            reply = await client.kernel_info(reply=True, timeout=30)
        finally:
            client.stop_channels()
            await manager.shutdown_kernel(now=True)
        return manager.kernel_spec, reply["content"]["language_info"]

    kernelspec, language_info = asyncio.run(ask_kernel())
    for content in NOTEBOOKS.values():
        assert json.loads(content)["metadata"] == {
            "kernelspec": {
                "display_name": kernelspec.display_name,
                "language": kernelspec.language,
                "name": "python3",
            },
            "language_info": language_info,
        }


def code_of(path):
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOKS[path])["cells"] if cell["cell_type"] == "code"]


def test_start_here_calls_what_there_is_and_leads_to_notebooks_that_there_are():
    calls = re.findall(r"^demo\.(\w+)\(\)$", "\n".join(code_of(START_HERE)), re.MULTILINE)
    assert calls == ["bucket", "colleague", "other_version", "offline", "online", "earlier_work"]
    assert all(callable(getattr(demo_steps, call)) for call in calls)
    links = re.findall(r"\]\(([^)]+)\)", NOTEBOOKS[START_HERE].decode())
    assert links == [COLLEAGUES_NOTEBOOK, CONFLICT_NOTEBOOK]
    assert set(links) <= set(NOTEBOOKS)


def test_its_cells_say_that_they_work_in_the_demo_only(monkeypatch):
    monkeypatch.delenv(demo_steps.URL_VARIABLE, raising=False)
    with pytest.raises(SettingsError, match="works in the demo only"):
        demo_steps.bucket()


def test_what_a_cell_says_has_no_power_over_the_page():
    said = demo_steps.Said("<b>", entries=["<script>"], link=("a", 'http://x/"'))
    assert said._repr_html_() == (
        '<p>&lt;b&gt;</p><ul><li>&lt;script&gt;</li></ul><p><a href="http://x/&quot;" target="_blank"><b>a</b></a></p>'
    )
    assert repr(said) == '<b>\n  <script>\na: http://x/"'


def test_the_start_page_is_missed_when_someone_deleted_it(folders, behind):
    prepare(folders)
    assert has_start_page(folders)
    behind.delete(f"notebooks/{START_HERE}")
    assert not has_start_page(folders)


def test_everybody_knows_everybody_by_name(folders):
    prepare(folders)
    prepare(DemoFolders(folders.data, "reviewer"))
    assert DemoFolders(folders.data, "you").other_emails == [
        "colleague@demo.invalid",
        "demo@demo.invalid",
        "reviewer@demo.invalid",
    ]
