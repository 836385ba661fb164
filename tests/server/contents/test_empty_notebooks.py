"""Notebooks of no bytes: an error as Jupyter's, and a save over them that reaches the workspace."""

import pytest


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("lock", [{}, {"lastLockedBy": "f" * 64, "lockExpiresAt": "0"}])
async def test_in_the_bucket(bucket, contents, opened, lock, jp_serverapp):
    bucket.put("notebooks/a.ipynb", b"", metadata={"team": "blue", **lock})
    if opened:
        refused = await contents.open("a.ipynb")
        assert (refused.code, "Unreadable Notebook" in refused.message) == (400, True)
    assert (await contents.save("a.ipynb", "mine")).code in {200, 201}
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["mine"]
    assert bucket.get("a.ipynb").metadata["team"] == "blue"
    assert (await contents.open("a.ipynb")).code == 200


@pytest.mark.parametrize("folder", ["edit", "playground"])
async def test_on_the_disk(bucket, contents, jp_root_dir, folder, jp_serverapp):
    file = jp_root_dir / "My work" / folder / "a.ipynb"
    file.write_bytes(b"")
    assert (await contents.open("a.ipynb", folder=folder)).code == 400
    assert bucket.names() == []
    assert (await contents.save("a.ipynb", "mine", folder=folder)).code == 200
    if folder == "edit":
        await contents.settled("a.ipynb")
        assert bucket.sources("a.ipynb") == ["mine"]


async def test_one_that_was_filled_meanwhile_is_not_saved_over(bucket, contents, jp_serverapp):
    bucket.put("notebooks/a.ipynb", b"")
    assert (await contents.open("a.ipynb")).code == 400
    bucket.put_notebook("a.ipynb", "theirs")
    refused = await contents.save("a.ipynb", "mine")
    assert refused.code == 409
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_what_is_not_empty_and_was_never_here_is_still_a_taken_name(bucket, contents, jp_serverapp):
    bucket.put("notebooks/a.ipynb", b" ")
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "name-taken")
    assert bucket.get("a.ipynb").content == b" "
