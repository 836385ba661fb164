"""Earlier versions through the REST API."""

import pytest
from tornado.httpclient import HTTPClientError
from workspace_kit import WORKSPACE, another_persons_lock, sources

from jupyter_terra_env.rules.edit_lock import OWNER_KEY, owner_hash

EDIT = f"{WORKSPACE}/edit"
OTHER = "colleague@example.org"


@pytest.fixture
def terra_settings():
    return {"bucket_retry_deadline_seconds": 0.2, "listing_max_age_seconds": 0.0, "collaborators": [OTHER]}


@pytest.fixture
def kept(bucket):
    """Have the bucket keep what is replaced: by object versioning, or soft-deleted."""

    def keep(*, soft=False):
        of = bucket.client.get_bucket(bucket.name)
        of.versioning_enabled = not soft
        of.soft_delete_policy.retention_duration_seconds = 7 * 24 * 3600 if soft else 0
        of.patch()

    return keep


@pytest.fixture
def ask(api):
    async def ask(endpoint, name="a.ipynb", **query):
        return (await api("GET", endpoint, base="terra-env", path=f"{EDIT}/{name}", **query)).model

    return ask


@pytest.fixture
def act(api):
    async def act(endpoint, generation, name="a.ipynb"):
        body = {"path": f"{EDIT}/{name}", "generation": generation}
        return await api("POST", endpoint, base="terra-env", body=body)

    return act


async def test_a_list_with_who_and_when(bucket, kept, contents, ask, jp_serverapp):
    kept()
    colleagues_lock = {**another_persons_lock(1), OWNER_KEY: owner_hash(bucket.name, OTHER)}
    bucket.put_notebook("a.ipynb", "first", metadata=colleagues_lock)
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.open("a.ipynb")
    await contents.save("a.ipynb", "mine")
    found = await ask("versions")
    assert [one["state"] for one in found["versions"]] == ["live", "noncurrent", "noncurrent"]
    assert [one["email"] for one in found["versions"]] == ["owner@example.org", OTHER, None]
    assert all(one["generation"].isdigit() and one["readable"] for one in found["versions"])
    assert found["keeps"] == {"versioning": True, "soft_delete_seconds": 0}
    assert found["hint"] is None


async def test_jupyters_own_checkpoint_is_in_the_list(contents, api, ask, jp_serverapp):
    await contents.save("a.ipynb", "mine")
    await api("POST", "contents", f"{EDIT}/a.ipynb/checkpoints")
    assert [one["id"] for one in (await ask("versions"))["checkpoints"]] == ["checkpoint"]


async def test_a_bucket_that_keeps_nothing_says_how_to_change_that(bucket, contents, ask, jp_serverapp):
    await contents.save("a.ipynb", "mine")
    hint = (await ask("versions"))["hint"]
    assert f"gcloud storage buckets update gs://{bucket.name} --versioning" in hint


@pytest.mark.parametrize("soft", [False, True])
async def test_an_earlier_one_comes_back(bucket, kept, contents, ask, act, jp_serverapp, soft):
    kept(soft=soft)
    await contents.save("a.ipynb", "old")
    await contents.save("a.ipynb", "new")
    generation = (await ask("versions"))["versions"][1]["generation"]
    answer = await act("restore-version", generation)
    assert answer.model["status"]["place"] == "in-workspace"
    assert bucket.sources("a.ipynb") == ["old"]
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["old"]


async def test_one_is_compared_and_copied(bucket, kept, contents, ask, act, jp_serverapp):
    kept()
    await contents.save("a.ipynb", "old")
    await contents.save("a.ipynb", "new")
    generation = (await ask("versions"))["versions"][1]["generation"]
    shown = await ask("version", generation=generation)
    assert (sources(shown["content"]), shown["not_shown"]) == (["old"], None)
    path = (await act("copy-version", generation)).model["path"]
    assert path.startswith(f"{EDIT}/a (20")
    assert sources((await contents.open(path.removeprefix(f"{EDIT}/"))).model["content"]) == ["old"]


async def test_one_is_previewed(bucket, kept, contents, ask, jp_fetch, jp_serverapp):
    kept()
    await contents.save("a.ipynb", "old <script>attack()</script>")
    await contents.save("a.ipynb", "new")
    path, generation = f"{EDIT}/a.ipynb", (await ask("versions"))["versions"][1]["generation"]
    page = (await jp_fetch("terra-env", "preview", params={"path": path, "generation": generation})).body.decode()
    assert "old" in page
    assert "<script" not in page
    for odd in ("", "x", "1"):
        with pytest.raises(HTTPClientError) as refused:
            await jp_fetch("terra-env", "preview", params={"path": path, "generation": odd})
        assert refused.value.code in {400, 404}


async def test_what_is_no_notebook_is_not_compared(bucket, kept, contents, ask, jp_serverapp):
    kept()
    bucket.put("notebooks/a.ipynb", b"<script>")
    bucket.put_notebook("a.ipynb", "new")
    generation = (await ask("versions"))["versions"][1]["generation"]
    shown = await ask("version", generation=generation)
    assert (shown["content"], shown["not_shown"]) == (None, "not-a-notebook")


async def test_deleted_ones_are_found_and_come_back(bucket, kept, contents, api, act, jp_serverapp):
    kept(soft=True)
    await contents.save("a.ipynb", "old")
    await contents.delete("a.ipynb")
    answer = await api("GET", "deleted", base="terra-env", path=EDIT)
    [found] = answer.model["deleted"]
    assert (found["path"], found["state"]) == (f"{EDIT}/a.ipynb", "soft-deleted")
    assert found["kept_until"] > found["replaced_at"]
    assert (await act("restore-version", found["generation"])).model["path"] == f"{EDIT}/a.ipynb"
    assert sources((await contents.open("a.ipynb")).model["content"]) == ["old"]


@pytest.mark.parametrize("generation", [None, 1, "", "x", "-1", "1" * 30, "\u0661"])
async def test_generations_that_are_none(contents, act, jp_serverapp, generation):
    answer = await act("restore-version", generation)
    assert answer.code == 400


async def test_another_persons_lock_refuses_with_who_has_it(bucket, kept, contents, ask, act, jp_serverapp):
    kept()
    bucket.put_notebook("a.ipynb", "old")
    bucket.put_notebook("a.ipynb", "new", metadata=another_persons_lock())
    generation = (await ask("versions"))["versions"][1]["generation"]
    answer = await act("restore-version", generation)
    assert (answer.code, answer.model["reason"]) == (409, "locked-by-other")
    assert answer.model["lock"]["holder"]
    assert bucket.sources("a.ipynb") == ["new"]


@pytest.mark.parametrize("path", ["", "elsewhere", f"{WORKSPACE}/playground", "../x"])
async def test_deleted_ones_are_asked_for_by_edit_folder(api, jp_serverapp, path):
    assert (await api("GET", "deleted", base="terra-env", path=path)).code == 404


async def test_without_a_token_there_is_nothing(jp_fetch, jp_serverapp):
    for endpoint in ("versions", "deleted", "version"):
        with pytest.raises(HTTPClientError) as refused:
            await jp_fetch("terra-env", endpoint, headers={"Authorization": "token wrong"}, params={"path": EDIT})
        assert refused.value.code in {401, 403}
