"""The first run of a move and each later one take the same steps: none leaves a move that nothing continues."""

import asyncio
import shutil

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.notebooks.moves.aside import Aside
from jupyter_terra_env.rules.errors import BucketRefused

MOVE, DELETE, LIST = "objects.move", "objects.delete", "objects.list"


@pytest.fixture
def environment_settings():
    return {"pause_seconds": 0.05}


def answer(env, operation, status):
    env.faults.add(Fault(operation=operation, action=AnswerWith(status=status), times=1000))


def test_moving_back_is_continued_when_the_bucket_goes_away_within_a_background_run(env, outsider):
    env.save("deep/a.ipynb", b"mine")
    with env.dead_within("end"), pytest.raises(asyncio.CancelledError):
        env.rename_folder("deep", "new/place")
    env.restart()
    shutil.rmtree(env.file("new"), ignore_errors=True)
    env.file("new").write_bytes(b"a file: the disk refuses to rename the folder")
    answer(env, LIST, 503)
    env.recover()
    env.faults.clear()
    answer(env, MOVE, 503)
    env.run(until(lambda: MOVE in env.operations))
    env.faults.clear()
    env.run(until(lambda: not env.begun()))
    assert (outsider.names(), env.read("deep/a.ipynb")) == (["deep/a.ipynb"], b"mine")


def test_a_deletion_whose_files_the_disk_does_not_put_back_is_continued(env, outsider, monkeypatch):
    env.save("a.ipynb", b"mine")
    answer(env, DELETE, 403)
    bring_back, failures = Aside.bring_back, [OSError(5, "Input/output error")]

    def fails_once(aside, only=None):
        if failures:
            raise failures.pop()
        bring_back(aside, only)

    monkeypatch.setattr(Aside, "bring_back", fails_once)
    with pytest.raises(OSError, match="Input/output error"):
        env.delete("a.ipynb")
    env.run(until(lambda: not env.begun()))
    assert (outsider.names(), env.read("a.ipynb")) == (["a.ipynb"], b"mine")


def test_a_file_that_cannot_go_back_to_its_place_ends_an_out_move_all_the_same(env, outsider, monkeypatch):
    env.save("a.ipynb", b"mine")
    answer(env, DELETE, 403)
    objects = env.executor.objects

    async def saved_meanwhile(move, steps):
        env.file("a.ipynb").write_bytes(b"written meanwhile")
        return await objects(move, steps)

    monkeypatch.setattr(env.executor, "objects", saved_meanwhile)
    with pytest.raises(BucketRefused):
        env.rename("a.ipynb", "/ws/playground/a.ipynb")
    assert (outsider.names(), env.begun()) == (["a.ipynb"], [])
    assert (env.read("a.ipynb"), env.read("a.ipynb", "playground")) == (b"written meanwhile", b"mine")
