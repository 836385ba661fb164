"""What another person did to the bucket meanwhile: refused, both versions intact, with a way out."""

import asyncio
import json
import time
from datetime import datetime

import pytest
from workspace_kit import WORKSPACE, notebook, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection
from jupyter_terra_env.rules.edit_lock import owner_hash


@pytest.fixture
def terra_settings():
    return {
        "bucket_retry_deadline_seconds": 1.0,
        "collaborators": ["bob@example.org"],
        "listing_max_age_seconds": 0.0,
    }


async def test_a_save_over_a_changed_notebook_is_409_and_both_versions_stay(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "remote-changed")
    assert "nothing was overwritten" in refused.message
    assert bucket.sources("a.ipynb") == ["theirs"]
    assert sources(json.loads((edit / "a.ipynb").read_text())) == ["mine"]
    assert (await contents.status("a.ipynb"))["place"] == "conflict"


async def test_the_sentence_of_a_conflict_is_the_same_each_time(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    first = await contents.save("a.ipynb", "mine")
    second = await contents.save("a.ipynb", "mine, longer")
    assert (first.code, first.message) == (second.code, second.message)


async def test_reading_a_conflicted_notebook_does_not_open_the_door_to_overwriting(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "mine")
    opened = await contents.open("a.ipynb")
    assert sources(opened.model["content"]) == ["mine"]
    assert opened.model["terra"]["place"] == "conflict"
    assert (await contents.save("a.ipynb", "mine again")).code == 409
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_the_way_out_opens_theirs_and_keeps_mine(bucket, contents, api, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "mine")
    path = f"{WORKSPACE}/edit/a.ipynb"
    answer = await api("POST", "open-workspace-version", base="terra-env", body={"path": path})
    assert answer.model["kept_edits"] == f"{WORKSPACE}/edit/a (my edits).ipynb"
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["theirs"]
    assert sources(json.loads((edit / "a (my edits).ipynb").read_text())) == ["mine"]
    assert (await contents.save("a.ipynb", "theirs and mine")).code == 200
    assert bucket.sources("a.ipynb") == ["theirs and mine"]


async def test_a_save_over_a_deleted_notebook_is_409_and_it_does_not_come_back(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb").delete()
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "remote-deleted")
    assert bucket.names() == []
    assert sources(json.loads((edit / "a.ipynb").read_text())) == ["mine"]


async def test_a_new_file_over_an_unseen_notebook_is_409(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "theirs")
    refused = await contents.save("a.ipynb", "mine")
    assert (refused.code, refused.reason) == (409, "name-taken")
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_the_same_bytes_under_a_new_generation_are_no_conflict(bucket, contents, jp_serverapp):
    blob = bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put("notebooks/a.ipynb", blob.download_as_bytes())
    await contents.open("a.ipynb")
    assert (await contents.save("a.ipynb", "2")).code == 200


async def test_someone_storing_my_very_bytes_first_is_no_conflict(bucket, contents, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put("notebooks/a.ipynb", text_of(notebook("2")))
    assert (await contents.save("a.ipynb", "2")).code == 200
    assert (await contents.save("a.ipynb", "3")).code == 200
    assert bucket.sources("a.ipynb") == ["3"]


async def test_an_edit_made_while_the_server_was_down_is_never_overwritten(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    (edit / "a.ipynb").write_text(text_of(notebook("typed elsewhere")))
    bucket.put_notebook("a.ipynb", "theirs")
    opened = await contents.open("a.ipynb")
    assert sources(opened.model["content"]) == ["typed elsewhere"]
    assert opened.model["terra"]["place"] == "conflict"


async def test_an_edit_the_bucket_never_got_goes_there_on_the_next_open(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    (edit / "a.ipynb").write_text(text_of(notebook("typed elsewhere")))
    await contents.open("a.ipynb")
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["typed elsewhere"]


async def test_a_file_without_history_is_never_overwritten_by_opening(bucket, contents, edit, jp_serverapp):
    (edit / "a.ipynb").write_text(text_of(notebook("mine")))
    bucket.put_notebook("a.ipynb", "theirs")
    opened = await contents.open("a.ipynb")
    assert sources(opened.model["content"]) == ["mine"]
    assert (opened.model["terra"]["place"], opened.model["terra"]["reason"]) == ("conflict", "name-taken")


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "answer-lost"])
async def test_a_broken_connection_during_a_save_is_settled(bucket, contents, after_effect, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="objects.insert", action=ResetConnection(), after_effect=after_effect))
    saved = await contents.save("a.ipynb", "2")
    assert saved.code == 200
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == ["2"]
    assert (await contents.save("a.ipynb", "3")).code == 200
    assert bucket.sources("a.ipynb") == ["3"]


@pytest.mark.parametrize("after_effect", [False, True], ids=["before-the-effect", "answer-lost"])
async def test_a_broken_connection_during_a_creation_is_settled(bucket, contents, after_effect, jp_serverapp):
    bucket.faults.add(Fault(operation="objects.insert", action=ResetConnection(), after_effect=after_effect))
    assert (await contents.save("new.ipynb", "1")).code == 201
    await contents.settled("new.ipynb")
    assert bucket.sources("new.ipynb") == ["1"]


async def parted(bucket, contents):
    bucket.put_notebook("a.ipynb", "1", "2")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "1", "2 theirs")
    assert (await contents.save("a.ipynb", "1 mine", "2")).code == 409


async def looked(api, name="a.ipynb"):
    return await api("GET", "conflict", base="terra-env", path=f"{WORKSPACE}/edit/{name}")


async def resolved(api, action, name="a.ipynb", **more):
    body = {"path": f"{WORKSPACE}/edit/{name}", "action": action, **more}
    return await api("POST", "resolve", base="terra-env", body=body)


async def test_both_sides_are_notified(bucket, contents, api, jp_serverapp):
    await parted(bucket, contents)
    reported = (await looked(api)).model
    assert sources(reported["mine"]) == ["1 mine", "2"]
    assert sources(reported["theirs"]) == ["1", "2 theirs"]
    assert sources(reported["base"]) == ["1", "2"]
    assert (reported["can_merge"], sources(reported["merged"])) == (True, ["1 mine", "2 theirs"])
    assert (reported["reason"], reported["is_deleted"], reported["too_large"]) == ("remote-changed", False, False)
    assert reported["theirs_version"] == str(bucket.get("a.ipynb").generation)


@pytest.mark.parametrize(
    ("action", "in_the_bucket"),
    [
        ("keep-both", {"a.ipynb": ["1", "2 theirs"], "a (my edits).ipynb": ["on the screen"]}),
        ("take-theirs", {"a.ipynb": ["1", "2 theirs"]}),
        ("replace-theirs", {"a.ipynb": ["on the screen"]}),
    ],
)
async def test_each_way_out_takes_what_is_on_the_screen(
    bucket, contents, api, edit, jp_serverapp, action, in_the_bucket
):
    await parted(bucket, contents)
    version = (await looked(api)).model["theirs_version"]
    answer = await resolved(api, action, content=notebook("on the screen"), theirs_version=version)
    assert answer.code == 200
    assert answer.model["status"]["place"] == "in-workspace"
    assert {name: bucket.sources(name) for name in in_the_bucket} == in_the_bucket
    assert len(bucket.names()) == len(in_the_bucket)
    kept = answer.model["kept_edits"]
    assert kept == (None if action == "replace-theirs" else f"{WORKSPACE}/edit/a (my edits).ipynb")
    if kept is not None:
        assert sources(json.loads((edit / "a (my edits).ipynb").read_text())) == ["on the screen"]
    assert (await looked(api)).reason == "no-conflict"


async def test_a_merge_that_is_clean(bucket, contents, api, jp_serverapp):
    await parted(bucket, contents)
    answer = await resolved(api, "merge")
    assert (answer.code, answer.model["kept_edits"]) == (200, f"{WORKSPACE}/edit/a (my edits).ipynb")
    assert bucket.sources("a.ipynb") == ["1 mine", "2 theirs"]
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["1 mine", "2 theirs"]


async def test_a_merge_that_a_person_composed_is_what_is_stored_and_mine_stays_beside_it(
    bucket, contents, api, edit, jp_serverapp
):
    await parted(bucket, contents)
    seen = (await looked(api)).model
    versions = {key: seen[key] for key in ("theirs_version", "mine_version")}
    composed = {"merged": notebook("1 mine", "both", "2 theirs"), "content": notebook("on the screen"), **versions}
    answer = await resolved(api, "merge", **composed)
    assert (answer.code, answer.model["kept_edits"]) == (200, f"{WORKSPACE}/edit/a (my edits).ipynb")
    assert bucket.sources("a.ipynb") == ["1 mine", "both", "2 theirs"]
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["1 mine", "both", "2 theirs"]
    assert sources(json.loads((edit / "a (my edits).ipynb").read_text())) == ["on the screen"]


@pytest.mark.parametrize("moved", ["theirs", "mine"])
async def test_a_composed_merge_of_versions_that_have_moved_changes_nothing(
    bucket, contents, api, edit, jp_serverapp, moved
):
    await parted(bucket, contents)
    seen = (await looked(api)).model
    if moved == "theirs":
        bucket.put_notebook("a.ipynb", "newer")
    else:
        await contents.save("a.ipynb", "another tab's")
    before, in_bucket = (edit / "a.ipynb").read_bytes(), bucket.sources("a.ipynb")
    versions = {key: seen[key] for key in ("theirs_version", "mine_version")}
    refused = await resolved(api, "merge", merged=notebook("composed"), **versions)
    assert (refused.code, refused.reason) == (409, "remote-changed" if moved == "theirs" else "mine-changed")
    assert (edit / "a.ipynb").read_bytes() == before
    assert bucket.sources("a.ipynb") == in_bucket
    assert [file.name for file in edit.glob("*.ipynb")] == ["a.ipynb"]


async def test_a_composed_merge_names_what_it_was_made_from(bucket, contents, api, edit, jp_serverapp):
    await parted(bucket, contents)
    seen = (await looked(api)).model
    merged, before = notebook("composed"), (edit / "a.ipynb").read_bytes()
    versions = {key: seen[key] for key in ("theirs_version", "mine_version")}
    for action, named in (
        ("merge", {"theirs_version": seen["theirs_version"]}),
        ("merge", {"mine_version": seen["mine_version"]}),
        ("replace-theirs", versions),
    ):
        assert (await resolved(api, action, merged=merged, **named)).code == 400
    assert (await resolved(api, "merge", merged={"cells": "none"}, **versions)).code == 400
    assert (edit / "a.ipynb").read_bytes() == before
    assert bucket.sources("a.ipynb") == ["1", "2 theirs"]


async def test_who_and_when_is_said_where_it_is_known(bucket, contents, api, jp_serverapp):
    await parted(bucket, contents)
    reported = (await looked(api)).model
    assert reported["theirs_by"] is None, "somebody's plain client"
    assert datetime.fromisoformat(reported["mine_updated"]).tzinfo is not None
    blob = bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb")
    blob.metadata = {"lastLockedBy": owner_hash(bucket.name, "bob@example.org"), "lockExpiresAt": "0"}
    blob.upload_from_string(text_of(notebook("1", "2 theirs, again")))
    reported = (await looked(api)).model
    assert reported["theirs_by"] == "bob@example.org"
    assert datetime.fromisoformat(reported["theirs_updated"]) == bucket.get("a.ipynb").time_created.replace(
        microsecond=0
    )


async def test_a_choice_made_on_an_older_look_is_refused(bucket, contents, api, jp_serverapp):
    await parted(bucket, contents)
    version = (await looked(api)).model["theirs_version"]
    bucket.put_notebook("a.ipynb", "newer")
    answer = await resolved(api, "replace-theirs", theirs_version=version)
    assert (answer.code, answer.reason) == (409, "remote-changed")
    assert bucket.sources("a.ipynb") == ["newer"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"action": "burn"}, 400),
        ({}, 400),
        ({"action": "take-theirs", "theirs_version": 7}, 400),
        ({"action": "replace-theirs", "content": ["no", "notebook"]}, 400),
        ({"action": "replace-theirs", "content": {"cells": "none"}}, 400),
        ({"action": "take-theirs", "path": "../../etc/passwd"}, 404),
        ({"action": "take-theirs", "path": f"{WORKSPACE}/playground/a.ipynb"}, 409),
    ],
)
async def test_choices_that_are_none(bucket, contents, api, edit, jp_serverapp, body, code):
    await parted(bucket, contents)
    (edit.parent / "playground" / "a.ipynb").write_text(text_of(notebook("played")))
    before = (edit / "a.ipynb").read_bytes()
    answer = await api("POST", "resolve", base="terra-env", body={"path": f"{WORKSPACE}/edit/a.ipynb", **body})
    assert answer.code == code
    assert (edit / "a.ipynb").read_bytes() == before
    assert bucket.sources("a.ipynb") == ["1", "2 theirs"]


async def test_what_a_refusal_says_is_what_there_is_to_look_at(bucket, contents, api, edit, jp_serverapp):
    await parted(bucket, contents)
    seen = (await looked(api)).model
    bucket.put_notebook("a.ipynb", "newer")
    before = (edit / "a.ipynb").read_bytes()
    for action in ("keep-both", "take-theirs", "replace-theirs", "merge"):
        refused = await resolved(api, action, theirs_version=seen["theirs_version"], mine_version=seen["mine_version"])
        assert (refused.code, refused.reason) == (409, "remote-changed")
        assert refused.model["status"]["place"] == "conflict"
        assert refused.model["theirs_version"] == str(bucket.get("a.ipynb").generation)
        assert refused.model["mine_version"] == seen["mine_version"]
    assert (edit / "a.ipynb").read_bytes() == before
    assert [file.name for file in edit.glob("*.ipynb")] == ["a.ipynb"]
    assert bucket.names() == ["notebooks/a.ipynb"]
    now = refused.model
    assert (await resolved(api, "replace-theirs", theirs_version=now["theirs_version"])).code == 200


async def test_mine_that_was_saved_in_another_tab_since_the_look(bucket, contents, api, edit, jp_serverapp):
    await parted(bucket, contents)
    seen = (await looked(api)).model
    await contents.save("a.ipynb", "another tab's")
    for more in ({}, {"content": notebook("on the screen")}):
        refused = await resolved(api, "take-theirs", mine_version=seen["mine_version"], **more)
        assert (refused.code, refused.reason) == (409, "mine-changed")
        assert refused.model["mine_version"] == (await looked(api)).model["mine_version"]
    assert sources(json.loads((edit / "a.ipynb").read_text())) == ["another tab's"]


@pytest.mark.parametrize("second", ["keep-both", "take-theirs", "replace-theirs", "merge"])
@pytest.mark.parametrize("first", ["keep-both", "take-theirs", "replace-theirs", "merge"])
async def test_two_tabs_choose_at_once(bucket, contents, api, edit, jp_serverapp, first, second):
    await parted(bucket, contents)
    version = (await looked(api)).model["theirs_version"]
    on_the_screen = {"content": notebook("another screen")}
    answers = await asyncio.gather(
        resolved(api, first, theirs_version=version),
        resolved(api, second, theirs_version=version, **({} if second == "merge" else on_the_screen)),
    )
    assert sorted(answer.code for answer in answers) == [200, 409]
    [refused] = [answer for answer in answers if answer.code == 409]
    assert refused.reason in {"no-conflict", "remote-changed"}
    assert refused.model["status"]["place"] in {"in-workspace", "uploading"}
    everything = [sources(json.loads(file.read_text())) for file in edit.glob("*.ipynb")]
    assert ["1 mine", "2"] in everything or ["another screen"] in everything
    assert len(bucket.names()) <= 2


async def test_a_way_out_of_a_lock_that_was_taken_meanwhile_reports_the_lock(bucket, contents, api, edit, jp_serverapp):
    await parted(bucket, contents)
    version = (await looked(api)).model["theirs_version"]
    blob = bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb")
    expiry = str(int((time.time() + 170) * 1000))
    blob.metadata = {"lastLockedBy": owner_hash(bucket.name, "bob@example.org"), "lockExpiresAt": expiry}
    blob.patch()
    refused = await resolved(api, "replace-theirs", theirs_version=version)
    assert (refused.code, refused.reason) == (409, "locked-by-other")
    assert refused.model["lock"]["state"] == "held-by-other"
    assert refused.model["theirs_version"] == version
