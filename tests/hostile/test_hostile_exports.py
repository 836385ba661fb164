"""Exports of notebooks that mean no good: children with limits make them, and the server stays."""

import asyncio
import base64
import io
import zipfile
from dataclasses import replace

import hostile_notebooks as corpus
import pytest
from workspace_kit import WORKSPACE

from jupyter_terra_env.server.contents import exports

LIMITS = exports.limits_for(0)


@pytest.fixture
def export(bucket, contents, api):
    """Export a notebook."""

    async def export(content, kind="html"):
        bucket.put("notebooks/a.ipynb", content)
        return await api("GET", kind, f"{WORKSPACE}/edit/a.ipynb", base="nbconvert")

    return export


@pytest.mark.parametrize("kind", ["html", "slides", "markdown", "script", "python", "notebook"])
async def test_exports_are_made_by_children(export, jp_serverapp, monkeypatch, kind):
    monkeypatch.setattr("nbconvert.exporters.Exporter.from_notebook_node", None)
    image = base64.b64encode(b"an image").decode()
    cell = corpus.code("the_code", corpus.shown({"image/png": image, "text/plain": "x"}))
    answer = await export(corpus.text_of(corpus.markdown("# A title"), cell), kind)
    assert answer.code == 200, answer.body
    if kind == "markdown":
        with zipfile.ZipFile(io.BytesIO(answer.body)) as files:
            assert sorted(name.rpartition(".")[2] for name in files.namelist()) == ["md", "png"]
            assert [files.read(name) for name in files.namelist() if name.endswith("png")] == [b"an image"]
    else:
        assert b"the_code" in answer.body


async def test_the_server_stays_while_a_notebook_is_exported_that_takes_for_ever(
    export, api, jp_serverapp, monkeypatch
):
    monkeypatch.setattr(exports, "limits_for", lambda size: replace(LIMITS, cpu_seconds=2))
    exporting = asyncio.ensure_future(export(corpus.text_of(corpus.markdown("\\begin{a}" * 40_000))))
    answered = 0
    while not exporting.done():
        assert (await api("GET", "status")).code == 200
        answered += 1
    answer = await exporting
    assert answer.code == 409
    assert b"a.ipynb was not exported: it takes more processor time" in answer.body
    assert answered > 10


async def test_what_cannot_be_exported_is_reported(export, jp_serverapp):
    answer = await export(corpus.text_of({**corpus.code("1"), "outputs": [{"output_type": "stream", "text": 3}]}))
    assert answer.code in {200, 400}
    assert (await export(b"{", "html")).code == 400
