"""Object names that are no paths, and paths that try to leave: shown if they can be opened, else skipped; no escape."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from workspace_kit import WORKSPACE, notebook, sources, text_of

COMPOSED, DECOMPOSED = "\u00e9.ipynb", "e\u0301.ipynb"
OPENABLE = [
    "with space.ipynb",
    "ünï/日本語 ノート.ipynb",
    COMPOSED,
    DECOMPOSED,
    "a#b.ipynb",
    "a?b=c.ipynb",
    "100%.ipynb",
    "a%2Fb.ipynb",
    "a%20b.ipynb",
    "a+b&c;d.ipynb",
    "quotes'\".ipynb",
    "back\\slash.ipynb",
    "C:colon.ipynb",
    "a[1]{2}<3>|~`^*.ipynb",
    "x/o/y/rewriteTo/b/z.ipynb",
    "/".join(["d" * 200] * 4) + "/" + "n" * (1024 - len("notebooks/") - 4 * 201 - len(".ipynb")) + ".ipynb",
]
NOT_PATHS = [
    "../escape.ipynb",
    "x/../../escape.ipynb",
    "x/../y.ipynb",
    "./dot.ipynb",
    "a//double.ipynb",
    "/leading.ipynb",
    "tab\there.ipynb",
    ".hidden/a.ipynb",
    ".hidden.ipynb",
    "n" * 245 + ".ipynb",
    "\x7f.ipynb",
]


@pytest.mark.parametrize("name", OPENABLE)
async def test_odd_names_are_shown_opened_saved_and_deleted(bucket, contents, name, jp_serverapp):
    bucket.put_notebook(name, "1")
    folder, _, file = name.rpartition("/")
    listed = await contents.list(folder)
    assert listed.names == [file]
    assert sources((await contents.open(name)).model["content"]) == ["1"]
    assert (await contents.save(name, "2")).code == 200
    await contents.settled(name)
    assert bucket.sources(name) == ["2"]
    assert bucket.names() == ["notebooks/" + name]
    assert (await contents.delete(name)).code == 204
    assert bucket.names() == []


async def test_composed_and_decomposed_names_are_two_notebooks(bucket, contents, jp_serverapp):
    bucket.put_notebook(COMPOSED, "composed")
    bucket.put_notebook(DECOMPOSED, "decomposed")
    assert set((await contents.list()).names) == {COMPOSED, DECOMPOSED}
    assert sources((await contents.open(COMPOSED)).model["content"]) == ["composed"]
    assert sources((await contents.open(DECOMPOSED)).model["content"]) == ["decomposed"]


@pytest.mark.parametrize("name", NOT_PATHS)
async def test_names_that_are_no_paths_are_skipped_with_a_log_line(
    bucket, contents, jp_root_dir, name, caplog, jp_serverapp
):
    bucket.put_notebook(name, "1")
    bucket.put_notebook("good.ipynb", "1")
    before = sorted(jp_root_dir.parent.rglob("*.ipynb"))
    with caplog.at_level(logging.WARNING):
        listed = await contents.list()
        await contents.list()
    shown = listed.names
    assert "good.ipynb" in shown
    if shown != ["good.ipynb"]:
        (folder,) = set(shown) - {"good.ipynb"}
        with caplog.at_level(logging.WARNING):
            assert (await contents.list(folder)).names == []
    lines = [record for record in caplog.records if "Not shown" in record.getMessage()]
    assert len(lines) == 1
    assert sorted(jp_root_dir.parent.rglob("*.ipynb")) == before


async def test_a_notebook_that_is_also_a_folder_stays_a_notebook(bucket, contents, caplog, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    bucket.put_notebook("a.ipynb/b.ipynb", "2")
    bucket.put("notebooks/", b"")
    bucket.put("notebooks/folder/", b"")
    assert (await contents.list()).names == ["a.ipynb", "folder"]
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["1"]
    assert (await contents.open("a.ipynb/b.ipynb")).code == 409


@pytest.mark.parametrize("path", ["../outside.ipynb", "../../outside.ipynb", "x/../../../outside.ipynb"])
async def test_a_path_cannot_leave_its_folder(bucket, api, jp_root_dir, path, jp_serverapp):
    outside = jp_root_dir.parent / "outside.ipynb"
    for method in ("GET", "PUT", "DELETE"):
        body = {"type": "notebook", "content": notebook("evil")} if method == "PUT" else None
        answer = await api(method, "contents", f"{WORKSPACE}/edit/{path}", body=body)
        assert answer.code >= 400 or answer.model["path"].startswith(WORKSPACE) is False
    assert not outside.exists()
    assert bucket.names() == []


@pytest.mark.parametrize("kind", ["file", "folder"])
async def test_a_link_out_of_the_workspace_is_not_followed(
    bucket, contents, api, edit, jp_root_dir, kind, jp_serverapp
):
    secret = jp_root_dir / "secret.ipynb"
    secret.write_text(text_of(notebook("secret")))
    if kind == "file":
        (edit / "link.ipynb").symlink_to(secret)
        path = "link.ipynb"
    else:
        (edit / "link").symlink_to(jp_root_dir, target_is_directory=True)
        path = "link/secret.ipynb"
    bucket.put_notebook(path, "from the bucket")
    before = secret.read_bytes()
    assert (await contents.open(path)).code == 404
    assert (await contents.save(path, "evil")).code == 404
    assert (await contents.delete(path)).code == 404
    assert (await contents.rename(path, "here.ipynb")).code == 404
    assert (await api("GET", f"{WORKSPACE}/edit/{path}", base="files")).code == 404
    assert secret.read_bytes() == before
    assert bucket.sources(path) == ["from the bucket"]
    assert (await contents.list()).code == 200


async def test_a_link_within_the_workspace_is_fine(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("real.ipynb", "1")
    await contents.open("real.ipynb")
    (edit / "link.ipynb").symlink_to(edit / "real.ipynb")
    assert sources((await contents.open("link.ipynb")).model["content"]) == ["1"]


ROUNDABOUT = [
    f"{WORKSPACE}/%2Fedit/a.ipynb",
    f"{WORKSPACE}/%2e%2e/{WORKSPACE}/edit/a.ipynb",
    f"{WORKSPACE}/edit/x/%2e%2e/a.ipynb",
    f"{WORKSPACE}/%2e/edit/a.ipynb",
]


@pytest.mark.parametrize("path", ROUNDABOUT)
async def test_roundabout_paths_do_not_get_round_the_rules(bucket, contents, edit, jp_serverapp, jp_base_url, path):
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest

    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    before = (edit / "a.ipynb").read_bytes()
    url = jp_serverapp.connection_url.rstrip("/") + "/api/contents/" + path.replace(" ", "%20")
    headers = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
    requests = (
        ("PUT", json.dumps({"type": "notebook", "content": notebook("evil")})),
        ("PATCH", json.dumps({"path": "moved.ipynb"})),
        ("DELETE", None),
    )
    for method, body in requests:
        request = HTTPRequest(url, method=method, body=body, headers=headers, allow_nonstandard_methods=True)
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        assert answer.code in {400, 404}, method
    assert (edit / "a.ipynb").read_bytes() == before
    assert bucket.sources("a.ipynb") == ["1"]


@pytest.mark.parametrize("name", ["n" * 300 + ".ipynb", "n" * 300 + ".txt"])
async def test_names_no_disk_can_have_are_clear_errors(bucket, contents, name, jp_serverapp):
    assert (await contents.open(name)).code in {400, 404}
    model = {"type": "file", "format": "text", "content": "x"}
    assert (await contents.put(name, model)).code == 400
    assert (await contents.put("ok.txt", model)).code == 201
    assert (await contents.put("ok.txt/below.txt", model)).reason == "parent-is-file"


async def test_checkpoints_do_not_follow_links_out_of_the_workspace(bucket, api, edit, jp_root_dir, jp_serverapp):
    (jp_root_dir / "secret.txt").write_text("secret")
    (edit / "link.txt").symlink_to(jp_root_dir / "secret.txt")
    assert (await api("POST", "contents", f"{WORKSPACE}/edit/link.txt", "checkpoints")).code == 404
    assert (await api("POST", "contents", f"{WORKSPACE}/edit/link.txt", "checkpoints", "checkpoint")).code == 404
    assert (await api("GET", f"{WORKSPACE}/edit/link.txt", base="files")).code == 404


class TestWithAListingRemembered:
    @pytest.fixture
    def terra_settings(self):
        return {"listing_max_age_seconds": 60.0}

    async def test_a_listing_costs_one_request_per_thousand_objects_then_none(self, bucket, contents, jp_serverapp):
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: bucket.put(f"notebooks/many/{number:05d}.ipynb", b"{}"), range(1500)))
        bucket.mark()
        assert len((await contents.list("many")).names) == 1500
        assert bucket.requests == [("objects.list", 200)] * 2
        await contents.list("many")
        assert len(bucket.requests) == 2

    async def test_own_changes_are_seen_at_once(self, bucket, contents, jp_serverapp):
        bucket.put_notebook("deep/a.ipynb", "1")
        assert (await contents.list()).names == ["deep"]
        await contents.list("deep")
        await contents.save("b.ipynb", "1")
        await contents.settled("b.ipynb")
        await contents.rename("deep/a.ipynb", "deep/c.ipynb")
        assert (await contents.list()).names == ["b.ipynb", "deep"]
        assert (await contents.list("deep")).names == ["c.ipynb"]
        await contents.delete("deep/c.ipynb")
        assert "deep" not in (await contents.list()).names or (await contents.list("deep")).names == []
