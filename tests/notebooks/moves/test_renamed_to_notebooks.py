"""A name that makes a notebook of a text, in a workspace that keeps both: only what is a notebook gets it."""

import re
from dataclasses import replace

import environments
import nbformat
import pytest
from environments import UPLOADS
from nbformat import v4

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.sync import whole_content
from jupyter_terra_env.notebooks.sync.whole_content import check_content
from jupyter_terra_env.rules.errors import BucketUnavailable, OperationRefused
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.whole_content import Unfit

TEXT = b"a report, and no notebook"
NOTEBOOK = (nbformat.writes(v4.new_notebook(cells=[v4.new_code_cell("1", id="a")])) + "\n").encode()
READS = "objects.download"


@pytest.fixture
def environment_settings():
    return {"check": check_content, "pause_seconds": 0.05}


@pytest.fixture(autouse=True)
def _keeps_texts(monkeypatch):
    for name in ("WORKSPACE", "OTHER_WORKSPACE"):
        workspace = replace(getattr(environments, name), pattern=re.compile(r".+(\.ipynb|\.Rmd|\.txt)"))
        monkeypatch.setattr(environments, name, workspace)


def is_refused(env, old="a.Rmd", new="a.ipynb"):
    with pytest.raises(OperationRefused) as refused:
        env.rename(old, new)
    assert env.begun() == []
    assert env.litter() == []
    return refused.value.reason == "not-a-notebook" and f"ws/edit/{old}" in str(refused.value)


@pytest.mark.parametrize("opened", [False, True], ids=["in the bucket only", "opened"])
@pytest.mark.parametrize("target", ["a.ipynb", "deep/a.ipynb", "/other/edit/a.ipynb"])
@pytest.mark.parametrize("content", [TEXT, b"", b'{"cells": []}', NOTEBOOK[:-20]])
def test_a_text_does_not_become_the_teams_notebook(env, outsider, opened, target, content):
    outsider.put("a.Rmd", content)
    if opened:
        env.open("a.Rmd")
    assert is_refused(env, new=target)
    assert [blob.name for blob in outsider.client.list_blobs("a-bucket")] == ["notebooks/a.Rmd"]
    assert env.read("a.Rmd") == (content if opened else None)
    assert not env.file("a.ipynb").exists()


@pytest.mark.parametrize("opened", [False, True], ids=["in the bucket only", "opened"])
def test_a_notebook_that_was_called_a_text_does(env, outsider, opened):
    outsider.put("a.txt", NOTEBOOK)
    if opened:
        env.open("a.txt")
    env.rename("a.txt", "a.ipynb")
    assert outsider.names() == ["a.ipynb"]
    assert env.open("a.ipynb").place is Place.IN_WORKSPACE


def test_a_text_that_a_person_saved(env, outsider):
    """Saved as a text it needs no check; as a notebook it does."""
    env.save("a.Rmd", TEXT)
    assert is_refused(env)
    assert env.read("a.Rmd") == TEXT


def test_edits_that_make_a_text_of_it(env, outsider):
    outsider.put("a.txt", NOTEBOOK)
    env.open("a.txt")
    env.run(env.storage.save(env.at("a.txt"), TEXT))
    assert is_refused(env, old="a.txt")
    assert (env.read("a.txt"), outsider.names()) == (TEXT, ["a.txt"])


def test_what_is_in_the_bucket_only_counts_as_it_is_there(env, outsider):
    """The working copy has gone; what this disk last saw is known."""
    env.save("a.txt", NOTEBOOK)
    env.file("a.txt").unlink()
    env.rename("a.txt", "a.ipynb")
    assert outsider.content("a.ipynb") == NOTEBOOK
    env.save("b.txt", TEXT)
    env.file("b.txt").unlink()
    assert is_refused(env, old="b.txt", new="b.ipynb")
    assert sorted(outsider.names()) == ["a.ipynb", "b.txt"]


def test_what_cannot_be_read_now_stays(env, outsider):
    outsider.put("a.txt", NOTEBOOK)
    env.faults.add(Fault(operation=READS, action=AnswerWith(status=503), times=50))
    with pytest.raises(BucketUnavailable):
        env.rename("a.txt", "a.ipynb")
    assert (outsider.names(), env.begun(), env.litter()) == (["a.txt"], [], [])


def test_what_could_not_be_checked_stays(env, outsider, monkeypatch):
    outsider.put("a.txt", NOTEBOOK)
    monkeypatch.setattr(env.gate, "_check", lambda *_: Unfit.NOT_CHECKED)
    assert is_refused(env, old="a.txt")
    assert outsider.names() == ["a.txt"]


def test_a_large_one_is_read_by_a_process_of_its_own(env, outsider, monkeypatch):
    monkeypatch.setattr(whole_content, "_UNUSUAL_BYTES", 100)
    monkeypatch.setattr(whole_content, "_LARGE_BYTES", 100)
    outsider.put("a.txt", NOTEBOOK)
    outsider.put("b.txt", TEXT * 10)
    env.rename("a.txt", "a.ipynb")
    assert is_refused(env, old="b.txt", new="b.ipynb")
    assert sorted(outsider.names()) == ["a.ipynb", "b.txt"]


def test_from_where_no_object_is_the_upload_is_what_is_checked(env, outsider):
    for folder, old in (("playground", "/ws/playground/a.txt"), ("edit", "/ws/edit/a.local")):
        env.file(old.rsplit("/", 1)[1], folder).write_bytes(TEXT)
        env.rename(old, "a.ipynb")
        env.run(env.delocalizer.pay((), 10))
        result = env.run(env.delocalizer.current_status(env.at("a.ipynb")))
        assert (result.place, result.reason) == (Place.ON_DISK, "unreadable")
        assert outsider.names() == []
        env.file("a.ipynb").unlink()


@pytest.mark.parametrize(("old", "new"), [("a.ipynb", "b.ipynb"), ("a.ipynb", "a.txt"), ("a.txt", "b.Rmd")])
def test_other_names_cost_no_look_at_the_content(env, outsider, old, new):
    outsider.put(old, TEXT)
    env.faults.clear()
    env.rename(old, new)
    assert outsider.names() == [new]
    assert READS not in env.operations
    assert UPLOADS not in env.operations
