"""Work on what others wrote: in child processes, with limits, few at once, with nothing of the machine's around it."""

import asyncio
import json
import logging
import os
import sys
import textwrap
from pathlib import Path

import hostile_notebooks as corpus
import pytest
from workspace_kit import WORKSPACE, parts_of, sources

from jupyter_terra_env.notebooks.sync import conflicts
from jupyter_terra_env.notebooks.untrusted import cage as cages
from jupyter_terra_env.notebooks.untrusted.cage import Cage, DeclinedError, Lane, NotDoneError
from jupyter_terra_env.notebooks.untrusted.limits import Death, Limits

MIB = 1 << 20
LIMITS = Limits(cpu_seconds=30, wall_seconds=60.0, memory_bytes=512 * MIB, output_bytes=16 * MIB)

JOBS = """
import os, resource, signal, sys, time

def facts(request, conversation):
    return {
        "pid": os.getpid(), "here": os.getcwd(), "entries": os.listdir("."), "home": os.path.expanduser("~"),
        "variables": sorted(os.environ), "path": sys.path, "isolated": sys.flags.isolated,
        "core": resource.getrlimit(resource.RLIMIT_CORE), "nice": os.nice(0),
    }

def spins(request, conversation):
    conversation.send({"pid": os.getpid()})
    while True:
        pass

def sleeps(request, conversation):
    conversation.send({"pid": os.getpid()})
    time.sleep(600)

def grows(request, conversation):
    return {"size": len(bytearray(request["bytes"]))}

def writes(request, conversation):
    with os.fdopen(conversation.files[-1], "wb") as file:
        for _ in range(request["mebibytes"]):
            file.write(bytes(1 << 20))
    return {}

def says_half(request, conversation):
    conversation._answers.sendall(b'{"half": ')
    os.kill(os.getpid(), signal.SIGKILL)

def crashes(request, conversation):
    os.kill(os.getpid(), signal.SIGSEGV)

def raises(request, conversation):
    raise ValueError("no")

def raises_late(request, conversation):
    while time.process_time() < 2.5:
        pass
    raise ValueError("no")

def asks(request, conversation):
    conversation.send({"number": 1})
    return {"number": conversation.receive()["number"] + 1}

def remembers(request, conversation):
    module = sys.modules[__name__]
    module.count = getattr(module, "count", 0) + 1
    return {"count": module.count}
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """A module of jobs for the cage's process; it finds packages where this says they are."""
    (tmp_path / "jobs_of_tests.py").write_text(textwrap.dedent(JOBS))
    usual = cages._folders_of_packages()
    monkeypatch.setattr(cages, "_folders_of_packages", lambda: [*usual, str(tmp_path)])


def caged(work):
    """Run a coroutine with a cage of its own."""

    async def inner():
        cage = Cage(logging.getLogger("test"))
        try:
            return await work(cage)
        finally:
            await cage.close()

    return asyncio.run(inner())


def done(cage, job, *contents, limits=LIMITS, lane=Lane.PREVIEWS, **request):
    return cage.run(f"jobs_of_tests:{job}", request, list(contents), limits, lane=lane)


def changed(**limits):
    return Limits(**{name: getattr(LIMITS, name) for name in LIMITS.__slots__} | limits)


def test_a_job_has_nothing_of_the_machine_around_it(jobs, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    monkeypatch.setenv("SOME_TOKEN", "secret")
    monkeypatch.chdir(tmp_path)

    async def work(cage):
        facts, _ = await done(cage, "facts")
        assert facts["pid"] not in {os.getpid(), cage.process.pid}
        assert facts["entries"] == []
        assert facts["home"] == facts["here"] != str(tmp_path)
        assert not {"PYTHONPATH", "SOME_TOKEN"} & set(facts["variables"])
        assert str(tmp_path / "path") not in facts["path"]
        assert "" not in facts["path"]
        assert facts["isolated"] == 1
        assert facts["core"] == [0, 0]
        return facts["here"]

    assert not Path(caged(work)).exists()


@pytest.mark.parametrize(
    ("job", "limits", "request_", "death"),
    [
        ("spins", {"cpu_seconds": 1}, {}, Death.CPU),
        ("sleeps", {"wall_seconds": 0.3}, {}, Death.TIME),
        ("grows", {}, {"bytes": 2048 * MIB}, Death.MEMORY),
        ("writes", {}, {"mebibytes": 17}, Death.OUTPUT),
        ("crashes", {}, {}, Death.CRASHED),
        ("says_half", {}, {}, Death.KILLED),
        ("raises_late", {}, {}, Death.CPU),
    ],
)
def test_each_limit_ends_a_job(jobs, job, limits, request_, death):
    async def work(cage):
        with pytest.raises(NotDoneError) as died:  # noqa: PT012 - until it is known
            async with cage.talk(
                f"jobs_of_tests:{job}", request_, [file_in_memory.fileno()], changed(**limits), lane=Lane.PREVIEWS
            ) as conversation:
                for _ in range(2):
                    await conversation.receive()
        assert died.value.death is death
        assert (await done(cage, "remembers"))[0] == {"count": 1}

    file_in_memory = cages.MemoryFile("test")
    caged(work)


def test_what_is_below_the_limits_is_done(jobs):
    async def work(cage):
        assert (await done(cage, "grows", bytes=100 * MIB))[0] == {"size": 100 * MIB}
        assert len((await done(cage, "writes", mebibytes=15))[1]) == 15 * MIB
        with pytest.raises(DeclinedError):
            await done(cage, "raises")

    caged(work)


def test_no_job_leaves_anything_to_the_next(jobs):
    async def work(cage):
        return [(await done(cage, "remembers"))[0]["count"] for _ in range(3)]

    assert caged(work) == [1, 1, 1]


def test_both_sides_can_talk(jobs):
    async def work(cage):
        async with cage.talk("jobs_of_tests:asks", {}, [], LIMITS, lane=Lane.PREVIEWS) as conversation:
            assert await conversation.receive() == {"number": 1}
            await conversation.send({"number": 5})
            return await conversation.receive()

    assert caged(work) == {"number": 6}


def ended(pid):
    """Whether a process is no more, or a zombie that no one has looked at yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # It may end between opening and reading.
        return True


async def until_ended(pid):
    async with asyncio.timeout(20):
        while not ended(pid):  # noqa: ASYNC110 - processes set no events
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("job", ["spins", "sleeps"])
def test_a_job_that_no_one_waits_for_is_killed(jobs, job):
    async def work(cage):
        async with cage.talk(f"jobs_of_tests:{job}", {}, [], LIMITS, lane=Lane.PREVIEWS) as conversation:
            pid = (await conversation.receive())["pid"]
        await until_ended(pid)

    caged(work)


def test_a_cancelled_request_kills_its_job(jobs):
    async def work(cage):
        pids = asyncio.Queue()

        async def ask():
            async with cage.talk("jobs_of_tests:spins", {}, [], LIMITS, lane=Lane.PREVIEWS) as conversation:
                pids.put_nowait((await conversation.receive())["pid"])
                await conversation.receive()

        task = asyncio.create_task(ask())
        pid = await pids.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_ended(pid)

    caged(work)


def test_jobs_end_with_the_server(jobs):
    async def work(cage):
        async with cage.talk("jobs_of_tests:spins", {}, [], LIMITS, lane=Lane.PREVIEWS) as conversation:
            pid = (await conversation.receive())["pid"]
            await cage.close()
            await until_ended(pid)
            with pytest.raises(NotDoneError):
                await conversation.receive()
            with pytest.raises(NotDoneError) as refused:
                await done(cage, "remembers")
            assert refused.value.death is Death.UNAVAILABLE
        return cage.process.returncode

    assert caged(work) == 0


def test_jobs_end_with_a_server_that_was_killed(jobs, tmp_path):
    program = f"""
    import asyncio, logging, os, signal, sys
    sys.path += {sys.path!r}
    from jupyter_terra_env.notebooks.untrusted import cage as cages
    from jupyter_terra_env.notebooks.untrusted.limits import Limits
    usual = cages._folders_of_packages()
    cages._folders_of_packages = lambda: [*usual, {str(tmp_path)!r}]
    async def work():
        cage = cages.Cage(logging.getLogger())
        limits = Limits(cpu_seconds=60, wall_seconds=120.0, memory_bytes=1 << 29, output_bytes=1 << 20)
        async with cage.talk("jobs_of_tests:spins", {{}}, [], limits, lane=cages.Lane.PREVIEWS) as conversation:
            print((await conversation.receive())["pid"], cage.process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    asyncio.run(work())
    """

    async def work():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(program), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        for pid in map(int, said.split()):
            await until_ended(pid)
        return len(said.split())

    assert asyncio.run(work()) == 2


def test_a_process_that_was_killed_is_started_again(jobs):
    async def work(cage):
        await done(cage, "remembers")
        old = cage.process
        old.kill()
        old.wait()
        assert (await done(cage, "remembers"))[0] == {"count": 1}
        assert cage.process.pid != old.pid

    caged(work)


def test_few_jobs_run_at_once_and_few_wait(jobs):
    async def work(cage):
        queue = cages.QUEUES[Lane.PREVIEWS]
        running = []

        async def ask():
            async with cage.talk("jobs_of_tests:sleeps", {}, [], LIMITS, lane=Lane.PREVIEWS) as conversation:
                running.append((await conversation.receive())["pid"])
                await conversation.receive()

        tasks = [asyncio.create_task(ask()) for _ in range(queue.at_once + queue.waiting)]
        async with asyncio.timeout(30):
            while len(running) < queue.at_once:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with pytest.raises(NotDoneError) as refused:
            await done(cage, "remembers")
        assert refused.value.death is Death.BUSY
        assert len(running) == queue.at_once
        # Jobs of another kind wait for none of these.
        assert (await done(cage, "remembers", lane=Lane.NOTEBOOKS))[0] == {"count": 1}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await done(cage, "remembers"))[0] == {"count": 1}

    caged(work)


# In a server


@pytest.fixture
def cage(jp_serverapp):
    return parts_of(jp_serverapp).cage


async def parted(bucket, contents, base, mine, theirs):
    bucket.put("notebooks/a.ipynb", base)
    await contents.open("a.ipynb")
    bucket.put("notebooks/a.ipynb", theirs)
    saved = await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": mine})
    assert saved.code == 409


async def looked(api):
    return await api("GET", "conflict", base="terra-env", path=f"{WORKSPACE}/edit/a.ipynb")


async def resolved(api, action):
    return await api("POST", "resolve", base="terra-env", body={"path": f"{WORKSPACE}/edit/a.ipynb", "action": action})


async def test_a_merge_that_takes_too_much_is_refused_and_said(bucket, contents, api, jp_serverapp, cage, monkeypatch):
    little = changed(cpu_seconds=1, wall_seconds=100.0)
    monkeypatch.setattr(conflicts, "LOOKING", little)
    monkeypatch.setattr(conflicts, "ASKED_FOR", little)
    base, mine, theirs = (corpus.alike(160, word) for word in ("base", "mine", "theirs"))
    await parted(bucket, contents, base, json.loads(mine), theirs)
    seen = await looked(api)
    assert seen.code == 200
    assert (seen.model["can_merge"], seen.model["not_merged"]) == (False, "too-demanding")
    assert len(seen.model["theirs"]["cells"]) == 160
    refused = await resolved(api, "merge")
    assert (refused.code, refused.reason) == (409, "too-demanding")
    assert bucket.get("a.ipynb").content == theirs
    assert (await resolved(api, "keep-both")).code == 200


async def test_nothing_is_merged_in_the_server(bucket, contents, api, jp_serverapp, cage):
    bucket.put_notebook("a.ipynb", "1", "2")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "1", "2 theirs")
    assert (await contents.save("a.ipynb", "1 mine", "2")).code == 409
    queue = cages.QUEUES[Lane.COMPARISONS]
    cage._jobs[Lane.COMPARISONS] = queue.at_once + queue.waiting
    seen = await looked(api)
    assert (seen.code, seen.model["mine"], seen.model["not_shown"]) == (200, None, "reader-failed")
    assert seen.model["not_merged"] == "reader-failed"
    cage._jobs[Lane.COMPARISONS] = 0
    seen = (await looked(api)).model
    assert (seen["can_merge"], seen["not_merged"], seen["not_shown"]) == (True, None, None)
    assert sources(seen["merged"]) == ["1 mine", "2 theirs"]


def packed_object(bucket, content):
    blob = bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb")
    blob.content_encoding = "gzip"
    blob.upload_from_string(content)


async def test_a_bomb_in_a_conflict_is_not_unpacked(bucket, contents, api, jp_serverapp):
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    packed_object(bucket, corpus.bomb(60 << 20))
    assert (await contents.save("a.ipynb", "mine")).code == 409
    seen = await looked(api)
    assert (seen.code, seen.model["too_large"], seen.model["not_shown"]) == (200, True, "too-large")
    assert (seen.model["theirs"], seen.model["is_deleted"]) == (None, False)


async def test_a_bomb_is_neither_opened_nor_downloaded_nor_left_on_the_disk(bucket, contents, api, edit, jp_serverapp):
    packed_object(bucket, corpus.bomb(200 << 20))
    assert (await contents.open("a.ipynb")).code == 503
    path = f"{WORKSPACE}/edit/a.ipynb"
    assert (await api("GET", path, base="files")).code == 503
    assert (await contents.open("a.ipynb", type="file")).code in {413, 503}
    assert list(edit.iterdir()) == []


async def test_a_notebook_whose_check_takes_too_long_is_opened_unchecked(bucket, contents, cage, jp_serverapp):
    bucket.put("notebooks/a.ipynb", corpus.tags(3_000))
    opened = await contents.open("a.ipynb")
    assert opened.code == 200
    assert "within 3 seconds" in opened.model["message"]
    assert cage.process is not None
    saved = await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": opened.model["content"]})
    assert saved.code == 200
    assert "within 3 seconds" in saved.model["message"]


async def test_extensions_that_read_it_do_not_check_it_in_the_server(bucket, contents, cage, jp_serverapp):
    bucket.put("notebooks/a.ipynb", corpus.tags(3_000))
    manager = jp_serverapp.contents_manager
    before = manager.converter.converted
    model = await manager.get(f"{WORKSPACE}/edit/a.ipynb")
    assert "within 3 seconds" in model["message"]
    assert manager.converter.converted == before + 1


@pytest.mark.parametrize("minor", range(6))
async def test_ordinary_notebooks_need_no_other_process(bucket, contents, cage, jp_serverapp, minor):
    picture = corpus.shown({"image/png": "AAAA\n", "text/plain": ["<a>"]}, {"image/png": {"width": 3}})
    result = {**corpus.shown({"application/json": {"a": [1]}, "text/html": "a"}), "output_type": "execute_result"}
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}
    cells = [
        corpus.code(["a\n", "b"], corpus.stream(["a\n", "b"]), picture, {**result, "execution_count": 1}, error),
        corpus.markdown("![a](attachment:a)", attachments={"a": {"image/png": "AAAA"}}, metadata={"tags": ["a", "b"]}),
        corpus.markdown("raw", cell_type="raw", metadata={"format": "text/html", "jupyter": {"source_hidden": True}}),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"id-{number}"
        if minor < 5:
            del cell["id"]
    content = json.loads(corpus.text_of(*cells, kernelspec={"name": "python3", "display_name": "Python"}))
    bucket.put("notebooks/a.ipynb", json.dumps({**content, "nbformat_minor": minor}))
    opened = await contents.open("a.ipynb")
    assert (opened.code, opened.model.get("message")) == (200, None)
    saved = await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": opened.model["content"]})
    assert (saved.code, saved.model.get("message")) == (200, None)
    assert cage.process is None


@pytest.mark.parametrize("levels", [900, 50_000])
async def test_deep_json_is_opened_or_refused(bucket, contents, jp_serverapp, levels):
    bucket.put("notebooks/a.ipynb", corpus.deep(levels))
    assert (await contents.open("a.ipynb")).code in {200, 400}


async def test_a_child_that_dies_of_a_save_keeps_it_from_being_saved(contents, edit, jp_serverapp, cage, monkeypatch):
    from jupyter_terra_env.server.contents.large_notebooks import converter

    usual = converter.limits_for
    monkeypatch.setattr(converter, "limits_for", lambda size: changed(cpu_seconds=1, wall_seconds=100.0))
    nb = json.loads(corpus.tags(20_000))
    refused = await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": nb})
    assert (refused.code, refused.reason) == (413, "not-saved-too-demanding")
    assert "was not saved" in refused.message
    assert list(edit.iterdir()) == []
    monkeypatch.setattr(converter, "limits_for", usual)
