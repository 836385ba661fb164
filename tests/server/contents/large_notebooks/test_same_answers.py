"""Large notebooks are answered to the letter as Jupyter's own code answers small ones."""

import asyncio
import json

import nbformat
import pytest
import sample_notebooks
from nbformat import v4
from workspace_kit import WORKSPACE, notebook, text_of

READABLE = {**sample_notebooks.PLAIN, **sample_notebooks.INVALID}
TIMES = {"created", "last_modified"}
WAYS_TO_ASK = [{"type": "notebook", "content": 1, "hash": 1}, {"content": 1}, {"type": "notebook", "format": "text"}]


def _put(bucket, samples):
    for name, content in samples.items():
        bucket.put(f"notebooks/{name}.ipynb", content)


@pytest.mark.parametrize("params", WAYS_TO_ASK, ids=str)
async def test_what_is_shown(bucket, letters, sizes, params):
    _put(bucket, READABLE)
    for name in READABLE:
        sizes.all_are_small()
        await letters("GET", f"{name}.ipynb", **params)  # The first one localizes, and takes the lock.
        expected = await letters("GET", f"{name}.ipynb", **params)
        sizes.all_are_large()
        before = sizes.converted
        found = await letters("GET", f"{name}.ipynb", **params)
        assert found == expected, name
        assert (found.code, "message" in found.model) == (200, name in sample_notebooks.INVALID), name
        assert sizes.converted == before + 1, f"{name}: answered by Jupyter's own code"


@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
async def test_older_notebooks_but_for_their_random_ids(bucket, letters, sizes):
    _put(bucket, sample_notebooks.OLDER)
    for name in sample_notebooks.OLDER:
        sizes.all_are_small()
        await letters("GET", f"{name}.ipynb")
        expected = await letters("GET", f"{name}.ipynb")
        sizes.all_are_large()
        before = sizes.converted
        found = await letters("GET", f"{name}.ipynb")
        assert found.without_random_ids() == expected.without_random_ids(), name
        assert sizes.converted == before + 1, f"{name}: answered by Jupyter's own code"


async def test_what_cannot_be_shown(edit, letters, sizes):
    for name, content in sample_notebooks.UNREADABLE.items():
        # Not from the bucket: what is unreadable there is not kept on the disk.
        (edit / f"{name}.ipynb").write_bytes(content)
        sizes.all_are_small()
        expected = await letters("GET", f"{name}.ipynb")
        sizes.all_are_large()
        found = await letters("GET", f"{name}.ipynb")
        assert found == expected, name
        assert found.code >= 400, name


async def test_a_notebook_asked_for_as_text(bucket, letters, sizes):
    bucket.put_notebook("a.ipynb", "1")
    sizes.all_are_small()
    await letters("GET", "a.ipynb")
    for params in ({"type": "file"}, {"type": "file", "format": "base64"}, {"type": "directory"}, {"content": 0}):
        sizes.all_are_small()
        expected = await letters("GET", "a.ipynb", **params)
        sizes.all_are_large()
        assert await letters("GET", "a.ipynb", **params) == expected


async def test_trust_is_kept(bucket, letters, sizes, jp_serverapp):
    html = v4.new_output("display_data", data={"text/html": "<b>"})
    content = text_of(notebook("show()", outputs=[html])).encode()
    bucket.put("notebooks/a.ipynb", content)
    sizes.all_are_large()
    untrusted = (await letters("GET", "a.ipynb")).model["content"]
    assert untrusted["cells"][0]["metadata"]["trusted"] is False
    await jp_serverapp.contents_manager.trust_notebook(f"{WORKSPACE}/edit/a.ipynb")
    found = await letters("GET", "a.ipynb")
    sizes.all_are_small()
    assert found.model["content"]["cells"][0]["metadata"]["trusted"] is True
    assert found == await letters("GET", "a.ipynb")


async def test_a_tag_that_is_known_is_answered_without_a_body(bucket, letters, sizes):
    bucket.put_notebook("a.ipynb", "1")
    sizes.all_are_large()
    await letters("GET", "a.ipynb")
    tag = (await letters("GET", "a.ipynb")).headers["Etag"]
    known = {"If-None-Match": tag}
    found = await letters("GET", "a.ipynb", headers=known)
    sizes.all_are_small()
    assert (found.code, found.body) == (304, b"")
    assert found == await letters("GET", "a.ipynb", headers=known)


def _model(content, **changes):
    return json.dumps({"type": "notebook", "format": "json", "content": content, **changes}).encode()


def _bodies():
    """What a client may send, by name: contents as they are shown, and oddities."""
    shown = {
        name: json.loads(content)
        for name, content in {**sample_notebooks.PLAIN, **sample_notebooks.INVALID, **sample_notebooks.OLDER}.items()
        if "twice" not in name and "without ids" not in name  # They are given random ids.
    }
    yield from ((name, _model(content)) for name, content in shown.items())
    usual = shown["as Jupyter writes it"]
    yield "whole lines", _model({**usual, "cells": [{**usual["cells"][0], "source": "a\r\nb\x0bc\u2028d\n"}]})
    yield "extra keys", _model(usual, name="x", path="y", odd={"a": [1]}, created=None)
    yield "no type", json.dumps({"content": usual}).encode()
    yield "unknown type", _model(usual, type="novel")
    yield "no content", json.dumps({"type": "notebook"}).encode()
    yield "content is null", _model(None)
    yield "content is a list", _model([])
    yield "cells are no list", _model({**usual, "cells": {}})
    yield "cells are no objects", _model({**usual, "cells": [1]})
    yield "metadata is text", _model({**usual, "metadata": "m"})
    yield "version is text", _model({**usual, "nbformat": "4"})
    yield "version is missing", _model({"cells": [], "metadata": {}})
    yield "version 17", _model({**usual, "nbformat": 17})
    yield "lone surrogate", _model({**usual, "metadata": {"a": "\ud800"}})
    yield "a text file", json.dumps({"type": "file", "format": "text", "content": "x" * 50}).encode()
    yield "copied", _model(usual, copy_from="a.ipynb")
    yield "a chunk", json.dumps({"type": "file", "format": "text", "content": "x", "chunk": 1}).encode()
    yield "a list", b"[1]"
    yield "no JSON", b'{"type": "notebook", '
    yield "with spaces", b"  \n" + _model(usual) + b"\n "


async def test_what_is_stored(letters, sizes, edit):
    for name, body in _bodies():
        answers, files = [], []
        for make_sizes, file in ((sizes.all_are_small, "small.ipynb"), (sizes.all_are_large, "large.ipynb")):
            make_sizes()
            answers.append([_comparable(await letters("PUT", file, body=body)) for _ in "12"])  # Created, then saved.
            path = edit / file
            files.append(path.read_bytes() if path.exists() else None)
            await letters("DELETE", file)
        assert answers[0] == answers[1], name
        assert files[0] == files[1], name


@pytest.mark.parametrize("trusted", [False, True], ids=["", "trusted"])
async def test_what_is_copied(contents, sizes, edit, trusted):
    for name, content in READABLE.items():
        if "twice" in name or "without ids" in name:
            continue  # They are given random ids.
        file = edit / "a.ipynb"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        if trusted:
            sizes.manager.notary.sign(nbformat.read(file, as_version=4))
        copies = []
        for make_sizes in (sizes.all_are_small, sizes.all_are_large):
            make_sizes()
            before = sizes.converted
            answer = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
            model = {key: value for key, value in answer.model.items() if key not in {*TIMES, "terra"}}
            copy = edit / "a-Copy1.ipynb"
            is_trusted = sizes.manager.notary.check_signature(nbformat.read(copy, as_version=4))
            copies.append((answer.code, model, copy.read_bytes(), is_trusted))
            await contents.settled("a-Copy1.ipynb")
            await contents.delete("a-Copy1.ipynb")
        assert copies[0] == copies[1], name
        assert sizes.converted == before + 2, name


async def test_copies_at_once(contents, sizes, edit):
    """More than the process takes at once: none waits for another that waits for it."""
    (edit / "a.ipynb").write_text(text_of(notebook("1")))
    sizes.all_are_large()
    folders = [f"folder{number}" for number in range(5)]
    for folder in folders:
        (edit / folder).mkdir()
    copying = [contents.new(folder, copy_from=f"{WORKSPACE}/edit/a.ipynb") for folder in folders]
    answers = await asyncio.wait_for(asyncio.gather(*copying), 30)
    assert [answer.code for answer in answers] == [201] * 5
    assert sizes.converted == 10


async def test_a_copy_out_of_the_workspace_and_one_that_hooks_see(api, contents, sizes, edit, jp_root_dir):
    (edit / "a.ipynb").write_text(text_of(notebook("1")))
    sizes.all_are_large()
    (jp_root_dir / "out").mkdir()
    assert (await api("POST", "contents", "out", body={"copy_from": f"{WORKSPACE}/edit/a.ipynb"})).code == 201
    assert (jp_root_dir / "out" / "a.ipynb").read_text() == text_of(notebook("1"))
    seen = []
    sizes.manager.register_pre_save_hook(lambda model, **_: seen.append(model["content"]["cells"][0]["source"]))
    assert (await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")).code == 201
    assert seen == ["1"]
    assert sizes.converted == 0


def _comparable(letter):
    """An answer without the file's name and times, and where its upload is."""
    body = letter.body.replace(b"large.ipynb", b"small.ipynb")
    headers = {name: value.replace("large.ipynb", "small.ipynb") for name, value in letter.headers.items()}
    headers = {name: value for name, value in headers.items() if name not in {"Etag", "Last-Modified"}}
    if letter.code < 300:
        model = json.loads(body)
        model.update(last_modified=None, created=None, terra=None)
        return letter.code, headers.get("Location"), list(model), json.dumps(model)
    return letter.code, headers, body


async def test_ordinary_saves_are_converted(letters, sizes):
    sizes.all_are_large()
    bodies = {name: body for name, body in _bodies() if name in sample_notebooks.PLAIN}
    for name, body in bodies.items():
        before = sizes.converted
        assert (await letters("PUT", f"{name}.ipynb", body=body)).code == 201
        assert sizes.converted == before + 1, f"{name}: saved by Jupyter's own code"


async def test_a_trusted_save_is_signed(letters, sizes):
    html = v4.new_output("display_data", data={"text/html": "<b>"})
    content = notebook("show()", outputs=[html])
    for trusted in (True, False):
        content.cells[0].metadata["trusted"] = trusted
        content.cells[0].source = f"show({trusted})"
        sizes.all_are_large()
        await letters("PUT", "a.ipynb", body=_model(content))
        for make_sizes in (sizes.all_are_large, sizes.all_are_small):
            make_sizes()
            shown = (await letters("GET", "a.ipynb")).model["content"]
            assert shown["cells"][0]["metadata"]["trusted"] is trusted
