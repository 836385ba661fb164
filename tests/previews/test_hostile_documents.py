"""Notebooks that mean no good, through the service: nothing acts, and nothing else waits for them."""

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor

import corpus as documents
import hostile_notebooks as corpus
import pytest
from clean_pages import require_clean
from workspace_kit import BUCKET

from jupyter_terra_env.notebooks.preview import pages


def test_nothing_acts_or_is_loaded_from_elsewhere(bucket, service, name):
    bucket.put(name, corpus.acting())
    page = service.preview(name).page
    require_clean(page, elsewhere=corpus.HOST)
    assert "<b>shown</b>" in page
    assert page.count("<strong>Preview</strong>") == 1


def test_nothing_in_a_notebook_looks_like_the_banner(bucket, service, name):
    bucket.put(
        name, corpus.text_of(corpus.markdown("<main><div role='note' style='color: red'>Last saved by me</div>"))
    )
    page = service.preview(name).page
    before, _, after = page.partition("<main>")
    assert after.startswith('<div role="note" style=')
    assert after.count("style=") == 1
    assert "<main>" not in before + after


def test_odd_and_hostile_documents_are_shown_or_refused(bucket, service, name):
    found = [*corpus.ODD.items(), *corpus.NO_CELLS.items(), *documents.hostile_notebooks()]
    for number, (what, content) in enumerate(found):
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        bucket.put(f"{name}-{number}", data)
        answer = service.preview(f"{name}-{number}")
        assert answer.code in {200, 409}, what
        if answer.code == 200:
            require_clean(answer.page, elsewhere=corpus.HOST)
        if what in corpus.ODD:
            assert "the last cell" in answer.page, what


@pytest.mark.parametrize("levels", [5_000, 500_000])
def test_deep_json_is_shown_or_refused(bucket, service, name, levels):
    bucket.put(name, corpus.deep(levels))
    assert service.preview(name).code in {200, 409}


def test_a_compressed_object_is_not_unpacked_beyond_what_is_shown(bucket, service, name):
    blob = bucket.client.bucket(BUCKET).blob(name)
    blob.content_encoding = "gzip"
    blob.upload_from_string(corpus.bomb(60 << 20))
    answer = service.preview(name)
    assert (answer.code, "too large" in answer.page) == (409, True)


@pytest.fixture
def little_time(monkeypatch):
    """Children are ended soon, and by the same limit on every machine."""
    usual = pages.LIMITS
    monkeypatch.setattr(
        pages,
        "LIMITS",
        type(usual)(
            cpu_seconds=1, wall_seconds=100.0, memory_bytes=usual.memory_bytes, output_bytes=usual.output_bytes
        ),
    )


def test_others_read_while_one_takes_too_much_which_is_rendered_once(bucket, service, name, little_time):
    bucket.put(name, corpus.latex_everywhere(40_000, 5))
    bucket.put(f"{name}-2", corpus.text_of(corpus.markdown("quick")))
    with ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(service.preview, name) for _ in range(2)]
        assert service.ask("/health", token="").code == 200
        assert "quick" in service.preview(f"{name}-2").page
        assert not slow[0].done()
        answers = [one.result() for one in slow]
    assert {answer.code for answer in answers} == {200}
    assert "is not shown: it takes more processor time" in answers[0].page
    assert "Open the notebook itself in your cloud environment" in answers[0].page
    bucket.mark()
    assert service.preview(name).body == answers[0].body
    assert [operation for operation, _ in bucket.requests] == ["objects.get"], "it would be the same again"


def test_a_reader_who_does_not_read_holds_up_no_one(bucket, service, name, caplog):
    bucket.put(name, corpus.text_of(corpus.code("1", corpus.stream("x" * (15 << 20)))))
    with contextlib.closing(socket.create_connection(("127.0.0.1", service.port))) as lazy:
        lines = (f"GET /preview/{BUCKET}/{name} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {service.token}")
        lazy.sendall("\r\n".join([*lines, "", ""]).encode())
        assert lazy.recv(15) == b"HTTP/1.1 200 OK"
        assert service.ask("/health", token="").code == 200
        assert len(service.preview(name).body) > 15 << 20
    assert service.ask("/health", token="").code == 200
    assert "failed" not in caplog.text, "a reader may leave at any time"
