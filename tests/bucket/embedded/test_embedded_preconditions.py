"""Every precondition on every verb, on both carriers."""

import pytest

TARGET, SOURCE, GONE = "target", "source", "gone"


def upload(served, params):
    params = {"uploadType": "media", "name": TARGET, **params}
    return served.call("POST", "/upload/storage/v1/b/a-bucket/o", params=params, data=b"new")


def multipart(served, params):
    resource = b'--BB\r\nContent-Type: application/json\r\n\r\n{"name": "target"}\r\n'
    body = resource + b"--BB\r\nContent-Type: a/b\r\n\r\nnew\r\n--BB--"
    return served.call(
        "POST",
        "/upload/storage/v1/b/a-bucket/o",
        params={"uploadType": "multipart", **params},
        data=body,
        headers={"Content-Type": 'multipart/related; boundary="BB"'},
    )


def resumable(served, params):
    started = served.call(
        "POST", "/upload/storage/v1/b/a-bucket/o", params={"uploadType": "resumable", "name": TARGET, **params}
    )
    if started.status_code != 200:
        return started
    return served.session.put(started.headers["Location"], data=b"new", timeout=10)


def on_target(method, after="", body=None):
    return lambda served, params: served.object_call(method, TARGET, after, params=params, json=body)


def from_source(verb):
    return lambda served, params: served.object_call("POST", SOURCE, verb, params=params)


def restore(served, params):
    deleted = served.call("GET", "/storage/v1/b/a-bucket/o", params={"softDeleted": "true", "prefix": GONE}).json()
    generation = deleted["items"][0]["generation"]
    return served.object_call("POST", GONE, "/restore", params={"generation": generation, **params})


WRITES = {
    "upload": upload,
    "multipart": multipart,
    "resumable": resumable,
    "patch": on_target("PATCH", body={"metadata": {"k": "new"}}),
    "update": on_target("PUT", body={"metadata": {"k": "new"}}),
    "delete": on_target("DELETE"),
    "rewrite": from_source(f"/rewriteTo/b/a-bucket/o/{TARGET}"),
    "copy": from_source(f"/copyTo/b/a-bucket/o/{TARGET}"),
    "move": from_source(f"/moveTo/o/{TARGET}"),
    "compose": on_target("POST", "/compose", {"sourceObjects": [{"name": SOURCE}]}),
}
READS = {
    "get": on_target("GET"),
    "download": lambda served, params: on_target("GET")(served, {"alt": "media", **params}),
}
NEED_THE_OBJECT = {"patch", "update", "delete"}


@pytest.fixture
def target(served):
    """The target at metageneration 2, and a source; return the target's resource."""
    served.put(SOURCE, b"source")
    served.put(TARGET, b"old")
    return served.object_call("PATCH", TARGET, json={"metadata": {"k": "old"}}).json()


def unmet(resource):
    return {
        "ifGenerationMatch": int(resource["generation"]) - 1,
        "ifGenerationNotMatch": resource["generation"],
        "ifMetagenerationMatch": 1,
        "ifMetagenerationNotMatch": 2,
    }


def met(resource):
    return {
        "ifGenerationMatch": resource["generation"],
        "ifGenerationNotMatch": int(resource["generation"]) - 1,
        "ifMetagenerationMatch": 2,
        "ifMetagenerationNotMatch": 1,
    }


@pytest.mark.parametrize("condition", unmet({"generation": "1"}))
@pytest.mark.parametrize("verb", WRITES)
def test_a_write_is_refused_and_changes_nothing(served, target, verb, condition):
    response = WRITES[verb](served, {condition: unmet(target)[condition]})

    assert response.status_code == 412
    assert response.json()["error"]["errors"][0]["reason"] == "conditionNotMet"
    assert served.object_call("GET", TARGET).json() == target
    assert served.content(TARGET) == b"old"
    assert served.content(SOURCE) == b"source"


@pytest.mark.parametrize("verb", WRITES)
def test_a_write_with_every_condition_met_goes_through(served, target, verb):
    assert WRITES[verb](served, met(target)).status_code in {200, 204}
    assert served.object_call("GET", TARGET).json() != target


@pytest.mark.parametrize("condition", unmet({"generation": "1"}))
@pytest.mark.parametrize("verb", READS)
def test_a_read_is_refused(served, target, verb, condition):
    response = READS[verb](served, {condition: unmet(target)[condition]})

    assert response.status_code == (304 if "Not" in condition else 412)
    assert response.status_code == 412 or response.content == b""


@pytest.mark.parametrize("verb", READS)
def test_a_read_with_every_condition_met_goes_through(served, target, verb):
    assert READS[verb](served, met(target)).status_code == 200


@pytest.mark.parametrize("verb", WRITES)
def test_generation_0_means_that_the_object_must_not_exist(served, target, verb):
    assert WRITES[verb](served, {"ifGenerationMatch": 0}).status_code == 412
    served.object_call("DELETE", TARGET)

    expected = {404} if verb in NEED_THE_OBJECT else {200, 204}
    assert WRITES[verb](served, {"ifGenerationMatch": 0}).status_code in expected


@pytest.mark.parametrize("verb", [*WRITES, *READS])
def test_a_condition_that_is_no_number_is_refused(served, target, verb):
    assert (WRITES | READS)[verb](served, {"ifMetagenerationMatch": "abc"}).status_code == 400
    assert served.object_call("GET", TARGET).json() == target


@pytest.mark.parametrize("verb", ["rewrite", "copy", "move"])
@pytest.mark.parametrize(
    "kind", ["GenerationMatch", "GenerationNotMatch", "MetagenerationMatch", "MetagenerationNotMatch"]
)
def test_conditions_on_the_source(served, target, verb, kind):
    source = served.object_call("GET", SOURCE).json()
    value = {"G": source["generation"], "M": source["metageneration"]}[kind[0]]
    other = str(int(value) + 1)
    bad, good = (value, other) if "Not" in kind else (other, value)

    assert WRITES[verb](served, {f"ifSource{kind}": bad}).status_code == 412
    assert served.object_call("GET", TARGET).json() == target
    assert WRITES[verb](served, {f"ifSource{kind}": good}).status_code == 200


def test_restore_is_judged_against_the_live_object(served):
    served.call("PATCH", "/storage/v1/b/a-bucket", json={"softDeletePolicy": {"retentionDurationSeconds": "60"}})
    served.put(GONE, b"first")
    served.object_call("DELETE", GONE)
    live = served.put(GONE, b"second")

    assert restore(served, {"ifGenerationMatch": 0}).status_code == 412
    assert served.content(GONE) == b"second"
    assert restore(served, {"ifGenerationMatch": live["generation"]}).status_code == 200
    assert served.content(GONE) == b"first"


def test_compose_is_judged_against_each_source(served, target):
    source = served.object_call("GET", SOURCE).json()
    body = {"sourceObjects": [{"name": SOURCE, "objectPreconditions": {"ifGenerationMatch": 1}}]}
    assert served.object_call("POST", TARGET, "/compose", json=body).status_code == 412

    body["sourceObjects"][0]["objectPreconditions"]["ifGenerationMatch"] = source["generation"]
    assert served.object_call("POST", TARGET, "/compose", json=body).status_code == 200


def test_etags_work_as_preconditions(served, target):
    fresh = served.object_call("GET", TARGET, headers={"If-None-Match": target["etag"]})
    changed = served.object_call("PATCH", TARGET, json={}, headers={"If-Match": f'"{target["etag"]}"'})
    stale = served.object_call("PATCH", TARGET, json={}, headers={"If-Match": target["etag"]})

    assert (fresh.status_code, changed.status_code, stale.status_code) == (304, 200, 412)
