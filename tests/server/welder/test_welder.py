"""Welder's API: what Terra's clients do, on a port of its own and within Jupyter."""

import json

import pytest
from tornado.httpclient import HTTPClientError
from welder_kit import CLOUD, ME, link
from workspace_kit import BUCKET, another_persons_lock, notebook, parts_of, sources, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.rules.workspace import Workspaces


async def test_terra_ui_edits(welder, localize, objects, status_of, bucket, disk, jp_root_dir):
    bucket.put_notebook("a.ipynb", "1")
    made = await welder("POST", "storageLinks", link())
    assert (made.code, made.model) == (200, link(cloud=f"{BUCKET}/notebooks"))
    assert (await welder("POST", "objects/lock", {"localPath": "Terra/edit/a.ipynb"})).code == 204
    assert (await localize(f"{CLOUD}/a.ipynb", "Terra/edit/a.ipynb")).code == 204
    assert bucket.get("a.ipynb").metadata["lastLockedBy"] == ME
    disk("Terra/edit/a.ipynb", "2")
    assert await status_of("Terra/edit/a.ipynb") == "LOCAL_CHANGED"
    assert (await objects("safeDelocalize", localPath="Terra/edit/a.ipynb")).code == 204
    assert bucket.sources("a.ipynb") == ["2"]
    assert await status_of("Terra/edit/a.ipynb") == "LIVE"
    for folder in ("edit", "safe"):
        record = json.loads((jp_root_dir / "Terra" / folder / ".delocalize.json").read_text())
        assert record == {"destination": CLOUD}


async def test_a_linked_folder_is_a_workspace_for_jupyter_too(welder, api, bucket):
    bucket.put_notebook("a.ipynb", "1")
    await welder("POST", "storageLinks", link())
    opened = await api("GET", "contents", "Terra/edit/a.ipynb", content=1)
    assert opened.model["terra"]["lock"]["state"] == "held"
    saved = await api(
        "PUT",
        "contents",
        "Terra/edit/a.ipynb",
        body={"type": "notebook", "format": "json", "content": notebook("typed")},
    )
    assert (saved.code, bucket.sources("a.ipynb")) == (200, ["typed"])
    played = await api("GET", "status", base="terra-env", path="Terra/safe/a.ipynb")
    assert played.code == 404 or played.model["place"] == "playground"


async def test_pages_know_the_folders_of_links(jp_serverapp, on_port):
    def folders():
        return jp_serverapp.web_app.settings["page_config_data"]["terraEnv"]["folders"]

    assert folders() == []
    await on_port("POST", "storageLinks", link())
    assert folders() == ["Terra/edit", "Terra/safe"]
    await on_port("DELETE", "storageLinks", link())
    assert folders() == []


async def test_a_notebook_put_as_a_file_reaches_the_bucket(welder, api, bucket):
    await welder("POST", "storageLinks", link("workspaces/one", None, pattern=r"\.ipynb$"))
    model = {"type": "file", "format": "text", "content": text_of(notebook("made by All of Us"))}
    assert (await api("PUT", "contents", "workspaces/one/new.ipynb", body=model)).code in {200, 201}
    assert bucket.sources("new.ipynb") == ["made by All of Us"]


async def test_another_persons_lock(welder, localize, objects, bucket, disk):
    bucket.put_notebook("a.ipynb", "1", metadata=another_persons_lock())
    await welder("POST", "storageLinks", link())
    refused = await welder("POST", "objects/lock", {"localPath": "Terra/edit/a.ipynb"})
    assert (refused.code, refused.model["errorCode"]) == (409, None)
    await localize(f"{CLOUD}/a.ipynb", "Terra/edit/a.ipynb")
    disk("Terra/edit/a.ipynb", "mine")
    saved = await objects("safeDelocalize", localPath="Terra/edit/a.ipynb")
    assert (saved.code, saved.model["errorCode"]) == (412, 4)
    assert bucket.sources("a.ipynb") == ["1"]


async def test_newer_content_is_never_overwritten(welder, localize, objects, bucket, disk, jp_root_dir):
    bucket.put_notebook("a.ipynb", "1")
    await welder("POST", "storageLinks", link())
    await localize(f"{CLOUD}/a.ipynb", "Terra/edit/a.ipynb")
    disk("Terra/edit/a.ipynb", "mine")
    bucket.put_notebook("a.ipynb", "theirs")
    saved = await objects("safeDelocalize", localPath="Terra/edit/a.ipynb")
    assert (saved.code, saved.model["errorCode"]) == (412, 0)
    assert bucket.sources("a.ipynb") == ["theirs"]
    assert (await localize(f"{CLOUD}/a.ipynb", "Terra/edit/a.ipynb")).code == 204
    shown = json.loads((jp_root_dir / "Terra/edit/a.ipynb").read_text())
    kept = json.loads((jp_root_dir / "Terra/edit/a (my edits).ipynb").read_text())
    assert (sources(shown), sources(kept)) == (["theirs"], ["mine"])


async def test_204_means_in_the_bucket(welder, objects, bucket, disk):
    await welder("POST", "storageLinks", link())
    disk("Terra/edit/a.ipynb", "mine")
    bucket.faults.add(Fault(operation="objects.insert", action=AnswerWith(status=503), times=100))
    saved = await objects("safeDelocalize", localPath="Terra/edit/a.ipynb")
    assert (saved.code, saved.model["errorCode"]) == (500, None)
    bucket.faults.release()


async def test_the_safe_folder_saves_deletes_and_locks_nothing(welder, localize, objects, bucket, disk):
    bucket.put_notebook("a.ipynb", "1")
    await welder("POST", "storageLinks", link())
    path = "Terra/safe/a.ipynb"
    assert (await localize(f"{CLOUD}/a.ipynb", path)).code == 204
    disk(path, "played")
    codes = [
        (await objects("safeDelocalize", localPath=path)).model["errorCode"],
        (await objects("delete", localPath=path)).model["errorCode"],
        (await welder("POST", "objects/lock", {"localPath": path})).model["errorCode"],
    ]
    assert codes == [2, 3, 2]
    assert (bucket.sources("a.ipynb"), bucket.get("a.ipynb").metadata) == (["1"], None)
    shown = (await welder("POST", "objects/metadata", {"localPath": path})).model
    assert (shown["syncMode"], "syncStatus" in shown) == ("SAFE", False)


async def test_deleting_leaves_the_file_and_what_was_never_seen(welder, localize, objects, bucket, disk, jp_root_dir):
    await welder("POST", "storageLinks", link("Terra/edit", None))
    bucket.put_notebook("seen.ipynb", "1")
    await localize(f"{CLOUD}/seen.ipynb", "Terra/edit/seen.ipynb")
    bucket.put_notebook("unseen.ipynb", "1")
    for _ in range(2):
        assert (await objects("delete", localPath="Terra/edit/seen.ipynb")).code == 204
    assert (jp_root_dir / "Terra/edit/seen.ipynb").exists()
    unseen = await objects("delete", localPath="Terra/edit/unseen.ipynb")
    assert (unseen.code, unseen.model["errorCode"]) == (412, 4)
    assert bucket.names() == ["notebooks/unseen.ipynb"]


async def test_links_bring_notebooks_and_outlive_the_server(
    welder, bucket, jp_root_dir, jp_serverapp, eventually, links_of_another_server
):
    bucket.put_notebook("sub/a.ipynb", "1")
    kept = jp_root_dir / "Terra/edit/kept.ipynb"
    kept.parent.mkdir(parents=True)
    kept.write_text("already here")
    bucket.put_notebook("kept.ipynb", "1")
    await welder("POST", "storageLinks", link())
    await eventually((jp_root_dir / "Terra/edit/sub/a.ipynb").exists)
    assert kept.read_text() == "already here"
    running = parts_of(jp_serverapp)
    workspaces = Workspaces()
    next_server = links_of_another_server(workspaces)
    next_server.load()
    assert next_server.listed == running.links.listed
    assert workspaces.locate("Terra/edit/a.ipynb").object_name == "notebooks/a.ipynb"
    assert (await welder("DELETE", "storageLinks", link())).code == 204
    assert (await welder("GET", "storageLinks")).model == {"storageLinks": []}
    assert kept.exists()


async def test_a_file_of_links_that_is_broken_is_left_out(jp_root_dir, links_of_another_server, caplog):
    state = jp_root_dir / ".jupyter-terra-env"
    for content in ("{", "[]", '{"a": 1}', '{"a": {"localBaseDirectory": "../x"}}'):
        (state / "storage-links.json").write_text(content)
        links = links_of_another_server()
        links.load()
        assert links.listed == ()
    assert caplog.text.count("storage links") == 4


async def test_a_link_never_leads_out_of_the_root(welder, localize, jp_root_dir, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (jp_root_dir / "out").symlink_to(outside)
    assert (await welder("POST", "storageLinks", link("out/edit", None))).code == 400
    answers = [
        await localize("data:application/json;base64,e30=", path) for path in ("out/a.json", "../a.json", "a/../../b")
    ]
    assert [answer.code for answer in answers] == [400, 400, 400]
    assert list(outside.iterdir()) == []


async def test_nothing_is_put_into_the_folder_of_the_journal(welder, localize, jp_root_dir):
    """Whoever reaches the port could otherwise replace the journal, the links, or who this environment is."""
    state = jp_root_dir / ".jupyter-terra-env"
    (jp_root_dir / "alias").symlink_to(state)
    before = {file.name: file.stat().st_ino for file in state.iterdir()}
    paths = [".jupyter-terra-env/environment-id", ".jupyter-terra-env/new.json", "alias/environment-id"]
    answers = [await localize("data:application/json;base64,e30=", path) for path in paths]
    answers += [await welder("POST", "storageLinks", link(base, None)) for base in (".jupyter-terra-env", "alias")]
    assert [answer.code for answer in answers] == [400] * 5
    assert {file.name: file.stat().st_ino for file in state.iterdir()} == before


async def test_edits_of_any_file_that_is_saved_are_kept(welder, localize, bucket, jp_root_dir):
    await welder("POST", "storageLinks", link("R/edit", None, pattern=r".+(\.R|\.Rmd)$"))
    edited = jp_root_dir / "R/edit/a.Rmd"
    edited.write_text("edits that are nowhere else")
    bucket.put("elsewhere/other.Rmd", "of another name")
    assert (await localize(f"gs://{BUCKET}/elsewhere/other.Rmd", "R/edit/a.Rmd")).code == 204
    assert edited.read_text() == "of another name"
    kept = [file.read_text() for file in edited.parent.glob("*.Rmd") if file != edited]
    assert kept == ["edits that are nowhere else"]


async def test_the_edits_of_a_long_name_are_kept(welder, localize, bucket, disk, jp_root_dir):
    bucket.put_notebook("a.ipynb", "1")
    long = disk(f"unlinked/{'n' * 240}.ipynb", "mine")
    assert (await localize(f"{CLOUD}/a.ipynb", f"unlinked/{long.name}")).code == 204
    kept = [sources(json.loads(file.read_text())) for file in long.parent.glob("*.ipynb") if file != long]
    assert (sources(json.loads(long.read_text())), kept) == (["1"], [["mine"]])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b"[" * 100_000])
async def test_what_is_no_request_is_400(jp_serverapp, on_port, body):
    for path in ("objects", "objects/lock", "objects/metadata", "storageLinks"):
        answer = await on_port("POST", path, body)
        assert (answer.code, set(answer.model)) == (400, {"errorMessage", "errorCode", "traceId"})


async def test_paths_without_a_link_are_no_ones(welder, objects):
    for answer in (
        await welder("POST", "objects/metadata", {"localPath": "x/a.ipynb"}),
        await welder("POST", "objects/lock", {"localPath": "x/a.ipynb"}),
        await objects("safeDelocalize", localPath="x/a.ipynb"),
        await objects("delete", localPath="x/a.ipynb"),
    ):
        assert (answer.code, answer.model["errorCode"]) == (412, 1)


async def test_within_jupyter_a_token_is_needed(jp_fetch):
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("welder", "storageLinks", headers={"Authorization": "token another"})
    assert refused.value.code in {401, 403}


async def test_on_the_port_the_host_must_be_local(jp_serverapp, on_port):
    assert (await on_port("GET", "status", Host="rebound.example")).code == 403
    assert (await on_port("GET", "status", Host="localhost")).code == 200
    assert (await on_port("GET", "nothing")).code == 404


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
    ids=str,
)
async def test_on_the_port_web_pages_are_refused(jp_serverapp, on_port, headers):
    for method, path, body in (("POST", "storageLinks", link()), ("POST", "cache/flush", b""), ("GET", "status", None)):
        assert (await on_port(method, path, body, **headers)).code == 403
    assert (await on_port("GET", "storageLinks")).model == {"storageLinks": []}
    forwarded = {**headers, "X-Forwarded-For": "10.0.0.1"}
    assert (await on_port("POST", "storageLinks", link(), **forwarded)).code == 200


async def test_on_the_port_an_origin_alone_is_not_judged(jp_serverapp, on_port):
    """Leonardo's proxy passes on the header of Terra UI's pages; Welder ignores it."""
    assert (await on_port("POST", "storageLinks", link(), Origin="https://app.terra.bio")).code == 200


@pytest.mark.parametrize("host", ["[", "[::1", "@localhost@evil.example", "%6c"])
async def test_on_the_port_a_host_that_is_none_is_refused(jp_serverapp, on_port, host):
    assert (await on_port("GET", "status", Host=host)).code in {400, 403}


async def test_older_pages_localize_by_destination(api, bucket, jp_root_dir):
    bucket.put_notebook("a.ipynb", "1")
    body = {"~/Old work/a.ipynb": f"{CLOUD}/a.ipynb", "Old work/b.json": "data:application/json;base64,e30="}
    answer = await api("POST", "localize", body=body)
    assert (answer.code, answer.body) == (200, b"")
    assert (jp_root_dir / "Old work/b.json").read_bytes() == b"{}"
    assert sources(json.loads((jp_root_dir / "Old work/a.ipynb").read_text())) == ["1"]
    for wrong in ([], {"~/../a": f"{CLOUD}/a.ipynb"}, {"a": "nothing"}, {"gs://b/o": "a"}):
        assert (await api("POST", "localize", body=wrong)).code == 400


async def test_an_answer_carries_the_trace_id(jp_serverapp, on_port):
    refused = await on_port("POST", "objects/lock", {"localPath": "x/a"}, **{"X-Cloud-Trace-Context": "mine"})
    assert refused.model["traceId"] == "mine"


class TestAnEnvironmentThatWelderKept:
    @pytest.fixture
    def terra_settings(self, port, bucket):
        bucket.client.create_bucket("staging-bucket")
        staging = bucket.client.bucket("staging-bucket")
        blob = bucket.put_notebook("a.ipynb", "1")
        entry = {
            "localPath": "Terra/edit/a.ipynb",
            "remoteState": {"lock": None, "crc32c": blob.crc32c},
            "localFileGeneration": blob.generation,
        }
        broken = [{}, {"localPath": "../x"}, 3]
        links, entries = [link(cloud=f"{BUCKET}/notebooks")], [entry, *broken[:1], broken[2]]
        staging.blob("welder-metadata/storage_links.json").upload_from_string(json.dumps(links))
        staging.blob("welder-metadata/gcs_metadata.json").upload_from_string(json.dumps(entries[:1]))
        return {
            "bucket_retry_deadline_seconds": 1.0,
            "listing_max_age_seconds": 0.0,
            "welder_port": port,
            "staging_bucket": "staging-bucket",
        }

    async def test_goes_on_where_it_was(self, on_port, bucket, disk, jp_serverapp, eventually):
        disk("Terra/edit/a.ipynb", "edited before the upgrade")

        async def is_linked():
            return (await on_port("GET", "storageLinks")).model["storageLinks"]

        await eventually(is_linked)

        async def is_known():
            answer = await on_port("POST", "objects/metadata", {"localPath": "Terra/edit/a.ipynb"})
            return answer.model["syncStatus"] == "LOCAL_CHANGED"

        await eventually(is_known)
        saved = await on_port("POST", "objects", {"action": "safeDelocalize", "localPath": "Terra/edit/a.ipynb"})
        assert (saved.code, bucket.sources("a.ipynb")) == (204, ["edited before the upgrade"])
        assert (await on_port("POST", "cache/flush")).code == 204
        written = bucket.client.bucket("staging-bucket").blob("welder-metadata/gcs_metadata.json").download_as_bytes()
        (entry,) = json.loads(written)
        assert entry["localFileGeneration"] == bucket.get("a.ipynb").generation
