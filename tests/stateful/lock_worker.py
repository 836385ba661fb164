"""A process that takes part: acquires, saves, releases at random, notes what came of it, and may be killed any time."""

import contextlib
import json
import os
import random
import sys
import time
from datetime import timedelta
from pathlib import Path

from lock_kit import START, Party

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.rules.errors import BucketUnavailable, LockHeldElsewhere, WorkspaceConflict

NAMES = [f"notebooks/{number}.ipynb" for number in range(4)]
SPEED = 60
"""The bucket's clock runs this much faster than the machine's, so that three minutes are three seconds."""
_EPOCH_MS = int(START.timestamp() * 1000)


class FastTime:
    """The bucket's clock, the same in every process."""

    def __init__(self, started_at):
        self._started_at = started_at

    def __call__(self):
        return START + timedelta(seconds=(time.time() - self._started_at) * SPEED)

    @property
    def ms(self):
        return _EPOCH_MS + int((time.time() - self._started_at) * SPEED * 1000)


class Worker:
    """One life of one person's environment."""

    def __init__(self, party, bucket_time, chance, notes):
        self.party, self.time, self.chance, self.notes = party, bucket_time, chance, notes
        self.version = None

    def note(self, what, name, **more):
        # One unbuffered line: what was written survives kill -9.
        line = {"what": what, "name": name, "environment": self.party.environment, **more}
        os.write(self.notes, json.dumps(line).encode() + b"\n")

    def round(self, number):
        if self.version is None:
            self.take(self.chance.choice(NAMES))
            return
        dice = self.chance.random()
        if dice < 0.6:
            self.save(number)
        elif dice < 0.75:
            self.take(self.version.name, "acquire")
        else:
            self.release()

    def take(self, name, verb=None):
        verb = verb or self.chance.choice(["acquire", "acquire", "take_over"])
        began_ms = self.time.ms
        if verb == "take_over":
            self.note("takes over", name)
        try:
            self.version = getattr(self.party, verb)(name).version
        except LockHeldElsewhere as refusal:
            self.version = None
            by = refusal.lock.holder.environment
            self.note("refused", name, at=began_ms, by=by, until=refusal.lock.expires_at_ms)
            # Others work; their requests are not to wait for ours in vain.
            time.sleep(self.chance.uniform(0, 0.03))
        else:
            self.note("acquired", name, at=began_ms)

    def save(self, number):
        try:
            self.version = self.party.save(self.version, number)
        except (LockHeldElsewhere, WorkspaceConflict):
            self.note("lost", self.version.name, at=self.time.ms)
            self.version = None
        else:
            self.note("saved", self.version.name, mark=number, generation=self.version.generation)

    def release(self):
        name, self.version = self.version.name, None
        self.party.release(name)
        self.note("released", name)


def main(database, index, life, rounds, started_at, notes):
    chance = random.Random(f"{index}/{life}")
    bucket_time = FastTime(started_at)
    off_ms, rate = (index - 4) * 3_600_000, 1 + (index - 4) * 0.00005

    def local_ms():
        return off_ms + _EPOCH_MS + int((bucket_time.ms - _EPOCH_MS) * rate)

    with EmbeddedBucket(Path(database), clock=bucket_time) as engine:
        party = Party(engine, f"p{index}@example.org", f"{index}.{life}", local_ms)
        worker = Worker(party, bucket_time, chance, os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
        for number in rounds:
            with contextlib.suppress(BucketUnavailable):
                worker.round(number)
            worker.note("round", "", number=number)
        party.close()


if __name__ == "__main__":
    where, who, which, begin, end, since, file = sys.argv[1:]
    main(where, int(who), int(which), range(int(begin), int(end)), float(since), file)
