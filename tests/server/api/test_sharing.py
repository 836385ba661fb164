"""What a person sees before they delete, and of where their work is."""

import pytest
from workspace_kit import WORKSPACE, another_persons_lock, notebook, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.rules.edit_lock import OWNER_KEY, owner_hash

ME, OTHER = "owner@example.org", "colleague@example.org"
NOTHING = {"count": 0, "names": []}


@pytest.fixture
def terra_settings():
    return {"bucket_retry_deadline_seconds": 0.2, "listing_max_age_seconds": 0.0, "collaborators": [OTHER]}


@pytest.fixture
def ask(api):
    async def ask(endpoint, name, folder="edit"):
        answer = await api("GET", endpoint, base="terra-env", path=f"{WORKSPACE}/{folder}/{name}")
        assert answer.code == 200, answer.body
        return answer.model

    return ask


async def test_where_a_notebook_is(bucket, contents, edit, ask, jp_serverapp):
    bucket.put_notebook("a.ipynb", "shared", metadata={OWNER_KEY: owner_hash(bucket.name, OTHER)})
    before = await ask("whereabouts", "a.ipynb")
    assert before["uri"] == f"gs://{bucket.name}/notebooks/a.ipynb"
    assert (before["disk_path"], before["last_editor"], before["is_in_workspace"]) == (None, OTHER, True)
    await contents.open("a.ipynb")
    after = await ask("whereabouts", "a.ipynb")
    assert after["disk_path"] == str(edit / "a.ipynb")
    assert after["last_editor"] == ME
    assert after["updated"] == before["updated"]


async def test_a_stranger_is_not_named(bucket, ask, jp_serverapp):
    bucket.put_notebook("a.ipynb", "shared", metadata={OWNER_KEY: "f" * 64})
    assert (await ask("whereabouts", "a.ipynb"))["last_editor"] is None


async def test_what_stays_on_this_disk_has_no_place_in_the_bucket(bucket, edit, playground, ask, jp_serverapp):
    (edit / "data.csv").write_text("1")
    playground.mkdir(parents=True, exist_ok=True)
    (playground / "a.ipynb").write_text("{}")
    bucket.put_notebook("a.ipynb", "shared")
    bucket.mark()
    for name, folder in (("data.csv", "edit"), ("a.ipynb", "playground")):
        reported = await ask("whereabouts", name, folder)
        assert (reported["uri"], reported["is_in_workspace"]) == (None, False)
        assert reported["disk_path"].endswith(f"{folder}/{name}")
    assert bucket.requests == []


async def test_an_outage_is_reported_and_the_disk_is_shown(bucket, contents, ask, jp_serverapp):
    bucket.put_notebook("a.ipynb", "shared")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.get", action=AnswerWith(status=503), times=100))
    reported = await ask("whereabouts", "a.ipynb")
    assert reported["disk_path"]
    assert reported["reason"] in {"server-error", "overloaded", "unreachable"}
    assert (await ask("removal", "a.ipynb"))["reason"] == reported["reason"]


async def test_what_deleting_one_notebook_removes(bucket, contents, ask, jp_serverapp):
    bucket.put_notebook("a.ipynb", "shared")
    await contents.open("a.ipynb")
    bucket.mark()
    reported = await ask("removal", "a.ipynb")
    assert reported["is_folder"] is False
    assert reported["shared"] == {"count": 1, "names": ["a.ipynb"]}
    assert (reported["on_disk_only"], reported["hidden"], reported["held"]) == (NOTHING, NOTHING, [])
    assert bucket.writes == []
    assert (await contents.delete("a.ipynb")).code == 204
    assert bucket.names() == []


async def test_what_deleting_a_folder_removes_and_what_it_cannot(bucket, contents, edit, ask, jp_serverapp):
    bucket.put_notebook("f/a.ipynb", "shared")
    bucket.put_notebook("f/deep/b.ipynb", "theirs", metadata=another_persons_lock())
    bucket.put("notebooks/f/cohort.csv", "1,2")
    bucket.put("notebooks/f/", "")
    await contents.open("f/a.ipynb")
    (edit / "f" / "data.csv").write_text("1")
    (edit / "f" / ".hidden").write_text("1")
    reported = await ask("removal", "f")
    assert reported["is_folder"] is True
    assert reported["shared"] == {"count": 2, "names": ["a.ipynb", "deep/b.ipynb"]}
    assert reported["on_disk_only"] == {"count": 1, "names": ["data.csv"]}
    assert reported["hidden"] == {"count": 1, "names": ["cohort.csv"]}
    assert reported["held"] == [{"path": f"{WORKSPACE}/edit/f/deep/b.ipynb", "email": None, "by_same_person": False}]
    refused = await contents.delete("f")
    assert refused.code == 409
    assert len(bucket.names()) == 4


async def test_what_stays_on_this_disk_is_removed_for_no_one_else(bucket, edit, playground, ask, jp_serverapp):
    bucket.put_notebook("a.ipynb", "shared")
    (edit / "data.csv").write_text("1")
    playground.mkdir(parents=True, exist_ok=True)
    (playground / "a.ipynb").write_text("{}")
    bucket.mark()
    for name, folder in (("data.csv", "edit"), ("a.ipynb", "playground")):
        reported = await ask("removal", name, folder)
        assert reported["shared"] == NOTHING
        assert reported["on_disk_only"] == {"count": 1, "names": [name]}
    assert bucket.requests == []


async def test_a_long_list_is_counted_and_not_listed_whole(bucket, ask, jp_serverapp):
    for number in range(25):
        bucket.put_notebook(f"f/{number:02}.ipynb", "shared")
    reported = await ask("removal", "f")
    assert reported["shared"]["count"] == 25
    assert len(reported["shared"]["names"]) == 20


async def test_a_listing_reports_what_stays_on_this_disk(bucket, contents, edit, playground, jp_serverapp):
    bucket.put_notebook("shared.ipynb", "shared")
    edit.mkdir(parents=True, exist_ok=True)
    kept = text_of(notebook("kept"))
    for name in ("data.csv", "helper.py"):
        (edit / name).write_text("1")
    (edit / "shared (my edits).ipynb").write_text(kept)
    (edit / "folder").mkdir()
    playground.mkdir(parents=True, exist_ok=True)
    (playground / "data.csv").write_text("1")
    listed = (await contents.list()).model["content"]
    places = {entry["name"]: (entry.get("terra") or {}).get("place") for entry in listed}
    assert places == {
        "shared.ipynb": None,
        "data.csv": "local-only",
        "helper.py": "local-only",
        "shared (my edits).ipynb": "local-only",
        "folder": None,
    }
    assert all("terra" not in entry for entry in (await contents.list(folder="playground")).model["content"])
    assert "notebooks/shared (my edits).ipynb" not in bucket.names()


async def test_kept_edits_that_someone_has_put_into_the_workspace_are_shared(bucket, contents, jp_serverapp):
    bucket.put_notebook("shared (my edits).ipynb", "shared")
    assert (await contents.open("shared (my edits).ipynb")).code == 200
    (entry,) = (await contents.list()).model["content"]
    assert "terra" not in entry


@pytest.mark.parametrize("path", ["elsewhere/a.ipynb", WORKSPACE, f"{WORKSPACE}/edit"])
async def test_what_is_in_no_workspace_is_jupyters_own_business(api, jp_serverapp, path):
    answer = await api("GET", "removal", base="terra-env", path=path)
    assert (answer.code, answer.model) == (200, {"path": path, "workspace": None})
