"""Many editors on one bucket, with faults on both sides, and an independent account of what came of it.

    python tests/stateful/soak.py --editors 200 --seconds 300 --also programs,second-server

Each save holds an id of its own and the id of what was on the screen before. In the end the newest acknowledged save of
each working copy is on its author's disk or in the bucket's history, and each version of an object descends from the
one before it: no one's work was replaced by someone who had not seen it. What is reported as in the workspace is in its
history, and what is not told so is kept back by another person's version or lock.

What else may happen is chosen by ``--also``:

    programs        programs write whole notebooks into working copies, by renaming over them
    in-place        likewise, into the file as it is: whoever reads meanwhile may read half
    second-server   another server of the same person works on every third disk, with the same notebooks
    snapshots       a disk goes back to an earlier state, with its journal, while no server runs on it

What a program wrote counts like a save from then on, although no one acknowledged it: it is on a disk, or in the
bucket, or something that descends from it is. What a disk held after its snapshot is lost with it, unless the bucket
has it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "kits"))

from environments import Environment, Outsider, directory_in_memory  # noqa: E402
from soak_account import check  # noqa: E402

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket  # noqa: E402
from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Delay, Fault, ResetConnection  # noqa: E402
from jupyter_terra_env.notebooks.storage.folder_turns import turn_in  # noqa: E402
from jupyter_terra_env.notebooks.storage.working_copies import ChangedMeanwhile  # noqa: E402
from jupyter_terra_env.notebooks.sync.resolution import Resolution  # noqa: E402
from jupyter_terra_env.rules.errors import (  # noqa: E402
    BucketError,
    LockHeldElsewhere,
    ObjectNotFound,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place  # noqa: E402

PROCESSES = 4
ALSO = ("programs", "in-place", "second-server", "snapshots")
REFUSALS = (BucketError, LockHeldElsewhere, ObjectNotFound, OperationRefused, WorkspaceConflict)
OPERATIONS = ["objects.insert", "objects.patch", "objects.get", "objects.download", "*"]
_SETTLE_SECONDS = 60.0


class Machine:
    """What the servers on one disk run on: they act side by side, and all stop before the disk goes back."""

    def __init__(self):
        self.editors = []
        self.snapshot = None
        self._acting = 0
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def running(self):
        """Within it, the disk does not go back."""
        async with self._changed:
            self._acting += 1
        try:
            yield
        finally:
            async with self._changed:
                self._acting -= 1
                self._changed.notify_all()

    @contextlib.asynccontextmanager
    async def stopped(self):
        """Within it, no one acts on this disk."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._acting == 0)
            yield


class Editor:
    """One person at a server, who does something every now and then."""

    def __init__(self, env, names, chance, note, machine, *, also=(), series=""):
        self.env, self.names, self.chance, self.note, self.series = env, names, chance, note, series
        self.machine = machine
        self.machine.editors.append(self)
        self.number = 0
        self.on_screen = {}
        self.acts = {
            self.open: 25,
            self.save: 50,
            self.close: 8,
            self.way_out: 6,
            self.trouble: 8,
            self.play: 3,
            self.die: 1,
        }
        more = {"programs": (self.program, 8), "in-place": (self.program_in_place, 4), "snapshots": (self.go_back, 2)}
        self.acts |= dict(more[name] for name in also if name in more)

    async def live(self, until):
        while time.time() < until:
            act = self.chance.choices(list(self.acts), weights=list(self.acts.values()))[0]
            with contextlib.suppress(*REFUSALS):
                async with self.machine.stopped() if act == self.go_back else self.machine.running():
                    await act()
            await asyncio.sleep(self.chance.uniform(0.0, 1.0))

    async def open(self, name=None):
        name = name or self.chance.choice(self.names)
        try:
            opened = await self.env.localizer.open(self.env.at(name))
        except ObjectNotFound:
            self.on_screen[name] = None  # A new notebook.
            return
        self.note("opens")
        if opened.read_only:
            self.on_screen.pop(name, None)
            return
        content = self.env.read(name)
        self.on_screen[name] = None if content is None else json.loads(content)["id"]

    async def save(self):
        if not self.on_screen:
            await self.open()
            return
        name = self.chance.choice(list(self.on_screen))
        # As JupyterLab does: what is on the disk must be what is on the screen, or the person is asked.
        seen = await self.env.copies.digest(self.env.file(name))
        if self.on_the_disk(name) != self.on_screen[name]:
            await self.open_again(name)
            return
        saved = self.next_id()
        content = {"id": saved, "over": self.on_screen[name]}
        try:
            await self.env.storage.save(self.env.at(name), json.dumps(content).encode(), replaces=seen)
        except ChangedMeanwhile:
            await self.open_again(name)
            return
        # The answer: from here on it must not be lost.
        self.note("saves", editor=self.env.name, name=name, **content)
        self.on_screen[name] = saved
        payer = self.env.delocalizer.start(self.env.at(name))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(payer.result(payer.retry_now()), self.chance.choice([0.0, 0.3, 2.0]) or 0.001)

    def next_id(self, by=""):
        self.number += 1
        return f"{self.env.name}/{self.series}{by}{self.number}"

    def on_the_disk(self, name):
        content = self.env.read(name)
        try:
            return None if content is None else json.loads(content)["id"]
        except ValueError:
            return "half of one"

    async def open_again(self, name):
        self.on_screen.pop(name, None)
        await self.open(name)

    async def program(self, *, in_place=False):
        """A formatter, Git, or a script: reads a working copy, and writes another one."""
        name = self.chance.choice(self.names)
        file = self.env.file(name)
        # What comes between a program's own reading and writing is what the program has replaced unseen, not a server.
        with turn_in(file.parent):
            before = self.on_the_disk(name)
            if before in {None, "half of one"}:
                return
            content = {"id": self.next_id("program "), "over": before}
            if in_place:
                file.write_text(json.dumps(content))
            else:
                other = file.with_name(f".{name}.new")
                other.write_text(json.dumps(content))
                other.replace(file)
        self.note("saves", editor=self.env.name, name=name, **content)
        self.note("programs")

    async def program_in_place(self):
        await self.program(in_place=True)

    async def go_back(self):
        """A disk is kept as it is, or goes back to how it was kept, while no server runs on it."""
        disk, machine = self.env.root, self.machine
        kept = disk.with_name(f"{disk.name}.snapshot")
        for editor in machine.editors:
            await editor.die(starts_again=False)
        if machine.snapshot is None:
            shutil.copytree(disk, kept)
            machine.snapshot = kept
        else:
            shutil.rmtree(disk)
            kept.rename(disk)
            machine.snapshot = None
            self.note("goes back", editor=self.env.name)
        for editor in machine.editors:
            editor.start_again()

    async def close(self):
        if self.on_screen:
            name = self.chance.choice(list(self.on_screen))
            del self.on_screen[name]
            await self.env.locks.release(self.env.at(name), unless=lambda: False)

    async def way_out(self):
        for name in self.names:
            location = self.env.at(name)
            with contextlib.suppress(ObjectNotFound):
                if (await self.env.delocalizer.current_status(location)).place is not Place.CONFLICT:
                    continue
                way_out = self.chance.choice([Resolution.KEEP_BOTH, Resolution.TAKE_THEIRS, Resolution.REPLACE_THEIRS])
                sides = await self.env.conflicts.look(location)
                if way_out is Resolution.REPLACE_THEIRS:
                    mine, theirs = (side and json.loads(side)["id"] for side in (sides.mine, sides.theirs))
                    self.note("replaces", editor=self.env.name, name=name, id=mine, over=theirs)
                await self.env.conflicts.resolve(location, way_out, content=None, theirs_version=sides.theirs_version)
                self.note("ways out")
                self.on_screen.pop(name, None)
                return

    async def trouble(self):
        action = self.chance.choice(
            [ResetConnection(), AnswerWith(status=503), AnswerWith(status=429), Delay(seconds=0.5)]
        )
        self.env.faults.add(
            Fault(
                operation=self.chance.choice(OPERATIONS),
                action=action,
                after_effect=self.chance.random() < 0.5,
                times=self.chance.randint(1, 3),
            )
        )
        self.note("faults")

    async def play(self):
        location = self.env.at(self.chance.choice(self.names), "playground")
        await self.env.storage.save(location, b'{"id": "played", "over": null}')

    async def die(self, *, starts_again=True):
        """As after kill -9: what runs is cut off, and a new server starts on the same disk."""
        await self.env.dying(starts_again=False)
        self.on_screen.clear()
        self.note("deaths")
        if starts_again:
            self.start_again()

    def start_again(self):
        self.env.start_again()
        for debt in self.env.journal.debts():
            self.env.delocalizer.start(self.env.at(debt.path.removeprefix("ws/edit/")))


async def settle(env, note):
    """All is well again: what can be brought to the bucket is brought there, and what is told of the rest is noted."""
    env.faults.clear()
    places = [env.at(debt.path.removeprefix("ws/edit/")) for debt in env.journal.debts()]
    await env.delocalizer.pay(places, _SETTLE_SECONDS)
    for file in env.file("").glob("*.ipynb"):
        told = await env.delocalizer.current_status(env.at(file.name))
        note("told", editor=env.name, name=file.name, id=json.loads(file.read_bytes())["id"], place=told.place)


def names_for(editors):
    """Some four people share each notebook."""
    return [f"{number}.ipynb" for number in range(max(2, editors))]


def process(database, folder, index, editors, seconds, seed, also):
    """One of the processes: some of the editors, on one event loop."""
    notes = os.open(folder / f"notes-{index}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(what, **more):
        os.write(notes, json.dumps({"what": what, **more}).encode() + b"\n")

    chance = random.Random(f"{seed}/{index}")
    names = names_for(editors * PROCESSES)
    until = time.time() + seconds

    def editors_of(servers):
        """Those at the servers of one disk: the same notebooks, on screens of their own."""
        machine, mine = Machine(), chance.sample(names, min(4, len(names)))
        for env, series in zip(servers, ("", "second "), strict=False):
            fate = random.Random(f"{seed}/{env.name}/{series}")
            yield Editor(env, mine, fate, note, machine, also=also, series=series)

    async def all_of(disks):
        people = [editor for servers in disks for editor in editors_of(servers)]
        await asyncio.gather(*(person.live(until) for person in people))
        await asyncio.gather(*(settle(person.env, note) for person in people))

    with EmbeddedBucket(database) as engine, asyncio.Runner() as runner, contextlib.ExitStack() as stack:

        def server_on(name):
            env = Environment(
                folder / "disks" / name, engine, runner, name=name, pause_seconds=0.5, retry_deadline_seconds=2.0
            )
            return stack.enter_context(contextlib.closing(env))

        disks = [
            [server_on(f"{index}-{number}") for _ in range(2 if "second-server" in also and number % 3 == 0 else 1)]
            for number in range(editors)
        ]
        runner.run(all_of(disks))


def soak(editors, seconds, seed, folder, also=()):
    """Run, and check.

    Returns:
        What was found.
    """
    database = folder / DATABASE_NAME
    with EmbeddedBucket(database) as engine:
        outsider = Outsider(engine)
        outsider.keep_history()
        for name in names_for(editors)[::2]:
            outsider.put(name, json.dumps({"id": f"seed of {name}", "over": None}).encode())
        command = [sys.executable, __file__, "--process", database, folder]
        here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        running = [
            subprocess.Popen(
                [*map(str, [*command, index, editors // PROCESSES, seconds, seed, ",".join(also)])], env=here
            )
            for index in range(PROCESSES)
        ]
        codes = [one.wait(seconds + 300) for one in running]
        assert codes == [0] * PROCESSES, codes
        result = check(outsider, folder)
        outsider.close()
        return result


def main():
    if sys.argv[1:2] == ["--process"]:
        database, folder, index, editors, seconds, seed, also = sys.argv[2:]
        process(Path(database), Path(folder), int(index), int(editors), float(seconds), seed, also.split(","))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--editors", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--also", default="", help=f"any of {', '.join(ALSO)}, with commas between")
    arguments = parser.parse_args()
    with directory_in_memory() as folder:
        also = [name for name in arguments.also.split(",") if name]
        if set(also) - set(ALSO):
            parser.error(f"--also takes {', '.join(ALSO)}")
        found = soak(arguments.editors, arguments.seconds, arguments.seed, folder, also)
    print(dict(found.counts))
    print(f"lost: {len(found.lost)} {found.lost[:3]}")
    print(f"overwritten unseen: {len(found.unseen)} {found.unseen[:3]}")
    for _, before, after in found.unseen[:3]:
        print("", *found.story_of(before, after), sep="\n    ")
    print(f"told wrong: {len(found.told_wrong)} {found.told_wrong[:3]}")
    print(f"playground in the bucket: {found.playground_in_the_bucket}")
    return 0 if found.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
