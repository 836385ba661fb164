"""Calls of Welder's clients that meet trouble: files half-written, open, in conflict; calls twice, and at once."""

import asyncio
import json
import os

import pytest
from welder_kit import CLOUD, link
from workspace_kit import BUCKET, another_persons_lock, notebook, parts_of, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault

A = "Terra/edit/a.ipynb"
DATA = "data:application/json;base64,e30="


@pytest.fixture
def welder(on_port, jp_serverapp):
    return on_port


@pytest.fixture
def folder(jp_root_dir):
    return jp_root_dir / "Terra/edit"


@pytest.fixture
def texts(folder):
    """Sources of every notebook in the edit folder."""

    def read():
        found = {}
        for file in folder.glob("*.ipynb"):
            found[file.name] = sources(json.loads(file.read_text()))
        return found

    return read


@pytest.fixture
def linked(welder):
    async def make():
        assert (await welder("POST", "storageLinks", link())).code == 200

    return make


async def brought(localize, bucket, text="1"):
    bucket.put_notebook("a.ipynb", text)
    assert (await localize(f"{CLOUD}/a.ipynb", A)).code == 204


async def test_localizing_over_a_notebook_that_is_open_keeps_what_is_typed(
    welder, linked, localize, api, bucket, texts
):
    await linked()
    await brought(localize, bucket)
    await api("GET", "contents", A, content=1, hash=1)
    bucket.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=100))
    model = {"type": "notebook", "format": "json", "content": notebook("typed")}
    assert (await api("PUT", "contents", A, body=model)).code == 200
    for _ in range(3):
        assert (await localize(f"{CLOUD}/a.ipynb", A)).code == 204
    bucket.faults.release()
    assert sorted(map(tuple, texts().values())) == [("1",), ("typed",)]


async def test_folders_pipes_and_links_are_never_replaced(
    welder, linked, localize, objects, status_of, bucket, folder, tmp_path
):
    await linked()
    bucket.put_notebook("a.ipynb", "1")
    (folder / "d.ipynb").mkdir()
    os.mkfifo(folder / "f.ipynb")
    outside = tmp_path / "outside.ipynb"
    outside.write_text("outside")
    (folder / "l.ipynb").symlink_to(outside)
    async with asyncio.timeout(60):
        for path in (f"Terra/edit/{name}.ipynb" for name in "dfl"):
            for source in (f"{CLOUD}/a.ipynb", DATA):
                assert (await localize(source, path)).code in {400, 500}
            assert (await welder("POST", "objects/metadata", {"localPath": path})).model[
                "syncStatus"
            ] == "REMOTE_NOT_FOUND"
            assert (await objects("safeDelocalize", localPath=path)).code in {404, 500}
            assert (await welder("POST", "objects/lock", {"localPath": path})).code == 404
    for path in ("Terra/edit", "Terra", "Terra/edit/"):
        assert (await localize(DATA, path)).code == 400
    assert outside.read_text() == "outside"
    assert (bucket.names(), (folder / "d.ipynb").is_dir()) == (["notebooks/a.ipynb"], True)


async def test_hidden_files_stay_on_this_disk(welder, linked, localize, objects, bucket):
    await linked()
    for path in (".delocalize.json", ".hidden.ipynb", ".ipynb_checkpoints/a.ipynb"):
        assert (await localize(DATA, f"Terra/edit/{path}")).code == 204
        assert (await objects("safeDelocalize", localPath=f"Terra/edit/{path}")).code == 204
    assert bucket.names() == []


async def test_calls_about_one_file_at_once(welder, linked, localize, objects, bucket, disk, texts):
    """Each is answered as if it came alone, and what was on the disk is somewhere in the end."""
    await linked()
    await brought(localize, bucket)
    for mine in ("mine", "mine again"):
        disk(A, mine)
        answers = await asyncio.gather(
            *(localize(f"{CLOUD}/a.ipynb", A) for _ in range(3)),
            *(objects("safeDelocalize", localPath=A) for _ in range(3)),
            *(welder("POST", "objects/lock", {"localPath": A}) for _ in range(3)),
            *(welder("POST", "objects/metadata", {"localPath": A}) for _ in range(3)),
        )
        assert {answer.code for answer in answers} <= {200, 204}, answers
        assert [mine] in [*texts().values(), bucket.sources("a.ipynb")]


async def test_what_is_half_written_stays_here(linked, localize, objects, bucket, folder, status_of):
    await linked()
    await brought(localize, bucket)
    whole = (folder / "a.ipynb").read_text()
    for half in (whole[: len(whole) // 2], "", "[]", "null", "\xff"):
        (folder / "a.ipynb").write_text(half)
        answer = await asyncio.wait_for(objects("safeDelocalize", localPath=A), 20)
        assert (answer.code, answer.model["errorCode"], await status_of(A)) == (500, None, "LOCAL_CHANGED")
        assert bucket.sources("a.ipynb") == ["1"]
    (folder / "a.ipynb").write_text(text_of(notebook("whole again")))
    for _ in range(2):
        assert (await objects("safeDelocalize", localPath=A)).code == 204
    assert bucket.sources("a.ipynb") == ["whole again"]


async def test_an_object_that_was_deleted_is_made_again_once_the_client_knows(
    welder, linked, localize, objects, bucket, disk, folder, status_of
):
    await linked()
    await brought(localize, bucket)
    disk(A, "mine")
    bucket.client.bucket(BUCKET).delete_blob("notebooks/a.ipynb")
    for _ in range(2):
        answer = await objects("safeDelocalize", localPath=A)
        assert (answer.code, answer.model["errorCode"]) == (412, 0)
    assert (await welder("POST", "objects/lock", {"localPath": A})).code == 404
    assert await status_of(A) == "REMOTE_NOT_FOUND"
    for _ in range(2):
        assert (await objects("safeDelocalize", localPath=A)).code == 204
    assert bucket.sources("a.ipynb") == ["mine"]


async def test_every_call_can_come_twice(welder, linked, localize, objects, bucket, disk, status_of):
    await linked()
    await brought(localize, bucket)
    for _ in range(2):
        assert (await welder("POST", "storageLinks", link())).code == 200
        assert (await welder("POST", "objects/lock", {"localPath": A})).code == 204
        assert (await localize(f"{CLOUD}/a.ipynb", A)).code == 204
    disk(A, "2")
    for _ in range(2):
        assert (await objects("safeDelocalize", localPath=A)).code == 204
    generation = bucket.get("a.ipynb").generation
    assert (await objects("safeDelocalize", localPath=A)).code == 204
    assert bucket.get("a.ipynb").generation == generation
    for _ in range(2):
        assert (await welder("POST", "cache/flush")).code == 204
    for _ in range(2):
        assert (await objects("delete", localPath=A)).code == 204
    for _ in range(2):
        assert (await welder("DELETE", "storageLinks", link())).code == 204


async def test_in_a_conflict_nothing_is_overwritten_or_deleted(welder, linked, localize, objects, bucket, disk, texts):
    await linked()
    await brought(localize, bucket)
    disk(A, "mine")
    bucket.put_notebook("a.ipynb", "theirs")
    for _ in range(2):
        assert (await objects("safeDelocalize", localPath=A)).model["errorCode"] == 0
    assert (await objects("delete", localPath=A)).model["errorCode"] == 0
    assert bucket.sources("a.ipynb") == ["theirs"]
    for _ in range(2):
        assert (await localize(f"{CLOUD}/a.ipynb", A)).code == 204
    assert texts() == {"a.ipynb": ["theirs"], "a (my edits).ipynb": ["mine"]}


async def test_what_another_person_edits_is_not_deleted(welder, linked, localize, objects, bucket):
    await linked()
    await brought(localize, bucket)
    bucket.put_notebook("a.ipynb", "1", metadata=another_persons_lock())
    for _ in range(2):
        answer = await objects("delete", localPath=A)
        assert (answer.code, answer.model["errorCode"]) == (412, 4)
    assert bucket.sources("a.ipynb") == ["1"]


async def test_a_file_whose_object_was_deleted_does_not_come_back(linked, localize, objects, bucket, api, jp_serverapp):
    """The file stays for the client to remove; no program wrote it, and it is not brought to the bucket by itself."""
    await linked()
    await brought(localize, bucket)
    for _ in range(2):
        assert (await objects("delete", localPath=A)).code == 204
        await parts_of(jp_serverapp).foreign_edits.look()
        assert (await api("POST", "flush", base="terra-env", body={"deadline_seconds": 5})).model["paid"] == []
    assert bucket.names() == []


async def test_deleting_while_a_save_is_under_way(linked, localize, objects, bucket, disk):
    await linked()
    await brought(localize, bucket)
    disk(A, "mine")
    actions = ("safeDelocalize", "delete", "safeDelocalize")
    answers = await asyncio.gather(*(objects(action, localPath=A) for action in actions))
    assert {answer.code for answer in answers} <= {204, 412}, answers
    assert bucket.names() in ([], ["notebooks/a.ipynb"])
