"""Hostile notebooks through every way that content takes: they stay content, and nothing else waits for them."""

import time

import pytest
from corpus import hostile_notebooks
from workspace_kit import WORKSPACE

NOTEBOOKS = list(hostile_notebooks())


@pytest.fixture
def where_nothing_may_appear(tmp_path, monkeypatch):
    folder = tmp_path / "working-directory"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("name", "text"), NOTEBOOKS, ids=[name for name, _ in NOTEBOOKS])
async def test_hostile_notebooks_are_content(bucket, contents, api, jp_serverapp, where_nothing_may_appear, name, text):
    data = text.encode("utf-8", "surrogatepass")
    bucket.put("notebooks/hostile.ipynb", data)
    bucket.put_notebook("well.ipynb", "1")
    began = time.monotonic()
    path = f"{WORKSPACE}/edit/hostile.ipynb"
    assert (await contents.list()).names == ["hostile.ipynb", "well.ipynb"]
    opened = await contents.open("hostile.ipynb")
    assert opened.code in {200, 400}, opened.body[:300]
    as_file = await contents.open("hostile.ipynb", type="file", format="base64")
    assert as_file.code == 200
    downloaded = await api("GET", path, base="files")
    assert (downloaded.code, downloaded.body) == (200, data)
    copied = await api("POST", "contents", f"{WORKSPACE}/edit", body={"copy_from": path})
    assert copied.code in {201, 400}, copied.body[:300]
    if opened.code == 200:
        model = {"type": "notebook", "format": "json", "content": opened.model["content"]}
        assert (await contents.put("hostile.ipynb", model)).code in {200, 400}
    assert (await contents.rename("hostile.ipynb", "moved.ipynb")).code in {200, 409}
    assert (await contents.status("well.ipynb")) is not None
    assert (await contents.open("well.ipynb")).code == 200
    assert (await api("GET", "debts", base="terra-env")).code == 200
    # Far beyond what any of it takes; what is quadratic takes minutes.
    assert time.monotonic() - began < 60
