"""Graphics cards by a real program that speaks as nvidia-smi does, the network, and leases."""

import asyncio
import os
import shutil
import signal
import stat
import sys
import time
from types import SimpleNamespace

import pytest
from autopause_kit import Clock

from jupyter_terra_env.autopause.gpu_watch import GpuWatch
from jupyter_terra_env.autopause.leases import MOST_LEASES, MOST_SECONDS, Leases
from jupyter_terra_env.autopause.network_watch import NetworkWatch
from jupyter_terra_env.autopause.process_watch import ProcessLimits, ProcessWatch, TerminalShell
from jupyter_terra_env.rules.errors import AutopauseRefused


@pytest.fixture
def clock():
    return Clock()


class TestGpu:
    @pytest.fixture
    def smi(self, tmp_path):
        """Make a program that prints lines, and only when it is asked as nvidia-smi is."""

        def make(*lines, code=0):
            program = tmp_path / "nvidia-smi"
            text = "\n".join(lines)
            program.write_text(
                f"#!{sys.executable}\nimport sys\n"
                "assert '--query-gpu=index,utilization.gpu,name' in sys.argv, sys.argv\n"
                "assert '--format=csv,noheader,nounits' in sys.argv\n"
                f"print({text!r})\nraise SystemExit({code})"
            )
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
            return program

        return make

    def watch(self, program, clock, **changes):
        limits = {"active_percent": 5.0, "work_samples": 2, **changes}
        return GpuWatch(program, monotonic=clock, **limits)

    async def look_twice(self, watch, clock):
        await watch.look()
        clock.now += 15
        return (await watch.look()).work

    async def test_a_card_in_use_is_named(self, smi, clock):
        work = await self.look_twice(self.watch(smi("0, 93, Tesla T4", "1, 0, Tesla T4"), clock), clock)
        assert [(each.kind, each.id, each.detail) for each in work] == [
            ("gpu", "0", "Graphics card 0 (Tesla T4) is 93 % busy.")
        ]
        assert work[0].age_seconds == 15

    @pytest.mark.parametrize("line", ["0, 4, Tesla T4", "0, [N/A], Tesla T4", "0, [Not Supported], Quadro, old"])
    async def test_a_card_at_rest_is_none(self, smi, clock, line):
        assert await self.look_twice(self.watch(smi(line), clock), clock) == ()

    async def test_once_is_not_enough(self, smi, clock):
        watch = self.watch(smi("0, 93, Tesla T4"), clock)
        assert (await watch.look()).work == ()
        smi("0, 0, Tesla T4")
        assert (await watch.look()).work == ()
        smi("0, 93, Tesla T4")
        assert (await watch.look()).work == ()

    @pytest.mark.parametrize("line", ["NVIDIA-SMI has failed", "0, much, T4"])
    async def test_what_cannot_be_read_is_an_error_and_no_rest(self, smi, clock, line):
        with pytest.raises(ValueError):  # noqa: PT011 - the message does not matter
            await self.watch(smi(line), clock).look()


class TestNetwork:
    async def test_traffic_counts_after_some_looks(self, clock, monkeypatch):
        count = [0]

        def counters(*, pernic):
            card = SimpleNamespace(bytes_sent=count[0], bytes_recv=0)
            loopback = SimpleNamespace(bytes_sent=count[0] * 1000, bytes_recv=0)
            return {"eth0": card, "lo": loopback}

        monkeypatch.setattr("psutil.net_io_counters", counters)
        watch = NetworkWatch(monotonic=clock, active_bytes_per_second=1000, work_samples=2)
        seen = []
        for traffic in (0, 20_000, 20_000, 100, 20_000):
            clock.now += 10
            count[0] += traffic
            seen.append(bool((await watch.look()).work))
        assert seen == [False, False, True, False, False]

    async def test_the_machines_own_counters_are_read(self, clock):
        watch = NetworkWatch(monotonic=clock, active_bytes_per_second=0.0, work_samples=1)
        await watch.look()
        clock.now += 1
        assert "kB a second" in (await watch.look()).work[0].detail


class TestLeases:
    def leases(self, clock):
        ids = iter(range(10_000))
        return Leases(monotonic=clock, new_id=lambda: f"l{next(ids)}")

    async def test_they_end_by_themselves_and_are_remembered_as_work(self, clock):
        leases = self.leases(clock)
        leases.take("make", 60)
        clock.now += 59
        assert [work.age_seconds for work in (await leases.look()).work] == [59]
        clock.now += 31
        observation = await leases.look()
        assert (observation.work, observation.work_age) == ((), 30)

    async def test_they_last_an_hour_at_most(self, clock):
        leases = self.leases(clock)
        leases.take("make", 1e9)
        clock.now += MOST_SECONDS
        assert (await leases.look()).work == ()

    def test_renewing_and_ending_what_is_not_there_is_refused(self, clock):
        leases = self.leases(clock)
        lease = leases.take("make", 60)
        leases.renew(lease, 100)
        clock.now += 101
        for act in (lambda: leases.renew(lease, 1), lambda: leases.end(lease), lambda: leases.end("x")):
            with pytest.raises(AutopauseRefused):
                act()

    def test_there_is_a_limit(self, clock):
        leases = self.leases(clock)
        for _ in range(MOST_LEASES):
            leases.take("make", 60)
        with pytest.raises(AutopauseRefused):
            leases.take("make", 60)


async def test_only_what_bears_this_servers_mark_counts_where_only_that_is_asked_for():
    """Processes of the same user that this server has not started."""

    def watch(**marks):
        return ProcessWatch(
            monotonic=time.monotonic,
            limits=ProcessLimits(active_cores=0.3, work_samples=1, server_only=True),
            kernels=list,
            busy_kernels=frozenset,
            terminals=list,
            marks=marks,
        )

    code = "while True: pass"
    hog = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env={**os.environ, "MARK": "ours"})
    try:
        ours, others = watch(MARK="ours"), watch(MARK="another's")
        await asyncio.gather(ours.look(), others.look())
        found = ()
        async with asyncio.timeout(60):
            # On a busy machine it takes a while until it has had its share.
            while not found:
                await asyncio.sleep(1.5)
                found = (await ours.look()).work
                assert (await others.look()).work == ()
        assert [work.id for work in found] == [str(hog.pid)]
    finally:
        hog.kill()
        await hog.wait()


@pytest.fixture
def shell(jp_asyncio_loop):
    """Start a program in the place of a terminal's shell, and watch its jobs."""
    started = []

    async def start(*command, **limits):
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        watch = ProcessWatch(
            monotonic=time.monotonic,
            limits=ProcessLimits(active_cores=0.0, **limits),
            kernels=list,
            busy_kernels=frozenset,
            terminals=lambda: [TerminalShell(name="1", pid=process.pid, descriptor=-1)],
            marks={"MARK": "ours"},
        )
        return process, watch

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        jp_asyncio_loop.run_until_complete(process.communicate())


async def details(watch):
    return [work.detail for work in (await watch.look()).work]


async def test_a_job_that_has_ended_is_none_though_its_shell_has_not_noticed(shell):
    code = (
        "import subprocess, sys\n"
        "job = subprocess.Popen(['sleep', '300'])\nprint(flush=True)\ninput()\n"
        "job.send_signal(9)\nimport os; os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOWAIT)\n"
        "print(flush=True)\ninput()"
    )
    process, watch = await shell(sys.executable, "-c", code)
    await process.stdout.readline()
    assert await details(watch) == ["sleep runs in terminal 1."]
    process.stdin.write(b"\n")
    await process.stdout.readline()
    assert await details(watch) == []


async def test_a_job_seen_while_it_has_no_variables_yet_is_known_for_ours_later(shell, eventually):
    """As between a fork and the end of an exec."""
    job = (
        "import os, sys\nprint(flush=True)\nsys.stdin.readline()\n"
        "os.execve(sys.argv[1], ['sleep', '300'], {'MARK': 'ours'})"
    )
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]], env={})"
    process, watch = await shell(sys.executable, "-c", code, job, shutil.which("sleep"), server_only=True)
    await process.stdout.readline()
    assert await details(watch) == []
    process.stdin.write(b"\n")
    await eventually(lambda: details(watch))
    assert await details(watch) == ["sleep runs in terminal 1."]
