"""What reaches the bucket: only what is still, and whole, and exactly that."""

import os
import re
import shutil
from dataclasses import replace

import environments
import nbformat
import pytest
from environments import UPLOADS
from nbformat import v4

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.sync import whole_content
from jupyter_terra_env.notebooks.sync.resolution import Resolution
from jupyter_terra_env.notebooks.sync.whole_content import check_content, is_notebook
from jupyter_terra_env.notebooks.untrusted import cage
from jupyter_terra_env.rules.errors import OperationRefused
from jupyter_terra_env.rules.status import Place

NAME = "a.ipynb"


def notebook(*sources, **metadata):
    cells = [v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    return (nbformat.writes(v4.new_notebook(cells=cells, metadata=metadata)) + "\n").encode()


GOOD = notebook("the work of a week")
BETTER = notebook("the work of a week", "and a day")
BROKEN = {
    "empty": b"",
    "zeros": b"\0" * len(GOOD),
    "half": GOOD[: len(GOOD) // 2],
    "zeros at the end": GOOD[:-20] + b"\0" * 20,
    "merge": GOOD.replace(b' "cells": [', b'<<<<<<< HEAD\n "cells": [\n=======\n "cells": [\n>>>>>>> branch\n'),
    "two in one": GOOD + GOOD,
    "other JSON": b'{"a": 1}',
    "no cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "Latin-1": GOOD.replace(b"week", b"w\xe4k"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
}


@pytest.fixture
def environment_settings():
    return {"check": check_content, "pause_seconds": 0.05}


@pytest.fixture
def opened(env, outsider):
    outsider.put(NAME, GOOD)
    env.open(NAME)
    return env


class TestNotebooks:
    @pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
    def test_a_broken_one_stays_on_the_disk_regardless_of_what_is_done(self, opened, outsider, content):
        opened.file(NAME).write_bytes(content)
        for act in (opened.open, lambda name: opened.run(opened.delocalizer.settle(opened.at(name)))):
            told = act(NAME)
            assert (told.place, told.reason) == (Place.ON_DISK, "unreadable")
        opened.restart()
        assert opened.open(NAME).reason == "unreadable"
        assert outsider.content(NAME) == GOOD
        assert opened.read(NAME) == content

    @pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
    def test_it_is_reported_by_the_process_for_large_ones_too(self, opened, outsider, content, monkeypatch):
        monkeypatch.setattr(whole_content, "_UNUSUAL_BYTES", 0)
        monkeypatch.setattr(whole_content, "_LARGE_BYTES", 0)
        opened.file(NAME).write_bytes(content)
        assert opened.open(NAME).reason == "unreadable"
        opened.file(NAME).write_bytes(BETTER)
        assert opened.open(NAME).place is Place.IN_WORKSPACE
        assert outsider.content(NAME) == BETTER

    def test_a_process_that_fails_is_tried_again(self, opened, outsider, monkeypatch):
        monkeypatch.setattr(whole_content, "_UNUSUAL_BYTES", 0)
        monkeypatch.setattr(whole_content, "_LARGE_BYTES", 0)
        monkeypatch.setattr(cage.sys, "executable", "/nowhere")
        opened.file(NAME).write_bytes(BETTER)
        assert opened.open(NAME).reason == "not-checked"
        monkeypatch.undo()
        assert opened.run(opened.delocalizer.settle(opened.at(NAME))).place is Place.IN_WORKSPACE

    def test_a_new_broken_one_is_not_made_in_the_bucket(self, env, outsider):
        env.file(NAME).write_bytes(b"{")
        env.run(env.delocalizer.settle(env.at(NAME)))
        assert outsider.names() == []

    def test_once_it_is_whole_it_goes(self, opened, outsider):
        opened.file(NAME).write_bytes(BETTER[:100])
        assert opened.open(NAME).place is Place.ON_DISK
        opened.file(NAME).write_bytes(BETTER)
        assert opened.open(NAME).place is Place.IN_WORKSPACE
        assert outsider.content(NAME) == BETTER

    def test_a_broken_one_takes_no_lock(self, opened, outsider):
        opened.give_back(NAME)
        opened.restart()
        opened.file(NAME).write_bytes(b"{")
        opened.run(opened.delocalizer.settle(opened.at(NAME)))
        assert not opened.holds(NAME)

    def test_it_is_not_renamed(self, opened, outsider):
        opened.file(NAME).write_bytes(b"{")
        with pytest.raises(OperationRefused, match="cannot be read"):
            opened.run(opened.renaming(NAME, "b.ipynb"))
        assert outsider.content(NAME) == GOOD
        assert opened.read(NAME) == b"{"

    def test_what_a_text_editor_saved_is_read_as_well(self, opened, outsider):
        assert opened.save(NAME, b"{").reason == "unreadable"
        assert opened.save(NAME, BETTER).place is Place.IN_WORKSPACE
        assert outsider.content(NAME) == BETTER

    def test_a_validated_save_is_not_read_again(self, opened, outsider):
        """What Jupyter itself made is taken at its word, no matter what it looks like from here."""
        opened.run(opened.storage.save(opened.at(NAME), b"validated", is_notebook=True))
        assert opened.run(opened.delocalizer.after_save(opened.at(NAME))).place is Place.IN_WORKSPACE
        assert outsider.content(NAME) == b"validated"

    @pytest.mark.parametrize("way_out", ["take-theirs", "replace-theirs"])
    def test_ways_out(self, opened, outsider, way_out):
        opened.file(NAME).write_bytes(b"{")
        opened.open(NAME)
        kept = opened.run(
            opened.conflicts.resolve(opened.at(NAME), Resolution(way_out), content=None, theirs_version=None)
        )
        assert outsider.content(NAME) == GOOD
        if way_out == "take-theirs":
            assert kept.read_bytes() == b"{"
            assert opened.read(NAME) == GOOD
            assert opened.open(NAME).place is Place.IN_WORKSPACE

    def test_the_workspace_version_is_there_to_open(self, opened, outsider):
        opened.file(NAME).write_bytes(b"{")
        opened.open(NAME)
        kept = opened.run(opened.localizer.open_workspace_version(opened.at(NAME)))
        assert (kept.read_bytes(), opened.read(NAME)) == (b"{", GOOD)
        assert opened.open(NAME).place is Place.IN_WORKSPACE

    def test_both_changed_is_still_a_conflict(self, opened, outsider):
        opened.give_back(NAME)
        outsider.put(NAME, BETTER)
        opened.file(NAME).write_bytes(b"{")
        assert opened.open(NAME).place in {Place.CONFLICT, Place.ON_DISK}
        assert outsider.content(NAME) == BETTER
        assert opened.read(NAME) == b"{"


class TestIsANotebook:
    @pytest.mark.parametrize(
        "content",
        [
            GOOD,
            GOOD.replace(b'"metadata": {}', b'"metadata": {"x": NaN}'),
            GOOD.replace(b"week", b"w\\ud800k"),
            b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [], "metadata": {}}]}',
            GOOD.replace(b"week", "wéèk".encode()),
        ],
        ids=["usual", "NaN", "half a pair", "version 3", "UTF-8"],
    )
    def test_everything_jupyter_opens_is_one(self, content):
        nbformat.reads(content.decode(), as_version=4)
        assert is_notebook(content)

    def test_deep_nesting_ends(self):
        assert not is_notebook(b"[" * 1_000_000)


class TestStillness:
    @pytest.fixture
    def environment_settings(self):
        return {"check": check_content, "still_seconds": 0.5}

    def test_what_a_program_has_just_written_waits(self, opened, outsider):
        opened.file(NAME).write_bytes(BETTER)
        told = opened.run(opened.delocalizer.settle(opened.at(NAME)))
        assert (told.place, told.reason) == (Place.ON_DISK, "still-being-written")
        assert outsider.content(NAME) == GOOD

    def test_and_goes_when_it_is_still(self, opened, outsider):
        opened.file(NAME).write_bytes(BETTER)
        opened.run(opened.delocalizer.pay([opened.at(NAME)], 20.0))
        assert outsider.content(NAME) == BETTER

    def test_a_new_name_waits_until_it_is_still(self, opened, outsider):
        opened.file(NAME).write_bytes(BETTER)
        opened.rename(NAME, "b.ipynb")
        assert outsider.content("b.ipynb") == opened.read("b.ipynb") == BETTER

    def test_a_time_in_the_future_does_not_keep_it_for_ever(self, opened, outsider):
        opened.file(NAME).write_bytes(BETTER)
        os.utime(opened.file(NAME), (4e9, 4e9))
        opened.run(opened.delocalizer.pay([opened.at(NAME)], 20.0))
        assert outsider.content(NAME) == BETTER

    def test_a_save_does_not_wait(self, opened, outsider):
        for content in (BETTER, GOOD, BETTER):
            before = len(opened.operations)
            assert opened.save(NAME, content).place is Place.IN_WORKSPACE
            assert opened.operations[before:] == [UPLOADS]
        assert outsider.content(NAME) == BETTER


class TestOtherNames:
    """A workspace that keeps texts too."""

    @pytest.fixture
    def text(self, env, outsider, monkeypatch):
        pattern = re.compile(r".+(\.ipynb|\.Rmd|\.R)")
        monkeypatch.setattr(environments, "WORKSPACE", replace(environments.WORKSPACE, pattern=pattern))
        outsider.put("a.Rmd", b"a report")
        env.open("a.Rmd")
        return env

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "emptied"),
            (b"a\0b", "unreadable"),
            (b"<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n", "unmerged"),
        ],
    )
    def test_what_a_program_broke_stays(self, text, outsider, content, reason):
        text.file("a.Rmd").write_bytes(content)
        assert text.open("a.Rmd").reason == reason
        assert outsider.content("a.Rmd") == b"a report"

    @pytest.mark.parametrize("content", [b"", b"<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n", b"another"])
    def test_what_a_person_saved_goes(self, text, outsider, content):
        assert text.save("a.Rmd", content).place is Place.IN_WORKSPACE
        assert outsider.content("a.Rmd") == content


class TestWhatTravels:
    @pytest.fixture
    def written_in_place(self, opened, monkeypatch):
        """A program writes into the very inode, once the upload's content has been read."""
        pin = opened.bases.pin

        def to_write(content):
            def pinned(path, os_path, snapshot):
                monkeypatch.undo()
                with os_path.open("r+b") as file:
                    file.write(content)
                pin(path, os_path, snapshot)

            monkeypatch.setattr(opened.bases, "pin", pinned)

        return to_write

    def test_it_is_the_content_that_was_read_regardless_of_what_is_written_meanwhile(
        self, opened, outsider, written_in_place
    ):
        written_in_place(b"####")
        assert opened.save(NAME, BETTER).reason == "unreadable"
        assert outsider.content(NAME) == BETTER
        assert not any(b"####" in content for content in outsider.history(NAME).values())

    def test_what_was_put_back_is_what_the_bucket_has(self, opened, outsider, written_in_place):
        written_in_place(b"####")
        opened.save(NAME, BETTER)
        assert opened.save(NAME, BETTER).place is Place.IN_WORKSPACE
        assert outsider.content(NAME) == opened.read(NAME) == BETTER
        assert opened.owed() == []

    def test_a_full_disk_does_not_keep_it(self, opened, outsider, monkeypatch):
        real = shutil.copyfileobj
        failed = []

        def full(source, target, length):
            if not failed:
                failed.append(True)
                raise OSError(28, "No space left on device")
            real(source, target, length)

        monkeypatch.setattr(shutil, "copyfileobj", full)
        assert opened.save(NAME, BETTER).place is Place.IN_WORKSPACE
        assert failed
        assert outsider.content(NAME) == BETTER


def test_the_reason_is_reported_while_the_bucket_is_away(opened, outsider):
    opened.faults.add(Fault(operation="objects.get", action=AnswerWith(status=503), times=50))
    opened.file(NAME).write_bytes(b"{")
    opened.open(NAME)
    assert outsider.content(NAME) == GOOD
