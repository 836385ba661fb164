"""The ordinary stories of a server where Linux's own files and functions are missing, as on macOS."""

import asyncio
import json
import logging
import os
import sys

import pytest
from without_linux import take_linux_away
from workspace_kit import WORKSPACE, notebook, sources, text_of


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, bucket):
    take_linux_away(monkeypatch)


async def test_a_notebook_is_opened_saved_renamed_and_deleted(bucket, contents, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    opened = await contents.open("a.ipynb")
    assert (opened.code, sources(opened.model["content"])) == (200, ["1"])
    saved = await contents.save("a.ipynb", "1", "2")
    assert (saved.code, saved.model["terra"]["place"]) == (200, "in-workspace")
    assert bucket.sources("a.ipynb") == ["1", "2"]
    assert (await contents.rename("a.ipynb", "b.ipynb")).code == 200
    assert bucket.names() == ["notebooks/b.ipynb"]
    assert (await contents.delete("b.ipynb")).code == 204
    assert bucket.names() == []
    assert [entry.name for entry in edit.iterdir()] == [".ipynb_checkpoints"]


async def test_a_new_notebook_has_the_mode_that_the_mask_says(contents, edit, jp_serverapp):
    before = os.umask(0o027)
    try:
        assert (await contents.save("new.ipynb", "1")).code == 201
    finally:
        os.umask(before)
    assert (edit / "new.ipynb").stat().st_mode & 0o777 == 0o640


async def test_a_large_notebook_is_opened_and_saved_by_the_server_itself_and_the_log_says_so_once(
    bucket, contents, jp_serverapp, caplog
):
    large = "x = 1\n" * 250_000
    bucket.put("notebooks/large.ipynb", text_of(notebook(large)))
    with caplog.at_level(logging.WARNING):
        for number in range(2):
            opened = await contents.open("large.ipynb")
            assert opened.code == 200, opened.body[:1000]
            assert sources(opened.model["content"])[0] == large + "#" * number
            saved = await contents.save("large.ipynb", large + "#" * (number + 1))
            assert saved.code == 200, saved.body
    reported = [
        record for record in caplog.records if "cannot run the process that reads notebooks" in record.getMessage()
    ]
    assert len(reported) == 1
    await contents.settled("large.ipynb")
    assert bucket.sources("large.ipynb") == [large + "##"]


async def test_a_conflict_is_resolved(bucket, contents, api, edit, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    assert (await contents.save("a.ipynb", "mine")).code == 409
    path = f"{WORKSPACE}/edit/a.ipynb"
    answer = await api("POST", "resolve", base="terra-env", body={"path": path, "action": "keep-both"})
    assert answer.code == 200, answer.body
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["theirs"]
    assert len(list(edit.glob("*.ipynb"))) == 2


async def test_the_playground_and_a_flush(bucket, contents, api, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    assert (await contents.open("a.ipynb", "playground")).code == 200
    await contents.save("b.ipynb", "1")
    flushed = await api("POST", "flush", base="terra-env", body={"deadline_seconds": 20})
    assert flushed.code == 200, flushed.body
    assert bucket.sources("b.ipynb") == ["1"]


class TestAutopause:
    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        return {**jp_server_config, "AutopauseSettings": {"shutdown_budget_seconds": 0.1, "tick_seconds": 0.2}}

    async def test_what_cannot_be_observed_is_reported_and_keeps_nothing_running(self, autopause, jp_serverapp):
        assert (await autopause())["not_observed"] == ["processes", "network"]
        await asyncio.sleep(1)
        assert (await autopause())["blockers"] == []

    def test_the_log_says_it_once(self, jp_configurable_serverapp, bucket, caplog, capfd):
        jp_configurable_serverapp()
        reported = caplog.text + capfd.readouterr().err
        assert (
            reported.count(f"This system ({sys.platform}) does not let autopause observe: processes and network.") == 1
        )
