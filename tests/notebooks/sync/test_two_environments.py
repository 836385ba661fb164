"""Two people on one bucket, with lost answers and outages: nothing acknowledged is ever lost or overwritten unseen.

The machine plays what two environments, someone outside and the network do; the invariants are the promises P1, P2, P3
and P6. What it once found is a named test beside it.
"""

import contextlib
import itertools

import pytest
from environments import WORKSPACE, directory_in_memory, environments, shared_bucket
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, ResetConnection
from jupyter_terra_env.bucket.store import MatchVersion, MustNotExist
from jupyter_terra_env.bucket.threaded import ThreadedBucket
from jupyter_terra_env.rules.edit_lock import is_own_record
from jupyter_terra_env.rules.errors import (
    BucketError,
    LeftUnfinished,
    LockHeldElsewhere,
    ObjectNotFound,
    OperationRefused,
    WorkspaceConflict,
)
from jupyter_terra_env.rules.status import Place

NAMES = ("a.ipynb", "b.ipynb", "deep/a.ipynb", "low/a.ipynb")
REFUSALS = (BucketError, LockHeldElsewhere, ObjectNotFound, OperationRefused, WorkspaceConflict)
people = st.sampled_from(["ann", "bob"])
names = st.sampled_from(NAMES)


class TwoEnvironments(RuleBasedStateMachine):
    @initialize()
    def start(self):
        self._stack = contextlib.ExitStack()
        directory = self._stack.enter_context(directory_in_memory())
        self.outsider = self._stack.enter_context(shared_bucket())
        self.outsider.keep_history()
        found = self._stack.enter_context(
            environments(directory, self.outsider.engine, "ann", "bob", retry_deadline_seconds=0.05)
        )
        self.env = dict(zip(("ann", "bob"), found, strict=True))
        # The newest acknowledged content of each working copy, by where it is.
        self.acknowledged = {}
        self.numbers = itertools.count()
        self.unseen_writes = []
        self.seen = {"ann": set(), "bob": set()}
        self._watch_writes()

    def _watch_writes(self):
        """Each write must name the version its writer's journal holds, of a content its writer had on the disk."""
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        write, machine = ThreadedBucket.write, self

        async def watched(bucket, name, file, *, precondition, **kwargs):
            who, env = next((who, env) for who, env in machine.env.items() if env.threads is bucket._threads)
            name_here = name.removeprefix("notebooks/")
            held = await env.storage.baseline(env.at(name_here))
            if isinstance(precondition, MatchVersion):
                if not is_own_record(held.metadata, env.person.holder_in(WORKSPACE)):
                    machine.unseen_writes.append((who, name, "without the lock", held))
                version = MatchVersion(generation=held.generation, metageneration=held.metageneration)
                replaced = machine.outsider.history(name_here).get(precondition.generation)
                if precondition != version or (replaced is not None and replaced not in machine.seen[who]):
                    machine.unseen_writes.append((who, name, precondition, version, replaced))
            else:
                assert isinstance(precondition, MustNotExist)
                assert held.generation == 0
            return await write(bucket, name, file, precondition=precondition, **kwargs)

        patch.setattr(ThreadedBucket, "write", watched)

    def teardown(self):
        if not hasattr(self, "env"):
            return
        try:
            for env in self.env.values():
                env.faults.clear()
            for who, name in itertools.product(self.env, NAMES):
                self._open(who, name)
            self.nothing_acknowledged_is_lost()
            self.what_is_told_as_saved_is_there()
        finally:
            self._stack.close()

    def _new_content(self, who):
        return f"{who} {next(self.numbers)}".encode()

    def _open(self, who, name):
        with contextlib.suppress(*REFUSALS):
            return self.env[who].open(name)

    def _follow(self, who, old, new):
        content = self.acknowledged.pop((who, old), None)
        if content is not None:
            self.acknowledged[who, new] = content

    def _deleting(self, who, names, act):
        """What a person deletes is theirs to lose, also when it goes on later; what is refused is not."""
        try:
            act(self.env[who])
        except LeftUnfinished:
            pass
        except REFUSALS:
            return
        for name in names:
            self.acknowledged.pop((who, name), None)

    # What people do.

    @rule(who=people, name=names)
    def save(self, who, name):
        content = self._new_content(who)
        self.seen[who].add(content)
        self.env[who].save(name, content)
        self.acknowledged[who, name] = content

    @rule(who=people, name=names)
    def save_what_is_there_again(self, who, name):
        content = self.env[who].read(name)
        if content is not None:
            self.env[who].save(name, content)

    @rule(who=people, name=names)
    def save_what_the_other_has(self, who, name):
        content = self.env["bob" if who == "ann" else "ann"].read(name)
        if content is not None:
            self.env[who].save(name, content)
            self.acknowledged[who, name] = content

    @rule(who=people, name=names)
    def write_by_a_program(self, who, name):
        """A file that changes without a save: at most on the disk, and no less to be kept."""
        content = self._new_content(who)
        self.env[who].file(name).parent.mkdir(exist_ok=True)
        self.env[who].file(name).write_bytes(content)
        self.acknowledged[who, name] = content

    @rule(who=people, name=names)
    def open(self, who, name):
        self._open(who, name)

    @rule(who=people, name=names)
    def take_the_workspace_version(self, who, name):
        env, edits = self.env[who], self.env[who].read(name)
        with contextlib.suppress(*REFUSALS):
            kept = env.run(env.localizer.open_workspace_version(env.at(name)))
            if kept is not None:
                assert kept.read_bytes() == edits

    @rule(who=people, old=names)
    def rename(self, who, old):
        new = {"a.ipynb": "b.ipynb", "b.ipynb": "deep/a.ipynb", "deep/a.ipynb": "a.ipynb", "low/a.ipynb": "a.ipynb"}[
            old
        ]
        env = self.env[who]
        had = env.read(old)
        with contextlib.suppress(*REFUSALS):
            env.rename(old, new)
        if had is not None and env.read(new) == had and env.read(old) is None:
            self._follow(who, old, new)

    @rule(who=people, name=names)
    def delete(self, who, name):
        self._deleting(who, [name], lambda env: env.delete(name))

    @rule(who=people, old=st.sampled_from(["deep", "low"]))
    def rename_a_folder(self, who, old):
        new = "low" if old == "deep" else "deep"
        env = self.env[who]
        with contextlib.suppress(*REFUSALS):
            env.rename_folder(old, new)
            self._follow(who, f"{old}/a.ipynb", f"{new}/a.ipynb")

    @rule(who=people, name=st.sampled_from(["deep", "low"]))
    def delete_a_folder(self, who, name):
        self._deleting(who, [f"{name}/a.ipynb"], lambda env: env.delete_folder(name))

    @rule(who=people)
    def restart(self, who):
        self.env[who].restart()

    @rule(who=people)
    def restart_and_recover(self, who):
        self.env[who].restart()
        self.env[who].recover()

    @rule(who=people, name=names)
    def give_the_lock_back(self, who, name):
        with contextlib.suppress(*REFUSALS):
            self.env[who].give_back(name)

    @rule(who=people, name=names)
    def take_the_lock(self, who, name):
        with contextlib.suppress(*REFUSALS):
            self.env[who].take_over(name)

    @rule(seconds=st.sampled_from([60, 176, 184, 200]))
    def time_passes(self, seconds):
        for env in self.env.values():
            env.ahead_ms += seconds * 1000

    # What others do.

    @rule(name=names)
    def change_outside(self, name):
        self.outsider.put(name, self._new_content("outsider"))

    @rule(name=names)
    def lock_outside(self, name):
        if self.outsider.get(name) is not None:
            self.outsider.lock(name)

    @rule(name=names)
    def lock_outside_for_a_while(self, name):
        if self.outsider.get(name) is not None:
            until_ms = self.env["ann"].clock.now_ms() + 150_000
            self.outsider.lock(name, lastLockedBy="f" * 64, lockExpiresAt=str(until_ms))

    @rule(name=names)
    def delete_outside(self, name):
        if self.outsider.get(name) is not None:
            self.outsider.delete(name)

    # What the network does.

    @rule(
        who=people,
        operation=st.sampled_from(
            ["objects.insert", "objects.get", "objects.move", "objects.delete", "objects.download", "*"]
        ),
        action=st.sampled_from([ResetConnection(), AnswerWith(status=503)]),
        after_effect=st.booleans(),
        times=st.integers(1, 3),
    )
    def fault(self, who, operation, action, after_effect, times):
        self.env[who].faults.add(Fault(operation=operation, action=action, after_effect=after_effect, times=times))

    @rule(who=people)
    def lose_the_next_answer(self, who):
        self.env[who].faults.add(Fault(operation="objects.insert", action=ResetConnection(), after_effect=True))

    @rule(who=people)
    def all_is_well_again(self, who):
        self.env[who].faults.clear()

    # What is promised.

    @invariant()
    def no_write_replaces_what_its_writer_did_not_know(self):
        assert getattr(self, "unseen_writes", []) == []

    @invariant()
    def nothing_acknowledged_is_lost(self):
        """P1 and P6: on its author's disk, or in the bucket or its history."""
        if not hasattr(self, "env"):
            return
        missing = {}
        for (who, name), content in self.acknowledged.items():
            folder = self.env[who].file("")
            if not any(file.read_bytes() == content for file in folder.rglob("*.ipynb")):
                missing[who, name] = content
        if missing:
            kept = {content for name in NAMES for content in self.outsider.history(name).values()}
            assert set(missing.values()) <= kept, missing

    @invariant()
    def nothing_is_left_lying_about(self):
        for who, env in getattr(self, "env", {}).items():
            assert env.litter() == []
            self.seen[who] |= {file.read_bytes() for file in env.file("").rglob("*.ipynb")}

    def what_is_told_as_saved_is_there(self):
        """P8, when all is well and everything was opened once."""
        for (who, env), name in itertools.product(self.env.items(), NAMES):
            content = env.read(name)
            if content is not None and env.run(env.status_of(name)).place is Place.IN_WORKSPACE:
                assert content in self.outsider.history(name).values(), (who, name)


TwoEnvironments.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
TestTwoEnvironments = TwoEnvironments.TestCase
# A failure is worth the minutes it takes to make it small.
TestTwoEnvironments.pytestmark = [pytest.mark.timeout(600)]
