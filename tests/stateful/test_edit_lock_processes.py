"""Eight processes on one bucket, killed at random, and an independent check of what the bucket holds in the end.

About 10 s on two cores. The bucket's clock runs sixty times as fast as the machine's, so that the locks of the dead
expire while the others go on; the times of a lock are the real ones.
"""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from environments import BUCKET, Outsider, directory_in_memory
from lock_kit import WRITER_KEY, account, check_account, keep_account
from lock_worker import NAMES, SPEED, FastTime

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.rules.edit_lock import ALLOWANCE_MS, TTL_MS

PROCESSES = 8
ROUNDS = int(os.environ.get("LOCK_ROUNDS", "200"))
KILLS = 16
HERE = Path(__file__).parent
CLOCK_MS = 500
"""How far the bucket's whole seconds let a well-behaved clock be off."""


class Crowd:
    """The processes, each started again as a new environment when it is killed."""

    def __init__(self, directory, started_at):
        self.directory, self.started_at, self.time = directory, started_at, FastTime(started_at)
        self.lives = [0] * PROCESSES
        self.running = {}
        self.deaths = {}
        for index in range(PROCESSES):
            self.start(index)

    def notes_of(self, index):
        file = self.directory / f"notes-{index}"
        lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
        return [json.loads(line) for line in lines]

    def rounds_of(self, index):
        return sum(note["what"] == "round" for note in self.notes_of(index))

    def is_at_work(self, index):
        life = f"{index}.{self.lives[index]}"
        return self.running[index].poll() is None and any(note["environment"] == life for note in self.notes_of(index))

    def holds(self, index):
        acts = [note["what"] for note in self.notes_of(index) if note["what"] != "round"]
        return bool(acts) and acts[-1] in {"acquired", "saved"}

    def start(self, index):
        self.lives[index] += 1
        arguments = [self.directory / DATABASE_NAME, index, self.lives[index], self.rounds_of(index), ROUNDS]
        arguments += [self.started_at, self.directory / f"notes-{index}"]
        self.running[index] = subprocess.Popen(
            [sys.executable, HERE / "lock_worker.py", *map(str, arguments)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(HERE.parent / "kits"), os.environ.get("PYTHONPATH", "")]),
            },
        )

    def kill(self, index):
        process = self.running[index]
        if process.poll() is None:
            process.kill()
            process.wait(20)
            self.deaths[f"{index}.{self.lives[index]}"] = self.time.ms
            self.start(index)

    def end(self):
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
            process.wait(20)


@pytest.mark.timeout(180)
def test_only_holders_write_and_no_lock_outlives_its_holder():
    with directory_in_memory() as directory:
        started_at = time.time()
        with EmbeddedBucket(directory / DATABASE_NAME, clock=FastTime(started_at)) as engine:
            outsider = Outsider(engine)
            outsider.keep_history()
            keep_account(directory / DATABASE_NAME)
            for name in NAMES:
                outsider.bucket.blob(name).upload_from_string(b"{}", content_type="application/x-ipynb+json")
            crowd = Crowd(directory, started_at)
            try:
                kill_at_random(crowd)
                codes = [process.wait(120) for process in crowd.running.values()]
            finally:
                crowd.end()
            assert codes == [0] * PROCESSES
            notes = [note for index in range(PROCESSES) for note in crowd.notes_of(index)]
            died_holding = check(outsider, directory / DATABASE_NAME, notes, crowd.deaths)
            print(f"\n{time.time() - started_at:.1f} s, {summary(notes, crowd.deaths)}, {died_holding} with a lock")  # noqa: T201
            assert died_holding > 0
            outsider.close()


def kill_at_random(crowd):
    """Kill processes that are at work, spread over the rounds."""
    chance = random.Random(7)
    while len(crowd.deaths) < KILLS:
        time.sleep(chance.uniform(0.05, 0.3))
        if all(process.poll() is not None for process in crowd.running.values()):
            break
        working = [index for index in crowd.running if crowd.is_at_work(index)]
        holding = [index for index in working if crowd.holds(index)]
        if working:
            crowd.kill(chance.choice(holding or working))


def check(outsider, database, notes, deaths):
    """Nothing here uses the code under test but the reading of a record.

    Returns:
        How many died with a live lock.
    """
    took_over = {note["environment"] for note in notes if note["what"] == "takes over"}
    accounts = {name: account(database, name) for name in NAMES}
    for entries in accounts.values():
        check_account(entries, took_over)
    acknowledged = {
        (note["name"], note["generation"], note["environment"], note["mark"])
        for note in notes
        if note["what"] == "saved"
    }
    assert acknowledged <= content_versions(outsider, accounts)
    assert sorted(note["number"] for note in notes if note["what"] == "round") == sorted([*range(ROUNDS)] * PROCESSES)
    return check_deaths(accounts, notes, deaths)


def content_versions(outsider, accounts):
    """What the bucket's versions say of themselves, agreeing with each other and with the locks they carried."""
    found = set()
    for name, entries in accounts.items():
        previous = None
        versions = sorted(outsider.client.list_blobs(BUCKET, prefix=name, versions=True), key=lambda v: v.generation)
        for version in versions:
            content = json.loads(outsider.bucket.blob(name, generation=version.generation).download_as_bytes())
            if previous is not None:
                owner, environment, mark = content["writer"].split("/")
                made = next(entry for entry in entries if entry.generation == version.generation)
                assert version.metadata[WRITER_KEY] == made.metadata[WRITER_KEY] == content["writer"]
                assert (made.lock.holder.owner, made.lock.holder.environment) == (owner, environment)
                assert made.lock.expires_at_ms > made.at_ms
                assert content["over"] == previous
                found.add((name, version.generation, environment, int(mark)))
            previous = version.generation
    return found


def check_deaths(accounts, notes, deaths):
    for note in notes:
        if note["what"] == "refused":
            # No one is refused because of a lock that was over when the asking began.
            assert note["at"] < note["until"] + ALLOWANCE_MS + CLOCK_MS, note
        died_at = deaths.get(note.get("by"))
        if died_at is not None:
            assert note["at"] < died_at + TTL_MS + ALLOWANCE_MS + 2 * CLOCK_MS, (note, died_at)
    died_holding = set()
    for entries in accounts.values():
        for entry, following in itertools.zip_longest(entries, entries[1:]):
            died_at = deaths.get(entry.lock.holder.environment) if entry.lock else None
            if died_at is not None:
                assert entry.at_ms <= died_at
                assert entry.lock.expires_at_ms <= died_at + TTL_MS + CLOCK_MS
                if entry.lock.expires_at_ms > died_at and (following is None or following.at_ms > died_at):
                    died_holding.add(entry.lock.holder)
    return len(died_holding)


def summary(notes, deaths):
    counts = {}
    for note in notes:
        counts[note["what"]] = counts.get(note["what"], 0) + 1
    return f"{counts}, killed {len(deaths)}, clock {SPEED} times as fast"
