"""A Welder that runs beside this server: it writes ``.delocalize.json``, brings notebooks, and locks them."""

import json
import os

import pytest
from workspace_kit import BUCKET, notebook, sources, text_of

from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.rules.edit_lock import owner_hash

TRUSTED = [f"gs://{BUCKET}", "another-bucket"]


@pytest.fixture
def terra_settings():
    return {
        "bucket_retry_deadline_seconds": 1.0,
        "listing_max_age_seconds": 0.0,
        "storage_links": True,
        "folder_buckets": TRUSTED,
        "unmarked_locks_are_mine": "on",
    }


@pytest.fixture
def app(jp_serverapp):
    (found,) = (
        app
        for apps in jp_serverapp.extension_manager.extension_apps.values()
        for app in apps
        if isinstance(app, TerraEnvApp)
    )
    return found


@pytest.fixture
def folder(jp_root_dir):
    folder = jp_root_dir / "Terra" / "edit"
    folder.mkdir(parents=True)
    return folder


def write_link(folder, destination=f"gs://{BUCKET}/notebooks", text=None):
    (folder / ".delocalize.json").write_text(json.dumps({"destination": destination}) if text is None else text)


@pytest.fixture
def bucket_of(app):
    async def look():
        await app.folder_workspaces.look()
        place = app.wired.workspaces.locate("Terra/edit/a.ipynb")
        return None if place is None else place.workspace.bucket

    return look


async def test_a_file_that_is_written_later_makes_a_workspace(bucket_of, folder, bucket, api):
    bucket.put_notebook("a.ipynb", "1")
    assert await bucket_of() is None
    write_link(folder)
    assert await bucket_of() == BUCKET
    opened = await api("GET", "contents", "Terra/edit/a.ipynb", content=1)
    assert (sources(opened.model["content"]), opened.model["terra"]["lock"]["state"]) == (["1"], "held")


async def test_a_file_that_is_half_written_replaced_or_deleted(bucket_of, folder):
    for half in ("", "{", '{"destination": "gs://test-', '{"destination": 3}', "[" * 4000):
        write_link(folder, text=half)
        assert await bucket_of() is None
    whole = folder / "whole.json"
    whole.write_text(json.dumps({"destination": f"gs://{BUCKET}/notebooks"}))
    whole.replace(folder / ".delocalize.json")
    assert await bucket_of() == BUCKET
    write_link(folder, text="{")
    assert await bucket_of() == BUCKET
    (folder / ".delocalize.json").unlink()
    assert await bucket_of() == BUCKET
    write_link(folder, "gs://another-bucket/notebooks")
    assert await bucket_of() == "another-bucket"


async def test_a_hostile_file_makes_none(bucket_of, folder, tmp_path, jp_root_dir, caplog):
    file = folder / ".delocalize.json"
    for text in (
        json.dumps({"destination": "gs://somebody-elses/notebooks"}),
        json.dumps({"destination": f"gs://{BUCKET}/../x"}),
        " " * 5000,
    ):
        file.write_text(text)
        assert await bucket_of() is None
    file.unlink()
    os.mkfifo(file)
    assert await bucket_of() is None
    file.unlink()
    outside = tmp_path / "outside"
    outside.mkdir()
    write_link(outside)
    file.symlink_to(outside / ".delocalize.json")
    assert await bucket_of() is None
    file.unlink()
    folder.rmdir()
    folder.symlink_to(outside)
    for _ in range(3):
        assert await bucket_of() is None
    assert sorted(path.name for path in outside.iterdir()) == [".delocalize.json"]
    assert caplog.text.count("a link leads to it") == 1


class TestWhereTheOperatorDidNotAskForIt:
    @pytest.fixture(
        params=[{"storage_links": False, "folder_buckets": TRUSTED}, {"storage_links": True, "folder_buckets": []}]
    )
    def terra_settings(self, request):
        return {"workspaces": [{"name": "W", "bucket": BUCKET}], **request.param}

    async def test_the_file_is_ignored(self, app, folder):
        write_link(folder)
        assert app.folder_workspaces is None
        assert app.wired.workspaces.locate("Terra/edit/a.ipynb") is None


class TestNotebooksOfBoth:
    """No upload is made twice, and no one is in conflict with themselves."""

    @pytest.fixture
    def opened(self, bucket_of, folder, bucket, api):
        async def open_it():
            bucket.put_notebook("a.ipynb", "1")
            write_link(folder)
            assert await bucket_of() == BUCKET
            await api("GET", "contents", "Terra/edit/a.ipynb", content=1)

        return open_it

    @pytest.fixture
    def status(self, app, api):
        async def look():
            await app.wired.foreign_edits.look()
            return (await api("GET", "status", base="terra-env", path="Terra/edit/a.ipynb")).model

        return look

    async def test_what_welder_brings_is_not_sent_back(self, opened, folder, bucket, status, app):
        await opened()
        theirs = bucket.put_notebook("a.ipynb", "theirs")
        text = bucket.get("a.ipynb").content
        bucket.mark()
        # Welder writes in pieces.
        (folder / "a.ipynb").write_bytes(text[:100])
        await status()
        (folder / "a.ipynb").write_bytes(text)
        await app.wired.foreign_edits.look()
        await app.wired.delocalizer.settle(app.wired.workspaces.locate("Terra/edit/a.ipynb"))
        answer = await status()
        assert (answer["place"], bucket.get("a.ipynb").generation) == ("in-workspace", theirs.generation)
        assert ("objects.insert", 200) not in bucket.requests

    async def test_what_welder_saves_is_not_saved_again(self, opened, folder, bucket, status, app):
        await opened()
        text = text_of(notebook("saved by both"))
        (folder / "a.ipynb").write_text(text)
        by_welder = bucket.put_notebook("a.ipynb", "saved by both")
        await app.wired.foreign_edits.look()
        await app.wired.delocalizer.settle(app.wired.workspaces.locate("Terra/edit/a.ipynb"))
        assert (await status())["place"] == "in-workspace"
        assert bucket.get("a.ipynb").generation == by_welder.generation

    async def test_welders_lock_of_the_same_person_is_no_obstacle(self, opened, bucket, api):
        await opened()
        blob = bucket.client.bucket(BUCKET).blob("notebooks/a.ipynb")
        blob.metadata = {"lastLockedBy": owner_hash(BUCKET, "owner@example.org"), "lockExpiresAt": str(2**42)}
        blob.patch()
        assert (await api("GET", "contents", "Terra/edit/a.ipynb", content=1)).model["terra"]["lock"]["state"] == "held"
        model = {"type": "notebook", "format": "json", "content": notebook("typed")}
        assert (await api("PUT", "contents", "Terra/edit/a.ipynb", body=model)).model["terra"][
            "place"
        ] == "in-workspace"
        assert bucket.sources("a.ipynb") == ["typed"]
