"""A state folder that is restored or removed under a running server: said on every surface, and nothing is lost."""

import shutil

import pytest
from workspace_kit import WORKSPACE

REASON = "journal-replaced"


@pytest.fixture(params=["restored", "removed"])
def replaced(request, jp_root_dir, tmp_path):
    """Do it to the state folder: as a snapshot of it was, or away with it."""
    state = jp_root_dir / ".jupyter-terra-env"

    def replace():
        state.rename(tmp_path / "aside")
        if request.param == "restored":
            shutil.copytree(tmp_path / "aside", state)

    return replace


async def test_what_is_saved_stays_on_the_disk_and_is_named(bucket, contents, api, edit, jp_serverapp, replaced):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    replaced()
    saved = await contents.save("a.ipynb", "2")
    assert (saved.code, saved.model["terra"]["place"], saved.model["terra"]["reason"]) == (200, "on-disk", REASON)
    assert "Restart the server" in saved.model["terra"]["message"]
    [debt] = (await api("GET", "debts", base="terra-env")).model["debts"]
    assert (debt["path"], debt["place"], debt["reason"]) == (f"{WORKSPACE}/edit/a.ipynb", "on-disk", REASON)
    flushed = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 5})
    assert [unpaid["reason"] for unpaid in flushed.model["unpaid"]] == [REASON]
    assert bucket.sources("a.ipynb") == ["1"]


async def test_nothing_is_renamed_or_deleted(bucket, contents, edit, jp_serverapp, replaced):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    replaced()
    for refused in (await contents.rename("a.ipynb", "b.ipynb"), await contents.delete("a.ipynb")):
        assert (refused.code, refused.reason) == (409, REASON)
        assert f"{WORKSPACE}/edit/a.ipynb" in refused.message
    assert (edit / "a.ipynb").exists()
    assert bucket.names() == ["notebooks/a.ipynb"]
