"""The service: what a page says, what it costs, who gets it, and what no path leads to."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from preview_kit import LOG, bucket_behind_a_token, running_service
from workspace_kit import BUCKET, another_persons_lock, notebook, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, Hang
from jupyter_terra_env.notebooks.preview.content import MOST_BYTES
from jupyter_terra_env.rules.edit_lock import owner_hash
from jupyter_terra_env.rules.open_links import OpenLinks

COLD, WARM = ["objects.get", "objects.download"], ["objects.get"]


def put(bucket, name, *sources, **metadata):
    return bucket.put(name, text_of(notebook(*sources)), metadata=metadata or None)


def operations(bucket):
    return [operation for operation, _ in bucket.requests]


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestAPage:
    def test_shows_the_notebook_and_says_what_it_is(self, bucket, service, name):
        put(bucket, name, "print('hello')")
        answer = service.preview(name)
        assert answer.code == 200
        assert "hello" in answer.page
        assert "<strong>Preview</strong>" in answer.page
        assert f"Last saved {datetime.now(UTC):%Y-%m-%d}" in answer.page
        assert "edited" not in answer.page.partition("<main>")[2]
        assert "Open in" not in answer.page
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; ")
        assert answer.headers["Content-Security-Policy"].endswith("; frame-ancestors 'self'")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert answer.headers["Vary"] == "Authorization"

    def test_costs_two_requests_and_then_one(self, bucket, service, name):
        put(bucket, name, "1")
        bucket.mark()
        assert service.preview(name).code == 200
        assert operations(bucket) == COLD
        assert service.preview(name).code == 200
        assert operations(bucket) == COLD + WARM

    def test_is_asked_for_again_by_a_browser_with_one_request(self, bucket, service, name):
        put(bucket, name, "1")
        tag = service.preview(name).headers["Etag"]
        bucket.mark()
        again = service.preview(name, If_None_Match=tag)
        assert (again.code, again.body, again.headers["Etag"]) == (304, b"", tag)
        assert again.headers["Content-Security-Policy"]
        assert operations(bucket) == WARM
        put(bucket, name, "changed")
        newer = service.preview(name, If_None_Match=tag)
        assert newer.code == 200
        assert "changed" in newer.page

    def test_head_is_the_same_without_the_page(self, bucket, service, name):
        put(bucket, name, "1")
        whole, head = service.preview(name), service.preview(name, method="HEAD")
        assert (head.code, head.body) == (200, b"")
        for header in ("Content-Length", "Etag", "Content-Type", "Content-Security-Policy"):
            assert head.headers[header] == whole.headers[header]
        assert int(head.headers["Content-Length"]) == len(whole.body)

    def test_says_until_when_someone_edits_and_never_who(self, bucket, service, name):
        put(bucket, name, "1")
        free = service.preview(name)
        lock = another_persons_lock(left_seconds=100)
        put(bucket, name, "1", **{**lock, "lastLockedBy": owner_hash(BUCKET, "ada@example.org")})
        taken = service.preview(name)
        until = datetime.fromtimestamp(int(lock["lockExpiresAt"]) / 1000, UTC)
        assert f"Being edited by someone until {until:%H:%M} UTC" in taken.page
        assert owner_hash(BUCKET, "ada@example.org") not in taken.page
        assert taken.headers["Etag"] != free.headers["Etag"]

    def test_is_the_same_version_with_another_lock(self, bucket, service, name):
        blob = put(bucket, name, "1")
        tag = service.preview(name).headers["Etag"]
        blob.metadata = another_persons_lock(left_seconds=100)
        blob.patch()
        bucket.mark()
        assert "Being edited by someone" in service.preview(name, If_None_Match=tag).page
        assert operations(bucket) == WARM, "the time of the save and the lock come with the one request"
        blob.metadata = another_persons_lock(left_seconds=-100)
        blob.patch()
        assert "Being edited" not in service.preview(name).page

    def test_a_name_may_be_any_text(self, bucket, service):
        put(bucket, "notebooks/a & b/Ünï <x>#?.ipynb", "anything")
        answer = service.preview("notebooks/a%20%26%20b/%C3%9Cn%C3%AF%20%3Cx%3E%23%3F.ipynb")
        assert "anything" in answer.page
        assert "<x>" not in answer.page


def test_links_open_the_notebook_elsewhere(bucket, name):
    template = "https://app.example.org/#workspaces/ns/ws/analysis/launch/{name}?mode={mode}"
    frames = "frame-ancestors 'self' https://app.example.org"
    put(bucket, "notebooks/a b&c.ipynb", "1")
    with running_service(bucket, links=OpenLinks("--open-url", template), frames=frames) as service:
        answer = service.preview("notebooks/a%20b%26c.ipynb")
    for mode, label in (("edit", "Open in Edit"), ("playground", "Open in Playground")):
        address = f"https://app.example.org/#workspaces/ns/ws/analysis/launch/a%20b%26c.ipynb?mode={mode}"
        assert re.search(rf'<a href="{re.escape(address)}" target="_top" [^>]*>{label}</a>', answer.page)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-top-navigation-by-user-activation; default-src 'none'; ")
    assert policy.endswith(f"; {frames}")


def test_scripts_of_named_sites_may_fetch_a_preview_with_a_token(bucket, name):
    put(bucket, name, "1")
    site, other = "https://app.example.org", "https://app.example.org.evil.org"
    with running_service(bucket, origins=frozenset({site})) as service:
        asked = service.preview(name, method="OPTIONS", token="", Origin=site)
        assert (asked.code, asked.body) == (204, b"")
        assert asked.headers["Access-Control-Allow-Headers"] == "Authorization, If-None-Match"
        assert service.preview(name, method="OPTIONS", token="", Origin=other).code == 405
        for origin, token, code in ((site, None, 200), (site, "wrong-token", 403), (other, None, 200)):
            answer = service.preview(name, token=token, Origin=origin)
            assert answer.code == code
            assert answer.headers["Access-Control-Allow-Origin"] == (site if origin == site else None)
            assert answer.headers["Access-Control-Allow-Credentials"] is None
        assert answer.headers["Vary"] == "Authorization, Origin"


class TestWhoMayRead:
    @pytest.mark.parametrize(
        "authorization",
        [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer a, Bearer b", "Bearer \xe9"],
    )
    def test_without_a_token_no_one_is_asked(self, bucket, service, name, authorization):
        put(bucket, name, "1")
        bucket.mark()
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = service.preview(name, token="", **headers)
        assert (answer.code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="previews"')
        assert answer.page.startswith("Sign in: ")
        assert operations(bucket) == []

    def test_a_wrong_token_gets_one_sentence_even_for_a_page_that_is_kept(self, bucket, service, name):
        put(bucket, name, "secret")
        tag = service.preview(name).headers["Etag"]
        for headers in ({}, {"If_None_Match": tag}):
            answer = service.preview(name, token="wrong-token", **headers)
            assert answer.code == 403
            assert answer.page == ("The bucket did not accept your token: it is wrong or has expired. Sign in again.\n")
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert "Etag" not in answer.headers

    def test_permission_is_asked_for_each_time(self, bucket, service, name):
        put(bucket, name, "secret")
        assert service.preview(name).code == 200
        refusal = AnswerWith(
            status=403, reason="forbidden", message="ada@example.org does not have storage.objects.get"
        )
        bucket.faults.add(Fault(operation="objects.get", action=refusal))
        answer = service.preview(name)
        assert answer.code == 403
        assert answer.page.startswith("You have no permission for this")
        assert "@" not in answer.page
        assert service.preview(name).code == 200

    def test_a_token_is_in_no_log(self, bucket, service, name, caplog):
        caplog.set_level("DEBUG")
        put(bucket, name, "1")
        bucket.faults.add(Fault(operation="objects.download", action=AnswerWith(status=400)))
        codes = [service.preview(name, token=token).code for token in (None, "wrong-token-of-ada", None)]
        assert codes == [503, 403, 200]
        wait_until(lambda: "GET preview: 200" in caplog.text)
        for secret in (service.token, "wrong-token-of-ada"):
            assert secret not in caplog.text
        assert name not in "".join(record.getMessage() for record in caplog.records if record.name == LOG)

    def test_an_unexpected_failure_says_nothing_of_the_request(self, bucket, service, name, caplog, monkeypatch):
        put(bucket, name, "1")
        monkeypatch.setattr("jupyter_terra_env.server.preview_service.handlers._tag", None)
        answer = service.preview(name)
        assert (answer.code, answer.page) == (500, "Internal Server Error.\n")
        assert "A request failed." in caplog.text
        assert service.token not in caplog.text
        assert name not in caplog.text


class TestWhatIsNotShown:
    @pytest.mark.parametrize(
        "path",
        [
            "/preview/other-bucket/a.ipynb",
            f"/preview/{BUCKET.upper()}/a.ipynb",
            f"/preview/{BUCKET}%2Fnotebooks/a.ipynb",
            f"/preview/{BUCKET}/../{BUCKET}/a.ipynb",
            f"/preview/{BUCKET}/notebooks/../../secret.ipynb",
            f"/preview/{BUCKET}/%2e%2e/o/a.ipynb",
            f"/preview/{BUCKET}/..%2f..%2fb%2Fother-bucket%2Fo%2Fa.ipynb",
            f"/preview/{BUCKET}/a%00.ipynb",
            f"/preview/{BUCKET}/a%0d%0aX-Header:%20x.ipynb",
            f"/preview/{BUCKET}/notebooks/",
            f"/preview/{BUCKET}/{'a' * 1025}",
            f"/preview/{BUCKET}/",
            f"/preview/{BUCKET}",
            "/preview//a.ipynb",
            "/preview/",
            "/",
            "/etc/passwd",
            f"/previews/{BUCKET}/a.ipynb",
        ],
    )
    def test_no_path_leads_elsewhere(self, bucket, service, path):
        answer = service.ask(path)
        assert answer.code == 404
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.body.count(b"\n") == 1
        assert operations(bucket) == []

    def test_a_name_that_is_no_text_is_refused(self, bucket, service):
        assert service.preview("%ff.ipynb").code == 400
        assert operations(bucket) == []

    def test_a_query_is_no_part_of_the_name(self, bucket, service, name):
        put(bucket, name, "1")
        assert service.preview(f"{name}?generation=1&userProject=x").code == 200

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    def test_there_is_nothing_but_reading(self, bucket, service, name, method):
        assert service.preview(name, method=method).code == 405
        assert operations(bucket) == []

    def test_what_is_not_there(self, service, name):
        answer = service.preview(name)
        assert (answer.code, answer.page) == (404, f"No such file or directory: gs://{BUCKET}/{name}\n")

    @pytest.mark.parametrize("content", ["no notebook", "[1]", "\xff", "", '{"nbformat": 4'])
    def test_what_is_no_notebook(self, bucket, service, name, content):
        bucket.put(name, content)
        answer = service.preview(name)
        assert (answer.code, answer.page) == (409, f"gs://{BUCKET}/{name} is not a notebook that can be shown.\n")
        bucket.mark()
        assert service.preview(name).code == 409
        assert operations(bucket) == WARM

    def test_what_is_too_large_is_not_even_fetched(self, bucket, service, name):
        bucket.put(name, text_of(notebook("x")) + " " * MOST_BYTES)
        bucket.mark()
        answer = service.preview(name)
        assert (answer.code, "too large for a preview" in answer.page) == (409, True)
        assert operations(bucket) == WARM

    def test_a_bucket_that_is_away(self, bucket, service, name):
        bucket.faults.add(Fault(operation="objects.get", action=AnswerWith(status=400)))
        answer = service.preview(name)
        assert (answer.code, answer.headers["Retry-After"]) == (503, "30")


def test_readers_of_a_bucket_that_wants_a_project_need_not_know(name):
    with bucket_behind_a_token() as bucket:
        handle = bucket.client.bucket(BUCKET)
        handle.requester_pays = True
        handle.patch()
        with running_service(bucket) as service:
            answer = service.preview(name)
            assert (answer.code, "--user-project" in answer.page) == (403, True)
        with running_service(bucket, user_project="my-project") as service:
            assert service.preview(name).code == 404


class TestManyReaders:
    def test_one_version_is_fetched_and_rendered_once(self, bucket, service, name):
        put(bucket, name, "many")
        bucket.mark()
        bucket.faults.add(Fault(operation="objects.download", action=Hang()))
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(service.preview, name) for _ in range(8)]
            wait_until(lambda: operations(bucket).count("objects.get") == 8)
            bucket.faults.release()
            answers = [one.result() for one in asked]
        assert {answer.code for answer in answers} == {200}
        assert len({answer.body for answer in answers}) == 1
        assert operations(bucket).count("objects.download") == 1

    def test_health_waits_for_no_notebook_and_no_bucket(self, bucket, service, name):
        put(bucket, name, "1")
        bucket.faults.add(Fault(operation="*", action=Hang(), times=40))
        with ThreadPoolExecutor(40) as pool:
            asked = [pool.submit(service.preview, name) for _ in range(40)]
            health = service.ask("/health", token="")
            assert (health.code, health.headers["Content-Type"]) == (200, "application/json")
            assert b'"status": "ok"' in health.body
            assert service.ask("/health", token="", method="HEAD").code == 200
            assert not any(one.done() for one in asked)
            bucket.faults.clear()
            assert {one.result().code for one in asked} == {200}

    def test_one_that_is_replaced_meanwhile_is_shown_as_it_is_then(self, bucket, service, name):
        put(bucket, name, "before")
        bucket.mark()
        bucket.faults.add(Fault(operation="objects.download", action=Hang()))
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(service.preview, name)
            wait_until(lambda: operations(bucket).count("objects.get") == 1)
            put(bucket, name, "after")
            bucket.faults.release()
            assert "after" in asked.result().page
