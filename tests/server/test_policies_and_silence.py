"""Refusals that say who has to change what, and a bucket that says nothing, over a whole server."""

import json

import pytest
from workspace_kit import IMPATIENT, WORKSPACE, parts_of, sources

from jupyter_terra_env.bucket.embedded.faults import Fault, Hang
from jupyter_terra_env.bucket.embedded.refusals import REFUSALS

KEPT = ["object-held", "retention-policy"]
POLICIES = sorted(REFUSALS.keys() - {"no-permission", "overloaded"})


def always(operation, cause):
    return Fault(operation=operation, action=REFUSALS[cause], times=100_000)


@pytest.mark.parametrize("cause", POLICIES)
async def test_a_save_that_a_policy_forbids_says_so_and_goes_out_once_it_is_lifted(bucket, contents, cause):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(always("objects.insert", cause))
    assert (await contents.save("a.ipynb", "2")).code == 200
    status = await contents.settled("a.ipynb", place="on-disk")
    assert status["reason"] == cause
    assert bucket.name in status["message"]
    assert "permission" not in status["message"]
    assert bucket.sources("a.ipynb") == ["1"]
    bucket.faults.clear()
    await contents.save("a.ipynb", "3")
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["3"]


@pytest.mark.parametrize("cause", POLICIES)
async def test_a_deletion_that_a_policy_forbids_changes_nothing_and_says_so(bucket, contents, edit, cause):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(always("objects.delete", cause))
    refused = await contents.delete("a.ipynb")
    assert (refused.code, refused.reason) == (403, cause)
    assert bucket.name in refused.message
    assert bucket.sources("a.ipynb") == ["1"]
    assert (edit / "a.ipynb").exists()


@pytest.mark.parametrize("cause", POLICIES)
async def test_a_renaming_that_a_policy_forbids_changes_nothing_and_says_so(bucket, contents, edit, cause):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(always("objects.move", cause))
    refused = await contents.rename("a.ipynb", "b.ipynb")
    assert (refused.code, refused.reason) == (403, cause)
    assert bucket.names() == ["notebooks/a.ipynb"]
    assert [path.name for path in edit.iterdir()] == ["a.ipynb"]


@pytest.mark.parametrize("cause", KEPT)
async def test_what_is_kept_by_a_policy_can_still_be_locked_and_read(bucket, contents, cause):
    bucket.put_notebook("a.ipynb", "1")
    bucket.faults.add(*(always(operation, cause) for operation in ("objects.insert", "objects.delete")))
    opened = await contents.open("a.ipynb")
    assert (opened.model["writable"], opened.model["terra"]["lock"]["state"]) == (True, "held")


@pytest.fixture
def hurried(monkeypatch, bucket, jp_serverapp):
    """Tests do not wait as long for a bucket that hangs as a person does, and a server that stops not at all."""
    monkeypatch.setattr(parts_of(jp_serverapp).storage, "patience_seconds", 0.3)
    yield
    bucket.faults.clear()


async def falls_silent(bucket, contents):
    """A notebook that was opened before, and a bucket that hangs since."""
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="*", action=Hang(), times=100_000))


@pytest.mark.usefixtures("hurried")
async def test_opening_shows_the_working_copy_and_reports_later(bucket, contents, jp_serverapp):
    await falls_silent(bucket, contents)
    opened = await contents.open("a.ipynb")
    assert (opened.code, sources(opened.model["content"])) == (200, ["1"])
    assert (opened.model["writable"], opened.model["terra"]["place"]) == (True, "offline")
    bucket.faults.clear()
    await contents.settled("a.ipynb")


@pytest.mark.usefixtures("hurried")
async def test_the_folder_shows_the_disk(bucket, contents, jp_serverapp):
    await falls_silent(bucket, contents)
    listed = await contents.list()
    assert (listed.code, listed.names, listed.model["terra"]["reason"]) == (200, ["a.ipynb"], "unreachable")


@pytest.mark.usefixtures("hurried")
async def test_hashes_questions_and_downloads_are_answered(bucket, api, contents, jp_serverapp):
    await falls_silent(bucket, contents)
    assert (await contents.open("a.ipynb", content=0)).model["hash"]
    assert (await contents.stat("a.ipynb")).code == 200
    assert (await api("GET", f"{WORKSPACE}/edit/a.ipynb", base="files")).code == 200


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("terra_settings", [IMPATIENT])
async def test_saving_is_answered_and_reported(bucket, contents, edit, jp_serverapp):
    await falls_silent(bucket, contents)
    saved = await contents.save("a.ipynb", "2")
    assert (saved.code, saved.model["terra"]["place"]) == (200, "uploading")
    assert sources(json.loads((edit / "a.ipynb").read_text())) == ["2"]
