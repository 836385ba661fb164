"""People, outages and deaths, played by Hypothesis against a list of every save that was acknowledged.

Uploads run on while other things happen, a dead server's request may arrive after its successor has started, people
choose ways out of conflicts they looked at a while ago, and disks go back in time or exist twice. In the end each
acknowledged save is in the bucket or its history, or replaced by its author who had it on the screen, or on the
author's disk and not told as in the workspace; and no version replaces one that its writer had not seen. Renames and
deletions by people, and what each single write names, are played in tests/notebooks/sync/test_two_environments.py.
"""

import asyncio
import contextlib
import itertools
import json
from dataclasses import dataclass

import pytest
from environments import directory_in_memory, environments, shared_bucket
from google.api_core.exceptions import PreconditionFailed
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from soak import REFUSALS
from soak_account import descends

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, Hang, ResetConnection
from jupyter_terra_env.notebooks.sync.resolution import Resolution
from jupyter_terra_env.rules.errors import ObjectNotFound
from jupyter_terra_env.rules.status import Place

NAMES = ("a.ipynb", "b.ipynb")
PEOPLE = ("ann", "bob")
TWIN = "twin"
"""Another machine of ann's on a copy of her disk, from the moment on when it is cloned."""
_AN_EXPIRY_SECONDS = 200
people = st.sampled_from((*PEOPLE, TWIN))
names = st.sampled_from(NAMES)


@dataclass(frozen=True)
class Save:
    """A save that was answered with success."""

    who: str
    name: str
    id: str


@dataclass(frozen=True)
class Looked:
    """A conflict that someone looks at: what both sides were, and the version that theirs was."""

    mine: str
    theirs: str | None
    version: str | None


def id_in(content):
    return None if content is None else json.loads(content)["id"]


class AcknowledgedSaves(RuleBasedStateMachine):
    @initialize()
    def start(self):
        self._stack = contextlib.ExitStack()
        directory = self._stack.enter_context(directory_in_memory())
        self.outsider = self._stack.enter_context(shared_bucket())
        self.outsider.keep_history()
        found = self._stack.enter_context(
            environments(
                directory,
                self.outsider.engine,
                *PEOPLE,
                retry_deadline_seconds=0.05,
                read_timeout_seconds=0.3,
                pause_seconds=0.02,
            )
        )
        self.env = dict(zip(PEOPLE, found, strict=True))
        self._directory = directory
        self._snapshots = {}
        self._back_in_time = set()
        self.acknowledged = []
        self.parents = {}
        self.screen = {}
        self.looked = {}
        self.deleted = set()
        self.numbers = itertools.count()
        self._stored = set()

    def teardown(self):
        if not hasattr(self, "env"):
            return
        try:
            self.everything_comes_back()
            self.every_acknowledged_save_is_where_it_is_told()
            for who, name in itertools.product(self.env, NAMES):
                self.open(who, name)
            self.every_acknowledged_save_is_where_it_is_told()
            self.no_version_replaced_one_that_its_writer_had_not_seen()
        finally:
            for env in self.env.values():
                env.faults.clear()
            self._stack.close()

    def _new(self, who, over):
        made = f"{who} {next(self.numbers)}"
        self.parents.setdefault(made, set()).add(over)
        return made, json.dumps({"id": made}).encode()

    # What people do.

    @rule(who=people, name=names)
    def open(self, who, name):
        if who not in self.env:
            return
        env = self.env[who]
        try:
            self.screen[who, name] = id_in(env.show(name))
        except ObjectNotFound:
            self.screen[who, name] = None  # A new notebook.
        except REFUSALS:
            self.screen.pop((who, name), None)

    @rule(who=people, name=names, waits=st.booleans())
    def save(self, who, name, waits):
        if (who, name) not in self.screen:
            return
        env, location = self.env[who], self.env[who].at(name)
        made, content = self._new(who, self.screen[who, name])
        env.run(self._saving(env, location, content))
        self.acknowledged.append(Save(who, name, made))
        self.screen[who, name] = made
        if waits:
            told = env.run(env.delocalizer.after_save(location))
            assert told.place is not Place.IN_WORKSPACE or self._is_stored(name, made)

    @rule(who=people, name=names)
    def comes_back_to_what_another_edits(self, who, name):
        """Edits are kept back, and theirs is shown; some clients let people type over it all the same."""
        if who not in self.env:
            return
        other = "ann" if who == "bob" else "bob"
        self.open(who, name)
        self.time_passes(_AN_EXPIRY_SECONDS)
        self.open(other, name)
        self.save(other, name, waits=True)
        self.save(who, name, waits=True)
        self.open(who, name)

    @rule(who=people, name=names)
    def dies_before_it_hears_of_its_upload(self, who, name):
        """The next save finds a version of one's own, whose content is not what is saved."""
        if who not in self.env:
            return
        self.all_is_well_again(who)
        self.time_passes(_AN_EXPIRY_SECONDS)
        self.open(who, name)
        self.a_request_is_stuck(who, after_effect=True)
        self.save(who, name, waits=False)
        self.uploads_go_on(0.03)
        self.env[who].die()
        self.save(who, name, waits=False)
        self.env[who].recover()

    async def _saving(self, env, location, content):
        """A save as the contents manager does it, answered while the upload begins."""
        await env.saves.save(location, content)
        await env.saves.deliver(location, wait_seconds=0.0)

    @rule(who=people, name=names)
    def look_at_a_conflict(self, who, name):
        if who not in self.env:
            return
        env = self.env[who]
        with contextlib.suppress(*REFUSALS):
            sides = env.run(env.conflicts.look(env.at(name)))
            self.looked[who, name] = Looked(id_in(sides.mine), id_in(sides.theirs), sides.theirs_version)

    @precondition(lambda self: getattr(self, "looked", None))
    @rule(
        way_out=st.sampled_from([Resolution.KEEP_BOTH, Resolution.TAKE_THEIRS, Resolution.REPLACE_THEIRS]),
        which=st.integers(0),
    )
    def choose_a_way_out(self, way_out, which):
        who, name = list(self.looked)[which % len(self.looked)]
        looked = self.looked.pop((who, name))
        env = self.env[who]
        if way_out in {Resolution.REPLACE_THEIRS, Resolution.KEEP_BOTH}:
            # Before it is done: what it does may be told as failed and take effect all the same.
            self._has_seen(env, name, looked)
        with contextlib.suppress(*REFUSALS):
            env.run(env.conflicts.resolve(env.at(name), way_out, content=None, theirs_version=looked.version))
            self.screen.pop((who, name), None)

    def _has_seen(self, env, name, looked):
        """Whoever chooses has theirs before their eyes, beside what is theirs on the disk by now."""
        mine = id_in(env.read(name))
        if mine is not None and mine != looked.theirs:
            self.parents.setdefault(mine, set()).add(looked.theirs)

    @rule(who=people, name=names)
    def give_the_lock_back(self, who, name):
        with contextlib.suppress(KeyError, *REFUSALS):
            self.env[who].give_back(name)

    @rule(who=people, name=names)
    def take_the_lock(self, who, name):
        with contextlib.suppress(KeyError, *REFUSALS):
            self.env[who].take_over(name)

    # What others do.

    @rule(name=names)
    def change_outside(self, name):
        """By a program that respects no lock, but replaces only what it has read: uploads go on meanwhile."""
        generation, over = self._read_outside(name)
        _, content = self._new("outsider", over)
        with contextlib.suppress(PreconditionFailed):
            self.outsider.put(name, content, if_generation_match=generation)

    @rule(name=names)
    def delete_outside(self, name):
        generation, seen = self._read_outside(name)
        if generation != 0:
            with contextlib.suppress(PreconditionFailed):
                self.outsider.delete(name, if_generation_match=generation)
                self.deleted.add(seen)

    def _read_outside(self, name):
        """The generation of an object, 0 for none, and the id in exactly that version."""
        blob = self.outsider.get(name)
        return (0, None) if blob is None else (blob.generation, id_in(self.outsider.history(name)[blob.generation]))

    # What machines and networks do.

    @rule(who=people)
    def die_and_start_again(self, who):
        if who in self.env:
            self.env[who].die()
            self.env[who].recover()

    @rule(who=people)
    def end_and_start_again(self, who):
        if who in self.env:
            self.env[who].restart()
            self.env[who].recover()

    @rule(who=people)
    def take_a_snapshot(self, who):
        if who in self.env:
            snapshot = self._directory / f"snapshot {next(self.numbers)}"
            self.env[who].take_snapshot(snapshot)
            self._snapshots[who] = snapshot

    @precondition(lambda self: getattr(self, "_snapshots", None))
    @rule(which=st.integers(0), tabs_stay=st.booleans())
    def restore_a_disk(self, which, tabs_stay):
        """What was on that disk only, and saved since the snapshot, is gone with it: no one can keep it."""
        who, snapshot = list(self._snapshots.items())[which % len(self._snapshots)]
        env = self.env[who]
        self._back_in_time.add(who)
        env.restore(snapshot)
        found = {id_in(file.read_bytes()) for file in env.file("").glob("*.ipynb")}
        self.acknowledged = [
            save
            for save in self.acknowledged
            if save.who != who or save.id in found or self._is_stored(save.name, save.id)
        ]
        for at in [at for at in (*self.screen, *self.looked) if at[0] == who and not tabs_stay]:
            self.screen.pop(at, None)
            self.looked.pop(at, None)
        env.recover()

    @precondition(lambda self: TWIN not in getattr(self, "env", {TWIN: None}))
    @rule()
    def clone_a_disk(self):
        twin = self.env["ann"].clone(self._directory / TWIN, TWIN)
        twin.ahead_ms = self.env["ann"].ahead_ms
        self._stack.callback(twin.close)
        self.env[TWIN] = twin
        self._back_in_time.add(TWIN)
        twin.recover()

    @rule(seconds=st.sampled_from([60, 184, _AN_EXPIRY_SECONDS]))
    def time_passes(self, seconds):
        for env in self.env.values():
            env.ahead_ms += seconds * 1000

    @rule(seconds=st.sampled_from([0.001, 0.03]))
    def uploads_go_on(self, seconds):
        self.env["ann"].run(asyncio.sleep(seconds))

    @rule(who=people)
    def the_bucket_is_gone(self, who):
        if who in self.env:
            self.env[who].faults.add(Fault(operation="*", action=AnswerWith(status=503), times=10_000))

    @rule(who=people, after_effect=st.booleans(), operation=st.sampled_from(["objects.insert", "objects.patch", "*"]))
    def an_answer_is_lost(self, who, after_effect, operation):
        if who in self.env:
            self.env[who].faults.add(Fault(operation=operation, action=ResetConnection(), after_effect=after_effect))

    @rule(who=people, after_effect=st.booleans())
    def a_request_is_stuck(self, who, after_effect):
        if who in self.env:
            self.env[who].faults.add(Fault(operation="objects.insert", action=Hang(), after_effect=after_effect))

    @rule(who=people)
    def stuck_requests_arrive(self, who):
        if who in self.env:
            self.env[who].faults.release()

    @rule(who=people)
    def all_is_well_again(self, who):
        if who in self.env:
            self.env[who].faults.clear()

    # What is promised.

    @invariant()
    def what_is_told_as_saved_is_in_the_bucket(self):
        """The status is honest at any moment (promise P8)."""
        for (who, env), name in itertools.product(getattr(self, "env", {}).items(), NAMES):
            content = env.read(name)
            if content is not None and self._place(env, name) is Place.IN_WORKSPACE:
                assert self._is_stored(name, id_in(content)), (who, name, content)

    @invariant()
    def nothing_is_left_lying_about(self):
        for env in getattr(self, "env", {}).values():
            assert env.litter() == []

    def everything_comes_back(self):
        """Whoever does nothing sees it arrive, unless another person's version is there."""
        for env in self.env.values():
            env.faults.clear()
            env.ahead_ms += _AN_EXPIRY_SECONDS * 1000
            env.die()
        for env in self.env.values():
            env.recover()
            for path in env.owed():
                env.run(env.delocalizer.settle(env.locate(path)))
        for (who, env), name in itertools.product(self.env.items(), NAMES):
            if env.read(name) is not None:
                place = self._place(env, name)
                assert place in {Place.IN_WORKSPACE, Place.CONFLICT, Place.LOCKED}, (who, name, place)
                live = id_in(self.outsider.content(name))
                with_itself = place is Place.CONFLICT and live is not None and live.startswith(who)
                assert not with_itself or who in self._back_in_time, (who, name, live)

    def every_acknowledged_save_is_where_it_is_told(self):
        """No acknowledged save is lost (promises P1 and P6)."""
        safe = set().union(*(self._stored_ids(name) for name in self.outsider.names_ever()))
        for env in self.env.values():
            for file in env.file("").glob("*.ipynb"):
                if "(my edits" in file.name or self._place(env, file.name) is not Place.IN_WORKSPACE:
                    safe.add(id_in(file.read_bytes()))
        lost = [
            save
            for save in self.acknowledged
            if save.id not in safe
            and not any(
                later.id in safe and descends(later.id, save.id, self.parents)
                for later in self.acknowledged
                if later.who == save.who
            )
        ]
        assert lost == []

    def no_version_replaced_one_that_its_writer_had_not_seen(self):
        """No version is replaced unseen (promise P2)."""
        for name in self.outsider.names_ever():
            versions = [id_in(content) for content in self.outsider.history(name).values()]
            for before, after in itertools.pairwise(versions):
                assert before in self.deleted or descends(after, before, self.parents), (name, before, after)

    def _place(self, env, name):
        return env.run(env.delocalizer.current_status(env.at(name))).place

    def _is_stored(self, name, wanted):
        return (name, wanted) in self._stored or wanted in self._stored_ids(name)

    def _stored_ids(self, name):
        found = {id_in(content) for content in self.outsider.history(name).values()}
        self._stored |= {(name, one) for one in found}
        return found


AcknowledgedSaves.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
TestAcknowledgedSaves = AcknowledgedSaves.TestCase
# A failure is worth the minutes it takes to make it small.
TestAcknowledgedSaves.pytestmark = [pytest.mark.timeout(600)]
