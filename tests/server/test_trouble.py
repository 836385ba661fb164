"""Buckets that refuse, are gone or out of reach: the folder opens with what is on the disk, and says why."""

import asyncio
import json

import pytest
from workspace_kit import WORKSPACE, notebook, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, CutBody, Fault, Hang, ResetConnection

PAYS = "Bucket is a requester pays bucket but no user project provided."
TROUBLES = {
    "no-permission": AnswerWith(status=403, reason="forbidden", message="caller lacks storage.objects.get"),
    "no-credentials": AnswerWith(status=401, reason="required", message="Anonymous caller"),
    "requester-pays": AnswerWith(status=400, reason="required", message=PAYS),
    "server-error": AnswerWith(status=503),
    "overloaded": AnswerWith(status=429, reason="rateLimitExceeded"),
    "unreachable": ResetConnection(),
}
PERMANENT = {"no-permission", "no-credentials", "requester-pays"}


def always(action):
    return Fault(operation="*", action=action, times=100_000)


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_the_folder_opens_with_what_is_on_the_disk_and_names_bucket_and_cause(
    bucket, contents, edit, trouble, jp_serverapp
):
    (edit / "mine.ipynb").write_text(text_of(notebook("1")))
    bucket.faults.add(always(TROUBLES[trouble]))
    listed = await contents.list()
    assert (listed.code, listed.names) == (200, ["mine.ipynb"])
    assert listed.model["terra"]["reason"] == trouble
    assert bucket.name in listed.model["terra"]["message"]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_saves_stay_local_say_so_and_reach_the_bucket_later(bucket, contents, edit, trouble, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(always(TROUBLES[trouble]))
    saved = await contents.save("a.ipynb", "2")
    assert saved.code == 200
    assert saved.model["terra"]["place"] == "on-disk" or trouble not in PERMANENT
    status = await contents.settled("a.ipynb", place="on-disk")
    assert status["reason"] == trouble
    assert "NOT in the workspace" in status["message"]
    assert bucket.name in status["message"]
    assert (edit / "a.ipynb").read_text() == text_of(notebook("2"))
    bucket.faults.clear()
    assert (await contents.save("a.ipynb", "3")).code == 200
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["3"]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_an_opened_notebook_opens_from_the_disk(bucket, contents, trouble, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(always(TROUBLES[trouble]))
    opened = await contents.open("a.ipynb")
    assert sources(opened.model["content"]) == ["1"]
    assert (opened.model["terra"]["place"], opened.model["terra"]["reason"]) == ("offline", trouble)
    bucket.faults.clear()
    assert (await contents.open("a.ipynb")).model["terra"]["place"] == "in-workspace"


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_notebook_that_is_not_on_the_disk_is_a_clear_error(bucket, contents, edit, trouble, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.faults.add(always(TROUBLES[trouble]))
    refused = await contents.open("a.ipynb")
    assert refused.code == (403 if trouble in PERMANENT else 503)
    assert refused.reason == trouble
    assert bucket.name in refused.message
    assert list(edit.iterdir()) == []


async def test_a_new_notebook_can_be_made_while_the_bucket_is_away(bucket, contents, edit, jp_serverapp):
    bucket.faults.add(always(ResetConnection()))
    created = await contents.new(type="notebook")
    assert created.code == 201
    bucket.faults.clear()
    await contents.save("Untitled.ipynb", "1")
    await contents.settled("Untitled.ipynb")
    assert bucket.sources("Untitled.ipynb") == ["1"]


async def test_nothing_is_deleted_while_the_bucket_is_away(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(always(ResetConnection()))
    assert (await contents.delete("a.ipynb")).code == 503
    assert (edit / "a.ipynb").exists()


async def test_a_short_outage_passes_unseen(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.faults.add(Fault(operation="objects.get", action=AnswerWith(status=503), times=2))
    assert (await contents.open("a.ipynb")).code == 200


async def test_a_damaged_download_is_never_shown(bucket, contents, edit, jp_serverapp):
    bucket.put("notebooks/a.ipynb", text_of(notebook("x" * 50_000)))
    bucket.faults.add(Fault(operation="objects.download", action=CutBody(after_bytes=1000), times=100_000))
    refused = await contents.open("a.ipynb")
    assert refused.code == 503
    assert list(edit.iterdir()) == []
    bucket.faults.clear()
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["x" * 50_000]


async def test_an_outage_of_one_notebook_does_not_hold_the_others(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.put_notebook("b.ipynb", "1")
    bucket.faults.add(Fault(operation="*", action=ResetConnection(), times=100_000, name_prefix="notebooks/a"))
    slow = asyncio.create_task(contents.open("a.ipynb"))
    assert (await contents.open("b.ipynb")).code == 200
    assert not slow.done()
    assert (await slow).code == 503


class TestASilentBucket:
    @pytest.fixture
    def terra_settings(self):
        return {"listing_max_age_seconds": 0.0, "bucket_retry_deadline_seconds": 0.5}

    @pytest.fixture(autouse=True)
    def impatience(self, monkeypatch):
        from jupyter_terra_env.bucket import gcs

        # Ten seconds are for people; the rest of a request keeps its thirty.
        monkeypatch.setattr(gcs, "QUESTION_TIMEOUT_SECONDS", 0.4)

    async def test_what_is_on_the_disk_is_shown_without_waiting_for_a_whole_request(
        self, bucket, contents, jp_serverapp
    ):
        bucket.put_notebook("a.ipynb", "1")
        await contents.open("a.ipynb")
        bucket.faults.add(Fault(operation="*", action=Hang(), times=100))
        listed, opened = await asyncio.wait_for(asyncio.gather(contents.list(), contents.open("a.ipynb")), timeout=15)
        assert (listed.names, listed.model["terra"]["reason"]) == (["a.ipynb"], "unreachable")
        assert (sources(opened.model["content"]), opened.model["terra"]["place"]) == (["1"], "offline")


class TestMissingBucket:
    @pytest.fixture(autouse=True)
    def missing(self, workspace_environ, monkeypatch):
        monkeypatch.setenv("WORKSPACE_BUCKET", "gs://no-such-bucket")

    async def test_the_folder_opens_and_names_it(self, contents, edit, jp_serverapp):
        (edit / "mine.ipynb").write_text(text_of(notebook("1")))
        listed = await contents.list()
        assert listed.names == ["mine.ipynb"]
        assert listed.model["terra"]["reason"] == "bucket-not-found"
        assert "no-such-bucket" in listed.model["terra"]["message"]

    async def test_a_save_stays_on_the_disk_and_says_so(self, contents, edit, jp_serverapp):
        assert (await contents.save("a.ipynb", "1")).code == 201
        status = await contents.settled("a.ipynb", place="on-disk")
        assert status["reason"] == "bucket-not-found"
        assert (edit / "a.ipynb").exists()


class TestNotebooksThatAreNone:
    @pytest.mark.parametrize(
        "content", [b"", b"not json", b"[1, 2", b"\xff\xfe", b"{}", b'{"nbformat": 4}', b'"text"', b"null"]
    )
    async def test_they_get_jupyters_error_and_nothing_is_written(self, bucket, contents, edit, content, jp_serverapp):
        generation = bucket.put("notebooks/bad.ipynb", content).generation
        refused = await contents.open("bad.ipynb", type="notebook")
        assert refused.code == 400
        assert list(edit.iterdir()) == []
        assert bucket.get("bad.ipynb").generation == generation

    async def test_they_can_still_be_read_as_text(self, bucket, contents, jp_serverapp):
        bucket.put("notebooks/bad.ipynb", b"not json")
        assert (await contents.open("bad.ipynb", type="file", format="text")).model["content"] == "not json"

    async def test_a_cell_that_does_not_validate_opens_with_jupyters_message(self, bucket, contents, jp_serverapp):
        nb = notebook("1")
        del nb["cells"][0]["outputs"]
        bucket.put("notebooks/odd.ipynb", json.dumps(nb))
        opened = await contents.open("odd.ipynb")
        assert opened.code == 200
        assert "validation failed" in opened.model["message"].lower()


NOTEBOOK = {"type": "notebook", "format": "json"}
CELLS = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize(
    "model",
    [
        {"content": CELLS, "format": "json"},
        {"type": "notebook"},
        {**NOTEBOOK, "content": "text"},
        {**NOTEBOOK, "content": None},
        {**NOTEBOOK, "content": []},
        {**NOTEBOOK, "content": {}},
        {**NOTEBOOK, "content": {**CELLS, "cells": None}},
        {**NOTEBOOK, "content": {**CELLS, "cells": ["cell"]}},
        {**NOTEBOOK, "content": {**CELLS, "metadata": []}},
        {**NOTEBOOK, "content": {**CELLS, "nbformat": "4"}},
        {"type": "file", "format": "text"},
        {"type": "file", "format": "text", "content": {"a": 1}},
        {"type": "file", "format": "base64", "content": "ÿ"},
        {"type": "file", "format": "odd", "content": "x"},
        {"type": "file", "content": "x"},
        {"type": "file", "format": [], "content": "x"},
        {"type": "file", "format": "text", "content": "\ud800"},
        {**NOTEBOOK, "content": {**CELLS, "cells": [{}]}},
        {**NOTEBOOK, "content": {**CELLS, "cells": [{"cell_type": "code", "metadata": [], "outputs": 3}]}},
        {**NOTEBOOK, "content": {**CELLS, "nbformat": 99}},
        {**NOTEBOOK, "content": {**CELLS, "nbformat": 3}},
        {**NOTEBOOK, "content": {**CELLS, "metadata": {"a": "\ud800"}}},
        {"type": "file", "format": "text", "content": "x", "chunk": True},
    ],
)
async def test_a_malformed_save_is_400_and_changes_nothing(bucket, contents, edit, model, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    before = (edit / "a.ipynb").read_bytes()
    bucket.mark()
    refused = await contents.put("a.ipynb", model)
    assert refused.code == 400
    assert (edit / "a.ipynb").read_bytes() == before
    assert bucket.writes == []


async def test_a_body_that_is_no_json_is_400(bucket, jp_fetch, contents, jp_serverapp):
    from tornado.httpclient import HTTPClientError

    bucket.put_notebook("a.ipynb", "1")
    with pytest.raises(HTTPClientError) as error:
        await jp_fetch("api", "contents", WORKSPACE, "edit", "a.ipynb", method="PUT", body="{not json")
    assert error.value.code == 400


class TestRequesterPays:
    @pytest.fixture(autouse=True)
    def requester_pays(self, bucket):
        bucket.put_notebook("a.ipynb", "1")
        handle = bucket.client.bucket(bucket.name)
        handle.requester_pays = True
        handle.patch()

    async def test_without_a_project_it_is_refused_and_says_what_to_set(self, contents, jp_serverapp):
        listed = await contents.list()
        assert (listed.names, listed.model["terra"]["reason"]) == ([], "requester-pays")
        refused = await contents.open("a.ipynb")
        assert (refused.code, refused.reason) == (403, "requester-pays")
        assert "user_project" in refused.message

    class TestWithAProject:
        @pytest.fixture
        def terra_settings(self):
            return {"user_project": "payer", "listing_max_age_seconds": 0.0}

        async def test_everything_is_billed_to_it(self, contents, jp_serverapp):
            assert (await contents.list()).names == ["a.ipynb"]
            assert (await contents.open("a.ipynb")).code == 200
            assert (await contents.save("a.ipynb", "2")).model["terra"]["place"] == "in-workspace"
            assert (await contents.rename("a.ipynb", "b.ipynb")).code == 200
            assert (await contents.delete("b.ipynb")).code == 204
