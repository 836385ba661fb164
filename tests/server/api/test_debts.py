"""What the bucket is owed: paid at the start, named on request, paid at once by a flush."""

import asyncio
import logging

import pytest
from workspace_kit import WORKSPACE, notebook, text_of

from jupyter_terra_env.autopause.flush import NoDebts
from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.storage.journal import Journal
from jupyter_terra_env.notebooks.storage.journal_database import JournalDatabase
from jupyter_terra_env.wiring.autopause import debts_of

PATH = f"{WORKSPACE}/edit/a.ipynb"


@pytest.fixture
def left_behind(jp_root_dir, bucket):
    """A save whose server died before its upload."""
    file = jp_root_dir / PATH
    file.parent.mkdir(parents=True)
    file.write_text(text_of(notebook("typed")), encoding="utf-8")
    database = JournalDatabase(jp_root_dir / ".jupyter-terra-env" / "journal.sqlite3", log=logging.getLogger())
    journal = Journal(database, new_token=lambda: "t")
    journal.owe(PATH, bucket.name, "notebooks/a.ipynb")
    journal.owe("Another workspace/edit/b.ipynb", "other-bucket", "notebooks/b.ipynb")
    database.close()


async def test_a_starting_server_pays_what_the_last_one_owed(left_behind, bucket, contents, jp_serverapp):
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["typed"]


@pytest.fixture
def owed_elsewhere(left_behind, jp_root_dir):
    """The other workspace's working copy is still there."""
    file = jp_root_dir / "Another workspace" / "edit" / "b.ipynb"
    file.parent.mkdir(parents=True)
    file.write_text(text_of(notebook("typed")), encoding="utf-8")
    return "Another workspace/edit/b.ipynb"


async def test_debts_of_a_workspace_that_is_not_configured_are_named_and_stay(
    owed_elsewhere, bucket, contents, api, jp_serverapp, caplog
):
    await contents.settled("a.ipynb")
    flushed = (await api("POST", "flush", base="terra-env", body={"deadline_seconds": 10})).model
    (status,) = flushed["unpaid"]
    assert (status["path"], status["bucket"], status["place"]) == (owed_elsewhere, "other-bucket", "on-disk")
    assert status["reason"] == "workspace-not-configured"
    assert "other-bucket" in status["message"]
    assert (await api("GET", "debts", base="terra-env")).model == {"debts": [status]}
    report = (await api("GET", "autopause", base="terra-env")).model["flush"]
    assert not report["clean"]
    assert report["unsafe"] == [{"path": owed_elsewhere, "reason": "workspace-not-configured"}]
    assert f"Not in the workspace: {owed_elsewhere}" in caplog.text


class TestWithoutAWorkspace:
    async def test_what_is_owed_is_named(self, tmp_path):
        state, paths = tmp_path / "state", ("ws/edit/a.ipynb", "ws/edit/gone.ipynb")
        database = JournalDatabase(state / "journal.sqlite3", log=logging.getLogger())
        for path in paths:
            Journal(database, new_token=lambda: "t").owe(path, "a-bucket", "notebooks/a.ipynb")
        database.close()
        (tmp_path / "ws" / "edit").mkdir(parents=True)
        (tmp_path / "ws" / "edit" / "a.ipynb").write_text("{}", encoding="utf-8")
        before = sorted(path.name for path in state.iterdir())
        paid = await debts_of(None, root=tmp_path, state_directory=state).pay(1.0)
        assert [(file.path, file.reason) for file in paid.unsafe] == [("ws/edit/a.ipynb", "workspace-not-configured")]
        assert sorted(path.name for path in state.iterdir()) == before, "looking leaves nothing behind"

    async def test_nothing_is_owed_where_no_journal_is(self, tmp_path):
        debts = debts_of(None, root=tmp_path, state_directory=tmp_path / "state")
        assert isinstance(debts, NoDebts)
        assert not (tmp_path / "state").exists()


async def test_debts_are_named_and_a_flush_pays_them(bucket, contents, api, jp_serverapp):
    bucket.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=1))
    saved = await contents.save("a.ipynb", "1")
    assert (saved.code, saved.model["terra"]["place"]) == (201, "on-disk")
    assert "it is tried again until it succeeds" in saved.model["terra"]["message"]
    debts = (await api("GET", "debts", base="terra-env")).model["debts"]
    assert [debt["path"] for debt in debts] == [PATH]
    flushed = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 10})
    assert flushed.model == {"paid": [PATH], "unpaid": []}
    assert bucket.sources("a.ipynb") == ["1"]
    assert (await api("GET", "debts", base="terra-env")).model == {"debts": []}


async def test_a_save_arrives_by_itself_when_the_bucket_is_back(bucket, contents, jp_serverapp):
    bucket.faults.add(Fault(operation="*", action=AnswerWith(status=503), times=1000))
    assert (await contents.save("a.ipynb", "1")).code == 201
    bucket.faults.clear()
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["1"]


@pytest.mark.parametrize("deadline", [-1, "soon", True, 10_000, None])
async def test_deadlines_that_are_none(api, jp_serverapp, deadline):
    answer = await api("POST", "flush", base="terra-env", body={"deadline_seconds": deadline})
    assert answer.code == 400
    assert "deadline_seconds" in answer.message


async def test_saying_that_the_kernels_end_is_yes_or_no(api, jp_serverapp):
    answer = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 1, "before_end": "yes"})
    assert (answer.code, answer.message) == (400, "'before_end' must be true or false.")


async def test_a_server_that_stops_pays_and_says_what_it_could_not(bucket, contents, jp_serverapp, caplog):
    bucket.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=2))
    await contents.save("a.ipynb", "1")
    await contents.save("b.ipynb", "2")
    bucket.faults.add(
        Fault(operation="objects.insert", action=AnswerWith(status=503), name_prefix="notebooks/b", times=1000)
    )
    await jp_serverapp.cleanup_extensions()
    await asyncio.sleep(0)
    assert bucket.sources("a.ipynb") == ["1"]
    assert f"Not in the workspace at the end: {WORKSPACE}/edit/b.ipynb" in caplog.text
