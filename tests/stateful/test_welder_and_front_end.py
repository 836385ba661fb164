"""Two environments on one bucket, one driven by Welder's API alone, one by our front end's calls, and its account.

Half a minute each. ``WELDER_ROUNDS=2000`` makes it a long run. The account is the bucket's own; it is held against the
promises of the edit lock by the checker that knows nothing of the code under test (``lock_kit.check_account``).
"""

import json
import os
import random
import threading
import time
from dataclasses import replace

import pytest
import requests
from environments import BUCKET, Outsider, directory_in_memory
from lock_kit import OVER_KEY, WRITER_KEY, account, check_account, keep_account
from machines import free_port
from real_server import RealServer

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.rules.edit_lock import owner_hash

ROUNDS = int(os.environ.get("WELDER_ROUNDS", "16"))
NAMES = [f"{number}.ipynb" for number in range(max(6, ROUNDS // 20))]
EDIT = "Terra/edit"
CLOUD = f"gs://{BUCKET}/notebooks"


def notebook(mark, over):
    cell = {"cell_type": "code", "id": "a", "execution_count": None, "metadata": {}, "outputs": []}
    cell["source"] = json.dumps({"mark": mark, "over": over})
    return {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def said_in(content):
    """What a notebook says of itself: its mark, and that of the version it was made from."""
    return json.loads("".join(content["cells"][0]["source"]))


class Environment:
    """A server with a disk of its own, and who uses it."""

    def __init__(self, name, home, url, email):
        self.name, self.home, self.url, self.email = name, home, url, email
        self.chance = random.Random(name)
        self.acknowledged, self.refused, self.marks = [], 0, 0
        self.start()

    def start(self):
        self.port = free_port()
        self.server = RealServer(
            self.home,
            "--ServerApp.contents_manager_class=jupyter_terra_env.server.contents.TerraContentsManager",
            f"--TerraEnvApp.welder_port={self.port}",
            "--TerraEnvApp.pace_seconds=0",
            "--TerraEnvApp.listing_max_age_seconds=0",
            STORAGE_EMULATOR_HOST=self.url,
            OWNER_EMAIL=self.email,
        ).wait_until_it_serves()
        self.welder(
            "storageLinks", {"localBaseDirectory": EDIT, "cloudStorageDirectory": CLOUD, "pattern": r".*\.ipynb"}
        )

    def die(self):
        self.server.kill()
        self.start()

    def welder(self, path, body):
        return requests.post(f"http://127.0.0.1:{self.port}/{path}", json=body, timeout=60)

    @property
    def holder(self):
        """Owner and environment, as records of the edit lock say them."""
        identity = (self.home / "root/.jupyter-terra-env/environment-id").read_text(encoding="utf-8").strip()
        return f"{owner_hash(BUCKET, self.email)}/{identity}"

    def next_mark(self):
        self.marks += 1
        return f"{self.name}-{self.marks}"

    def note(self, name, mark, is_saved):
        if is_saved:
            self.acknowledged.append((name, mark))
        else:
            self.refused += 1

    # Each act opens a notebook, and saves it if it may.

    def as_terra_ui(self, name):
        path = f"{EDIT}/{name}"
        file = self.home / "root" / path
        if self.chance.random() < 0.8 and self.welder("objects/lock", {"localPath": path}).status_code != 204:
            self.refused += 1
            return
        entry = {"sourceUri": f"{CLOUD}/{name}", "localDestinationPath": path}
        if self.welder("objects", {"action": "localize", "entries": [entry]}).status_code != 204:
            return
        for _ in range(self.chance.randrange(1, 3)):
            mark = self.next_mark()
            file.write_text(json.dumps(notebook(mark, said_in(json.loads(file.read_text()))["mark"])))
            saved = self.welder("objects", {"action": "safeDelocalize", "localPath": path})
            assert saved.status_code in {204, 412, 500}, saved.text
            self.note(name, mark, saved.status_code == 204)
            if saved.status_code != 204:
                return

    def as_front_end(self, name):
        path = f"{EDIT}/{name}"
        opened = self.server.ask("GET", f"api/contents/{path}?content=1").json()
        if opened["terra"]["lock"]["state"] == "held-elsewhere" and self.chance.random() < 0.5:
            self.server.ask("POST", "terra-env/lock", {"path": path, "action": "take-over"})
            opened = self.server.ask("GET", f"api/contents/{path}?content=1").json()
        if opened["terra"]["lock"]["state"] != "held":
            self.refused += 1
            return
        over = said_in(opened["content"])["mark"]
        for _ in range(self.chance.randrange(1, 3)):
            mark = self.next_mark()
            model = {"type": "notebook", "format": "json", "content": notebook(mark, over)}
            saved = self.server.ask("PUT", f"api/contents/{path}", model)
            place = saved.json()["terra"]["place"] if saved.ok else None
            while place == "uploading":
                time.sleep(0.05)
                place = self.server.ask("GET", f"terra-env/status?path={path}").json()["place"]
            is_saved = place == "in-workspace"
            self.note(name, mark, is_saved)
            over = mark
            if not is_saved:
                self.server.ask("POST", "terra-env/open-workspace-version", {"path": path})
                return
        if self.chance.random() < 0.5:
            self.server.ask("POST", "terra-env/lock", {"path": path, "action": "release"})


def use(environment, act, deaths):
    for number in range(ROUNDS):
        if number in deaths:
            environment.die()
        act(environment.chance.choice(NAMES))


def check(outsider, database, acknowledged, by_name, took_over):
    """Every version was made from the one before, by who held the lock; what was acknowledged is there.

    Args:
        outsider: reads the bucket.
        database: the bucket's own account of locks and versions.
        acknowledged: names and marks of the saves that an environment was told are in the bucket.
        by_name: how records of the lock name each environment.
        took_over: environments that took over from another of the same person.
    """
    stored = set()
    for name in NAMES:
        said = {generation: said_in(json.loads(content)) for generation, content in outsider.history(name).items()}
        stored |= {(name, words["mark"]) for words in said.values()}
        newest = {said[min(said)]["mark"]: min(said)}
        entries, before = [], None
        for entry in account(database, f"notebooks/{name}"):
            words, marked = said[entry.generation], entry
            if before is not None and entry.is_upload:
                writer, over = by_name.get(words["mark"].partition("-")[0]), newest.get(words["over"])
                if words == said[before.generation] and entry.lock is not None:
                    # The same content again, so that an upload whose outcome is not known cannot land any more.
                    writer, over = f"{entry.lock.holder.owner}/{entry.lock.holder.environment}", before.generation
                marks = {WRITER_KEY: f"{writer}/", OVER_KEY: f"{over}/{before.metageneration}"}
                marked = replace(entry, metadata={**entry.metadata, **marks})
            newest[words["mark"]] = entry.generation
            entries.append(marked)
            before = entry
        check_account(entries, took_over)
    assert not acknowledged - stored


@pytest.mark.timeout(120 + 2 * ROUNDS)
@pytest.mark.parametrize("other", ["ada@example.org", "paul@example.org"], ids=["one person", "two people"])
def test_only_the_holder_writes_and_only_over_what_it_has_seen(tmp_path, other):
    with directory_in_memory() as directory, EmbeddedBucket(directory / DATABASE_NAME) as engine:
        outsider = Outsider(engine)
        outsider.keep_history()
        for name in NAMES:
            outsider.put(name, json.dumps(notebook("seed", None)))
        keep_account(directory / DATABASE_NAME)
        with EmbeddedServer(engine) as front:
            by_welder = Environment("welder", tmp_path / "welder", front.url, "ada@example.org")
            by_front_end = Environment("front", tmp_path / "front", front.url, other)
            both = [by_welder, by_front_end]
            failures = []

            def run(environment, act, deaths):
                try:
                    use(environment, act, deaths)
                except BaseException as error:
                    failures.append(error)
                    raise

            threads = [
                threading.Thread(target=run, args=(by_welder, by_welder.as_terra_ui, {ROUNDS // 2})),
                threading.Thread(target=run, args=(by_front_end, by_front_end.as_front_end, set())),
            ]
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert not failures
                may_take_over = both if by_welder.email == other else []
                took_over = {environment.holder.partition("/")[2] for environment in may_take_over}
                acknowledged = {saved for environment in both for saved in environment.acknowledged}
                assert {mark.partition("-")[0] for _, mark in acknowledged} == {"welder", "front"}
                by_name = {environment.name: environment.holder for environment in both}
                check(outsider, directory / DATABASE_NAME, acknowledged, by_name, took_over)
                # An account in which each wrote what the other did is not a good one.
                swapped = dict(zip(by_name, reversed(by_name.values()), strict=True))
                with pytest.raises(AssertionError):
                    check(outsider, directory / DATABASE_NAME, acknowledged, swapped, took_over)
            finally:
                for environment in both:
                    environment.server.kill()
                outsider.close()
