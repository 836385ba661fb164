"""The contract of Welder's API as its clients rely on it, on both mounts; better where Welder is weak."""

import base64
import json
import time

import pytest
from welder_kit import CLOUD, ME, PATTERN, link
from workspace_kit import BUCKET, another_persons_lock, notebook, sources, text_of

A = "Terra/edit/a.ipynb"
LOCK_MS = 180_000


@pytest.fixture
def linked(welder):
    async def make(*arguments, **fields):
        answer = await welder("POST", "storageLinks", link(*arguments, **fields))
        assert answer.code == 200, answer
        return answer.model

    return make


@pytest.fixture
def ask(welder):
    """Status and error code of a call about one path."""

    async def call(what, path=A):
        body = {"localPath": path} if "/" in what else {"action": what, "localPath": path}
        answer = await welder("POST", what if "/" in what else "objects", body)
        return answer.code, answer.model.get("errorCode") if answer.body else None

    return call


@pytest.fixture
def patch(bucket):
    """Set custom metadata, as another client does."""

    def change(metadata, name="a.ipynb"):
        blob = bucket.client.bucket(BUCKET).blob(f"notebooks/{name}")
        blob.metadata = metadata
        blob.patch()

    return change


def is_own_lock(metadata):
    left = int(metadata["lockExpiresAt"]) - time.time() * 1000
    return metadata["lastLockedBy"] == ME and LOCK_MS - 75_000 < left < LOCK_MS + 15_000


async def test_status_and_what_is_not_there(welder):
    reported = (await welder("GET", "status")).model
    assert {type(reported[key]) for key in ("buildTime", "gitHeadCommit")} == {str}
    assert (await welder("GET", "nothing-here")).code == 404
    assert (await welder("GET", "objects")).code in {404, 405}


async def test_wrong_fields_are_400(welder):
    good, source = link(), {"sourceUri": "gs://bbb/o", "localDestinationPath": "a"}
    bodies = [("objects/metadata", {}), ("objects/lock", {"localPath": 1}), ("objects/lock", {"localPath": "/etc/a"})]
    bodies += [("objects", {"localPath": "a.ipynb"}), ("objects", {"action": "delocalize", "localPath": "a.ipynb"})]
    bodies += [("objects", {"action": "localize"})]
    for change in ({"localDestinationPath": "/etc/a"}, {"sourceUri": "gs://bbb"}, {"sourceUri": "https://bbb/o"}):
        bodies += [("objects", {"action": "localize", "entries": [{**source, **change}]})]
    for change in ({"pattern": "*.ipynb"}, {"cloudStorageDirectory": ""}):
        bodies += [("storageLinks", {**good, **change})]
    for gone in ("localBaseDirectory", "cloudStorageDirectory", "pattern"):
        bodies += [("storageLinks", {key: value for key, value in good.items() if key != gone})]
    for path, body in bodies:
        answer = await welder("POST", path, body)
        assert (answer.code, answer.model["errorCode"]) == (400, None), (path, body)
    assert (await welder("GET", "storageLinks")).model == {"storageLinks": []}


async def test_links(welder, linked, ask):
    for pattern in (PATTERN, r".+(\.R|\.Rmd)$"):
        await linked(pattern=pattern)
        listed = (await welder("GET", "storageLinks")).model["storageLinks"]
        assert [one["pattern"] for one in listed] == [pattern]
    for _ in range(2):
        assert (await welder("DELETE", "storageLinks", link())).code == 204
    assert await ask("objects/metadata") == (412, 1)
    plain = {key: value for key, value in link("Plain", None).items() if key != "localSafeModeBaseDirectory"}
    reported = link("Plain", None, f"{BUCKET}/notebooks")
    for body in (plain, {**plain, "localSafeModeBaseDirectory": None}, {**plain, "localBaseDirectory": "Plain/"}):
        assert (await welder("POST", "storageLinks", body)).model == reported


async def test_what_a_link_brings(linked, bucket, disk, jp_root_dir, eventually):
    for name in ("notebooks/a.ipynb", "notebooks/sub/b.ipynb", "notebooks/c.txt", "notebooks2/d.ipynb"):
        bucket.put(name, text_of(notebook("1")))
    await linked()
    edit = jp_root_dir / "Terra/edit"
    await eventually(lambda: (edit / "a.ipynb").exists() and (edit / "sub/b.ipynb").exists())
    assert not [*jp_root_dir.rglob("c.txt"), *jp_root_dir.rglob("d.ipynb")]


async def test_the_longest_folder_decides(welder, linked, objects, disk, bucket, ask):
    outer, inner = await linked(), await linked("Terra/edit/inner", None, f"gs://{BUCKET}/other")
    for path, decides in (("Terra/edit/inner/a.ipynb", inner), ("Terra/edit/deep/er/a.ipynb", outer)):
        assert (await welder("POST", "objects/metadata", {"localPath": path})).model["storageLink"] == decides
    assert await ask("objects/metadata", "Terra/a.ipynb") == (412, 1)
    disk("Terra/edit/inner/a.ipynb", "inner")
    assert await ask("safeDelocalize", "Terra/edit/inner/a.ipynb") == (204, None)
    assert bucket.names() == ["other/a.ipynb"]


async def test_patterns_decide_what_is_saved(linked, ask, jp_root_dir, bucket):
    cases = [(r".*\.ipynb", "a.ipynb", "a.txt"), (r"\.ipynb$", "a.ipynb", "a.ipynb.txt")]
    cases += [(r".*.ipynb", "a.ipynb", "a.txt"), (r".+(\.R|\.Rmd)$", "a.Rmd", "a.ipynb")]
    cases += [
        (r"(?i)\.(Rmd|R)$", "a.rMD", "a.ipynb"),
        (r"\.sas$", "a.sas", "a.sas7"),
        (PATTERN, "b.ipynb", "b.ipynb.bak"),
    ]
    for number, (pattern, kept, other) in enumerate(cases):
        assert (await linked(f"p{number}", None, f"gs://{BUCKET}/f{number}", pattern))["pattern"] == pattern
        for name in (kept, other):
            (jp_root_dir / f"p{number}" / name).write_text(text_of(notebook(name)))
            assert await ask("safeDelocalize", f"p{number}/{name}") == (204, None), (pattern, name)
    assert bucket.names() == [f"f{number}/{kept}" for number, (_, kept, _) in enumerate(cases)]


async def test_a_link_on_the_root_and_a_whole_bucket(linked, ask, disk, bucket):
    assert (await linked("", None, f"gs://{BUCKET}"))["cloudStorageDirectory"] == BUCKET
    disk("root.ipynb", "at the root")
    assert await ask("safeDelocalize", "root.ipynb") == (204, None)
    assert bucket.names() == ["root.ipynb"]
    assert await ask("objects/metadata", "d/root.ipynb") == (412, 1)


async def test_localizing(linked, welder, localize, bucket, disk, jp_root_dir, status_of):
    await linked()
    for version in ("1", "newer"):
        bucket.put_notebook("a.ipynb", version)
        for path in (A, "Terra/safe/a.ipynb", "Unlinked/new/a.ipynb"):
            assert (await localize(f"{CLOUD}/a.ipynb", path)).code == 204
            assert sources(json.loads((jp_root_dir / path).read_text())) == [version]
        assert await status_of(A) == "LIVE"
    names = [f"many-{number}.ipynb" for number in range(12)]
    for name in names:
        bucket.put_notebook(name, "1")
    entries = [
        {"sourceUri": f"{BUCKET}/notebooks/{name}", "localDestinationPath": f"Terra/edit/{name}"} for name in names
    ]
    for several in ([], entries):
        assert (await welder("POST", "objects", {"action": "localize", "entries": several})).code == 204
    assert all((jp_root_dir / "Terra/edit" / name).exists() for name in names)
    only_here = disk("Terra/edit/only-here.ipynb", "mine")
    missing = await localize(f"{CLOUD}/only-here.ipynb", "Terra/edit/only-here.ipynb")
    assert (missing.code, missing.model["errorCode"]) == (404, None)
    assert sources(json.loads(only_here.read_text())) == ["mine"]


async def test_data_in_both_alphabets(linked, localize, jp_root_dir):
    await linked("workspaces/one", None, pattern=r"\.ipynb$")
    path = "workspaces/one/.all_of_us_config.json"
    for content, encode in ((b'{"a": 1}', base64.b64encode), ('{"a": "??>~ÿ"}'.encode(), base64.urlsafe_b64encode)):
        assert (await localize(f"data:application/json;base64,{encode(content).decode()}", path)).code == 204
        assert (jp_root_dir / path).read_bytes() == content


async def test_metadata(welder, linked, localize, bucket, disk, status_of, patch, jp_root_dir):
    reported = {"syncMode": "EDIT", "storageLink": await linked()}

    async def metadata(path=A):
        return (await welder("POST", "objects/metadata", {"localPath": path})).model

    bucket.put_notebook("a.ipynb", "1")
    await localize(f"{CLOUD}/a.ipynb", A)
    assert await metadata() == {**reported, "syncStatus": "LIVE", "lastLockedBy": None}
    somebody = another_persons_lock()
    for record, locked_by in (
        (somebody, somebody["lastLockedBy"]),
        (another_persons_lock(-60), None),
        ({"lastLockedBy": "f" * 64, "lockExpiresAt": "soon"}, None),
        ({"lastLockedBy": "NotMe", "lockExpiresAt": somebody["lockExpiresAt"]}, "NotMe"),
    ):
        patch(record)
        assert (await metadata())["lastLockedBy"] == locked_by
    disk(A, "edited here")
    assert await status_of(A) == "LOCAL_CHANGED"
    bucket.put_notebook("a.ipynb", "edited there")
    assert await status_of(A) == "REMOTE_CHANGED"
    (jp_root_dir / A).unlink()
    assert (await welder("POST", "objects/metadata", {"localPath": A})).code == 200
    bucket.put_notebook("by-hand.ipynb", "theirs")
    disk("Terra/edit/by-hand.ipynb", "made by hand")
    assert await status_of("Terra/edit/by-hand.ipynb") == "DESYNCHRONIZED"
    disk("Terra/edit/by-hand.ipynb", "theirs")
    assert await status_of("Terra/edit/by-hand.ipynb") == "LIVE"
    bucket.client.bucket(BUCKET).delete_blob("notebooks/a.ipynb")
    for path in (A, "Terra/edit/never.ipynb"):
        assert await metadata(path) == {**reported, "syncStatus": "REMOTE_NOT_FOUND"}
    assert await metadata("Terra/safe/a.ipynb") == {"syncMode": "SAFE", "storageLink": reported["storageLink"]}


async def test_locks(linked, localize, bucket, ask, patch):
    await linked()
    bucket.put_notebook("a.ipynb", "1", metadata={"made-by": "somebody"})
    await localize(f"{CLOUD}/a.ipynb", A)
    generation = bucket.get("a.ipynb").generation
    mine = {"lastLockedBy": ME}
    for record in ({}, {**mine, "lockExpiresAt": str(int(time.time() * 1000) + 20_000)}, another_persons_lock(-30)):
        patch(record)
        assert await ask("objects/lock") == (204, None)
        now = bucket.get("a.ipynb")
        assert is_own_lock(now.metadata)
        assert (now.generation, now.metadata["made-by"]) == (generation, "somebody")
    for owner in ("f" * 64, "NotMe"):
        held = {**another_persons_lock(), "lastLockedBy": owner, "terraEnvironment": ""}
        patch(held)
        before = bucket.get("a.ipynb").metadata
        assert await ask("objects/lock") == (409, None)
        assert bucket.get("a.ipynb").metadata == before
    assert await ask("objects/lock", "Terra/edit/never.ipynb") == (404, None)


async def test_saving(linked, localize, bucket, ask, disk, status_of):
    await linked()
    bucket.put_notebook("a.ipynb", "1", metadata={"made-by": "somebody"})
    await localize(f"{CLOUD}/a.ipynb", A)
    assert await ask("objects/lock") == (204, None)
    for text in ("edited", "edited again"):
        disk(A, text)
        assert await ask("safeDelocalize") == (204, None)
        assert (bucket.sources("a.ipynb"), await status_of(A)) == ([text], "LIVE")
        assert is_own_lock(bucket.get("a.ipynb").metadata)
    generation = bucket.get("a.ipynb").generation
    assert await ask("safeDelocalize") == (204, None)
    now = bucket.get("a.ipynb")
    assert (now.generation, now.metadata["made-by"]) == (generation, "somebody")
    for name in ("new.ipynb", "sub/deeper/new.ipynb"):
        disk(f"Terra/edit/{name}", "a new one")
        assert await ask("safeDelocalize", f"Terra/edit/{name}") == (204, None)
        assert is_own_lock(bucket.get(name).metadata)
    assert (await ask("safeDelocalize", "Terra/edit/no-file.ipynb"))[0] >= 400


async def test_saves_that_are_refused(linked, localize, bucket, ask, disk, patch, jp_root_dir):
    """Both sides stay as they are."""
    await linked()
    bucket.put_notebook("taken.ipynb", "theirs")
    disk("Terra/edit/taken.ipynb", "mine")
    assert await ask("safeDelocalize", "Terra/edit/taken.ipynb") == (412, 0)
    bucket.put_notebook("a.ipynb", "1")
    await localize(f"{CLOUD}/a.ipynb", A)
    patch(another_persons_lock())
    disk(A, "mine")
    assert await ask("safeDelocalize") == (412, 4)
    assert bucket.get("a.ipynb").metadata["lastLockedBy"] == "f" * 64
    patch(another_persons_lock(-30))
    assert (await ask("objects/lock"), await ask("safeDelocalize")) == ((204, None), (204, None))
    bucket.put_notebook("a.ipynb", "theirs")
    disk(A, "mine again")
    assert await ask("safeDelocalize") == (412, 0)
    assert (bucket.sources("a.ipynb"), bucket.sources("taken.ipynb")) == (["theirs"], ["theirs"])
    for path, text in ((A, "mine again"), ("Terra/edit/taken.ipynb", "mine")):
        assert sources(json.loads((jp_root_dir / path).read_text())) == [text]


async def test_the_same_bytes_written_again_are_no_conflict(linked, localize, bucket, ask, disk, status_of):
    await linked()
    bucket.put_notebook("a.ipynb", "1")
    await localize(f"{CLOUD}/a.ipynb", A)
    bucket.put_notebook("a.ipynb", "1")
    assert await status_of(A) == "LIVE"
    disk(A, "edited")
    assert await ask("safeDelocalize") == (204, None)
    assert bucket.sources("a.ipynb") == ["edited"]


async def test_making_the_link_later_is_enough(linked, ask, disk, bucket):
    disk("Later/a.ipynb", "earlier than its link")
    assert await ask("safeDelocalize", "Later/a.ipynb") == (412, 1)
    await linked("Later", None)
    assert await ask("safeDelocalize", "Later/a.ipynb") == (204, None)
    assert bucket.sources("a.ipynb") == ["earlier than its link"]


async def test_deletions_that_are_refused(linked, localize, bucket, ask, patch):
    await linked()
    for name in ("locked", "changed"):
        bucket.put_notebook(f"{name}.ipynb", "1")
        await localize(f"{CLOUD}/{name}.ipynb", f"Terra/edit/{name}.ipynb")
    patch(another_persons_lock(), "locked.ipynb")
    bucket.put_notebook("changed.ipynb", "theirs")
    # By now the link has brought what there was.
    bucket.put_notebook("unseen.ipynb", "1")
    got = {name: await ask("delete", f"Terra/edit/{name}.ipynb") for name in ("unseen", "locked", "changed")}
    assert got == {"unseen": (412, 4), "locked": (412, 4), "changed": (412, 0)}
    assert len(bucket.names()) == 3


async def test_jupyterlabs_link_has_an_empty_safe_folder(linked, ask, disk, bucket, eventually, jp_root_dir, status_of):
    bucket.put_notebook("a.ipynb", "1")
    assert (await linked(safe=""))["localSafeModeBaseDirectory"] == ""
    await eventually((jp_root_dir / A).exists)

    async def is_live():
        return await status_of(A) == "LIVE"

    await eventually(is_live)
    disk(A, "edited in JupyterLab")
    assert await ask("safeDelocalize") == (204, None)
    assert bucket.sources("a.ipynb") == ["edited in JupyterLab"]
    disk("root.ipynb", "safe")
    assert await ask("safeDelocalize", "root.ipynb") == (412, 2)


async def test_all_goes_on_after_a_flush(welder, linked, localize, bucket, ask, disk):
    made = await linked()
    bucket.put_notebook("a.ipynb", "1")
    await localize(f"{CLOUD}/a.ipynb", A)
    assert (await ask("objects/lock"), (await welder("POST", "cache/flush")).code) == ((204, None), 204)
    assert (await welder("GET", "storageLinks")).model == {"storageLinks": [made]}
    disk(A, "after the flush")
    assert await ask("safeDelocalize") == (204, None)
    assert bucket.sources("a.ipynb") == ["after the flush"]
