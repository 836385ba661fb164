"""Terra's contents manager, as older images bring it, with this server as its Welder.

It writes to the disk first, then calls; it puts the disk back on any refusal but "no link" and "safe folder".
``Manager`` does what it does, and no more.
"""

import json

import pytest
from welder_kit import link
from workspace_kit import another_persons_lock, notebook, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault

EDIT, SAFE, UNLINKED = "Terra/edit", "Terra/safe", "scratch"
_IGNORED = {1, 2, 3}


@pytest.fixture
def welder(on_port, jp_serverapp):
    return on_port


class Refused(Exception):
    """Jupyter shows an error."""


class Manager:
    """Saves, renames and deletes files below a root."""

    def __init__(self, root, welder):
        self.root, self.welder = root, welder

    async def save(self, path, text):
        file = self.root / path.lstrip("/")
        before = file.read_text() if file.exists() else None
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        try:
            await self._call("safeDelocalize", path)
        except Refused:
            file.unlink() if before is None else file.write_text(before)
            raise

    async def rename(self, old, new):
        ends = [await self._is_edit(old), await self._is_edit(new)]
        if not any(ends):
            (self.root / old).rename(self.root / new)
            return
        self._refuse_full_folder(old)
        await self.save(new, (self.root / old).read_text())
        try:
            await self._delete(old, is_edit=ends[0])
        except Refused:
            await self._delete(new, is_edit=ends[1])
            raise

    async def delete(self, path):
        await self._delete(path, is_edit=await self._is_edit(path))

    async def _delete(self, path, *, is_edit):
        if is_edit:
            self._refuse_full_folder(path)
            await self._call("delete", path)
        file = self.root / path
        file.rmdir() if file.is_dir() else file.unlink()

    def _refuse_full_folder(self, path):
        if (self.root / path).is_dir() and any((self.root / path).iterdir()):
            raise Refused("a folder that is not empty")

    async def _call(self, action, path):
        answer = await self.welder("POST", "objects", {"action": action, "localPath": path.lstrip("/")})
        if answer.code >= 300 and not (answer.code == 412 and answer.model["errorCode"] in _IGNORED):
            raise Refused(answer.model)

    async def _is_edit(self, path):
        answer = await self.welder("POST", "objects/metadata", {"localPath": path.lstrip("/")})
        if answer.code not in {200, 412}:
            raise Refused(answer.model)
        return answer.code == 200 and answer.model["syncMode"] == "EDIT"


@pytest.fixture
def manager(welder, jp_root_dir):
    async def make():
        assert (await welder("POST", "storageLinks", link())).code == 200
        return Manager(jp_root_dir, welder)

    return make


@pytest.fixture
def text_at(jp_root_dir):
    def read(path):
        file = jp_root_dir / path
        return sources(json.loads(file.read_text())) if file.exists() else None

    return read


def text(source):
    return text_of(notebook(source))


async def test_a_save_reaches_the_bucket_new_or_not(manager, bucket, text_at):
    terra = await manager()
    for source in ("1", "2"):
        await terra.save(f"/{EDIT}/a.ipynb", text(source))
        assert (bucket.sources("a.ipynb"), text_at(f"{EDIT}/a.ipynb")) == ([source], [source])
    await terra.save(f"{EDIT}/sub/b.ipynb", text("in a folder"))
    assert bucket.sources("sub/b.ipynb") == ["in a folder"]


async def test_what_has_no_link_or_is_safe_stays_on_the_disk(manager, bucket, text_at):
    terra = await manager()
    for path in (f"{UNLINKED}/a.ipynb", f"{SAFE}/a.ipynb", "a.ipynb"):
        await terra.save(path, text("here"))
        assert text_at(path) == ["here"]
    await terra.save(f"{EDIT}/notes.txt", "notes")
    assert bucket.names() == []


@pytest.mark.parametrize("why", ["changed", "locked", "away"])
async def test_a_refused_save_puts_the_disk_back_and_is_no_debt(
    manager, localize, bucket, text_at, status_of, api, why
):
    terra = await manager()
    path = f"{EDIT}/a.ipynb"
    await terra.save(path, text("1"))
    match why:
        case "changed":
            bucket.put_notebook("a.ipynb", "theirs")
        case "locked":
            bucket.put_notebook("a.ipynb", "1", metadata=another_persons_lock())
        case "away":
            bucket.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=1000))
    there = bucket.sources("a.ipynb")
    with pytest.raises(Refused):
        await terra.save(path, text("mine"))
    assert (text_at(path), bucket.sources("a.ipynb")) == (["1"], there)
    bucket.faults.clear()
    await api("POST", "flush", base="terra-env", body={"deadline_seconds": 5})
    assert await status_of(path) == ("REMOTE_CHANGED" if why == "changed" else "LIVE")
    assert bucket.sources("a.ipynb") == there


async def test_a_new_file_that_is_refused_is_taken_away_again(manager, bucket, text_at, api):
    terra = await manager()
    path = f"{EDIT}/a.ipynb"
    bucket.put_notebook("a.ipynb", "theirs")
    with pytest.raises(Refused):
        await terra.save(path, text("mine"))
    assert (text_at(path), bucket.sources("a.ipynb")) == (None, ["theirs"])
    await api("POST", "flush", base="terra-env", body={"deadline_seconds": 5})
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_deleting_deletes_on_both_sides_where_there_are_two(manager, bucket, text_at, welder):
    terra = await manager()
    for path in (f"{EDIT}/a.ipynb", f"{SAFE}/a.ipynb", f"{UNLINKED}/a.ipynb"):
        await terra.save(path, text("1"))
    for path, left in ((f"{SAFE}/a.ipynb", True), (f"{UNLINKED}/a.ipynb", True), (f"{EDIT}/a.ipynb", False)):
        await terra.delete(path)
        assert (text_at(path), "notebooks/a.ipynb" in bucket.names()) == (None, left)
    await terra.save(f"{EDIT}/a.ipynb", text("made again"))
    assert bucket.sources("a.ipynb") == ["made again"]


async def test_what_another_person_edits_is_not_deleted(manager, bucket, text_at):
    terra = await manager()
    path = f"{EDIT}/a.ipynb"
    await terra.save(path, text("1"))
    bucket.put_notebook("a.ipynb", "1", metadata=another_persons_lock())
    with pytest.raises(Refused):
        await terra.delete(path)
    assert (text_at(path), bucket.sources("a.ipynb")) == (["1"], ["1"])


async def test_a_rename_moves_the_object(manager, bucket, text_at):
    terra = await manager()
    await terra.save(f"{EDIT}/old.ipynb", text("1"))
    await terra.rename(f"{EDIT}/old.ipynb", f"{EDIT}/new.ipynb")
    assert (text_at(f"{EDIT}/old.ipynb"), text_at(f"{EDIT}/new.ipynb")) == (None, ["1"])
    assert bucket.names() == ["notebooks/new.ipynb"]
    await terra.rename(f"{EDIT}/new.ipynb", f"{EDIT}/old.ipynb")
    assert bucket.names() == ["notebooks/old.ipynb"]


async def test_a_rename_into_and_out_of_the_edit_folder(manager, bucket, text_at):
    terra = await manager()
    await terra.save(f"{UNLINKED}/a.ipynb", text("1"))
    await terra.rename(f"{UNLINKED}/a.ipynb", f"{EDIT}/a.ipynb")
    assert (text_at(f"{UNLINKED}/a.ipynb"), bucket.sources("a.ipynb")) == (None, ["1"])
    await terra.rename(f"{EDIT}/a.ipynb", f"{SAFE}/a.ipynb")
    assert (text_at(f"{SAFE}/a.ipynb"), bucket.names()) == (["1"], [])
    await terra.rename(f"{SAFE}/a.ipynb", f"{UNLINKED}/b.ipynb")
    assert (text_at(f"{UNLINKED}/b.ipynb"), bucket.names()) == (["1"], [])


async def test_a_rename_that_cannot_delete_the_old_one_is_undone(manager, bucket, text_at):
    terra = await manager()
    await terra.save(f"{EDIT}/old.ipynb", text("1"))
    bucket.put_notebook("old.ipynb", "1", metadata=another_persons_lock())
    with pytest.raises(Refused):
        await terra.rename(f"{EDIT}/old.ipynb", f"{EDIT}/new.ipynb")
    assert (text_at(f"{EDIT}/old.ipynb"), text_at(f"{EDIT}/new.ipynb")) == (["1"], None)
    assert bucket.names() == ["notebooks/old.ipynb"]


async def test_folders(manager, bucket, jp_root_dir):
    terra = await manager()
    await terra.save(f"{EDIT}/full/a.ipynb", text("1"))
    for act in (terra.delete(f"{EDIT}/full"), terra.rename(f"{EDIT}/full", f"{EDIT}/new")):
        with pytest.raises(Refused):
            await act
    (jp_root_dir / EDIT / "empty").mkdir()
    await terra.delete(f"{EDIT}/empty")
    assert not (jp_root_dir / EDIT / "empty").exists()
    assert bucket.names() == ["notebooks/full/a.ipynb"]
