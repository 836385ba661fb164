"""A preview: the workspace's version as a page; nothing in a notebook runs."""

import json
import time

import pytest
from nbformat import v4
from workspace_kit import WORKSPACE, notebook, text_of

from jupyter_terra_env.bucket.embedded.faults import Fault, ResetConnection
from jupyter_terra_env.notebooks.preview.content import MOST_BYTES
from jupyter_terra_env.rules.edit_lock import EXPIRY_KEY, OWNER_KEY


def hostile():
    html = "<b>shown</b><script>attack()</script><iframe src='https://x.invalid'></iframe><p onclick='attack()'>p</p>"
    return v4.new_notebook(
        cells=[
            v4.new_markdown_cell(
                "# A heading <script>attack()</script> <img src=x onerror=attack()> [l](javascript:attack())"
            ),
            v4.new_code_cell(
                "print(1)",
                outputs=[
                    v4.new_output("display_data", data={"text/html": html}),
                    v4.new_output("display_data", data={"application/javascript": "attack()"}),
                    v4.new_output("display_data", data={"image/svg+xml": "<svg onload='attack()'></svg>"}),
                    v4.new_output("stream", text="plain </pre><script>attack()</script>"),
                ],
            ),
        ],
        metadata={"title": "</title><script>attack()</script>"},
    )


@pytest.fixture
def preview(jp_fetch, jp_serverapp):
    async def ask(name, folder="edit"):
        return await jp_fetch("terra-env", "preview", params={"path": f"{WORKSPACE}/{folder}/{name}"})

    return ask


async def test_it_shows_what_the_workspace_has_and_leaves_no_trace(bucket, contents, preview, edit):
    future = str(int((time.time() + 100) * 1000))
    bucket.put_notebook("a.ipynb", "print('hello')", metadata={OWNER_KEY: "f" * 64, EXPIRY_KEY: future})
    bucket.mark()
    answer = await preview("a.ipynb")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "hello" in answer.body.decode()
    assert [operation for operation, _ in bucket.requests] == ["objects.get", "objects.download"]
    assert list(edit.iterdir()) == []


async def test_nothing_in_a_notebook_runs(bucket, preview):
    bucket.put("notebooks/<script>attack()<.ipynb", json.dumps(hostile()))
    answer = await preview("<script>attack()<.ipynb")
    page = answer.body.decode()
    assert "<b>shown</b>" in page
    assert "<h1>A heading" in page
    for sign in ("<script", "onerror=", "onclick=", "onload=", "javascript:", "<iframe", "<svg onload"):
        assert sign not in page.lower(), sign
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script-src" not in policy


async def test_a_playground_copy_is_shown_from_the_disk(bucket, contents, preview):
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.open("a.ipynb", folder="playground")
    await contents.save("a.ipynb", "played", folder="playground")
    assert "played" in (await preview("a.ipynb", "playground")).body.decode()


async def test_while_the_bucket_is_away_the_copy_on_the_disk_is_shown(bucket, contents, preview):
    bucket.put_notebook("a.ipynb", "here")
    await contents.open("a.ipynb")
    bucket.faults.add(Fault(operation="*", action=ResetConnection(), times=1000))
    assert "here" in (await preview("a.ipynb")).body.decode()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("nowhere.ipynb", None, 404), ("a.ipynb", "no notebook", 409), ("a.ipynb", "[1]", 409), ("a.ipynb", "\xff", 409)],
)
async def test_what_cannot_be_shown(bucket, api, jp_serverapp, name, content, code):
    if content is not None:
        bucket.put("notebooks/" + name, content)
    answer = await api("GET", "preview", base="terra-env", path=f"{WORKSPACE}/edit/{name}")
    assert answer.code == code


async def test_a_very_large_one_is_not_even_fetched(bucket, api, jp_serverapp):
    bucket.put("notebooks/a.ipynb", text_of(notebook("x")) + " " * MOST_BYTES)
    bucket.mark()
    answer = await api("GET", "preview", base="terra-env", path=f"{WORKSPACE}/edit/a.ipynb")
    assert (answer.code, answer.reason) == (409, "no-preview")
    assert [operation for operation, _ in bucket.requests] == ["objects.get"]
