"""`jupyter terra-env copy`, as a person starts it; killed and interrupted where it hurts most."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest
from environments import BUCKET, Outsider, directory_in_memory

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import CutBody, Delay, Fault, FaultPlan, Hang
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.cli.copy_report import duration, line_of, size
from jupyter_terra_env.transfers.progress import Progress

CHUNK = 256 << 10
LARGE = random.Random(2).randbytes(5 * CHUNK + 1)
PROGRAM = f"""
import sys
from jupyter_terra_env.bucket import gcs_sessions
from jupyter_terra_env.transfers import part_files, uploads
gcs_sessions.CHUNK_BYTES = part_files.LARGE_BYTES = uploads.LARGE_BYTES = {CHUNK}
from jupyter_terra_env.cli.main import main
sys.exit(main(["copy", *sys.argv[1:]]))
"""
"""The command, to which small files are large."""


class Service:
    """A bucket over HTTP, and commands that use it."""

    def __init__(self, machine, engine, url, faults):
        self.machine = machine
        self.outsider = Outsider(engine)
        self.faults = faults
        self.variables = machine.variables(
            WORKSPACE_NAME="ws",
            WORKSPACE_BUCKET=f"gs://{BUCKET}",
            OWNER_EMAIL="me@example.org",
            STORAGE_EMULATOR_HOST=url,
        )

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=self.machine.home,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in out + err
        return process.returncode, out, err

    def stopped_at(self, *faults, arguments, by=signal.SIGKILL):
        """Let a copy run until the last fault holds it, and stop it there."""
        self.faults.clear()
        self.faults.add(*faults)
        process = self.start(*arguments)
        deadline = time.monotonic() + 60
        while self.faults.pending and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
        process.send_signal(by)
        out, err = process.communicate(timeout=10)
        self.faults.clear()
        return process.returncode, out, err

    def objects(self):
        return {blob.name: blob.download_as_bytes() for blob in self.outsider.client.list_blobs(BUCKET)}


@pytest.fixture
def service(machine):
    faults = FaultPlan()
    with directory_in_memory() as directory, EmbeddedBucket(directory / DATABASE_NAME) as engine:
        with EmbeddedServer(engine, faults=faults) as front:
            service = Service(machine, engine, front.url, faults)
            yield service
            faults.release()
        service.outsider.close()


def test_an_upload_that_is_killed_twice_goes_on(service):
    (service.machine.home / "big").write_bytes(LARGE)
    arguments = ["big", "workspace:up/"]
    passing = Fault(operation="objects.insert.chunk", action=Delay(seconds=0), times=3)
    held = Fault(operation="objects.insert.chunk", action=Hang())
    service.stopped_at(Fault(operation="objects.insert.start", action=Hang(), after_effect=True), arguments=arguments)
    service.stopped_at(passing, held, arguments=arguments)
    assert service.objects() == {}
    service.faults.clear()
    code, out, err = service.run(*arguments, "--json")
    report = json.loads(out)
    assert (code, err, report["well"]) == (0, "", True)
    assert report["copied"] == [
        {"source": "big", "target": f"gs://{BUCKET}/up/big", "bytes": len(LARGE), "replaced": False}
    ]
    operations = [one.operation for one in service.faults.history]
    assert operations.count("objects.insert.chunk") < 1 + 6
    assert "objects.insert.start" not in operations
    assert service.objects() == {"up/big": LARGE}


def test_a_download_that_is_killed_goes_on_and_leaves_nothing_behind(service):
    service.outsider.bucket.blob("big").upload_from_string(LARGE)
    cut = Fault(operation="objects.get", name_prefix="big", action=Delay(seconds=0))
    arguments = ["workspace:big", "down/"]
    service.stopped_at(
        cut,
        Fault(operation="*", name_prefix="big", action=CutBody(after_bytes=3 * CHUNK)),
        Fault(operation="*", name_prefix="big", action=Hang()),
        arguments=arguments,
    )
    (part,) = (service.machine.home / "down").iterdir()
    assert (part.name.startswith(".terra-env-part-"), part.stat().st_size > CHUNK) == (True, True)
    code, out, _ = service.run(*arguments)
    assert (code, "1 file copied" in out) == (0, True)
    assert {file.name: file.read_bytes() for file in part.parent.iterdir()} == {"big": LARGE}


def test_ctrl_c_ends_at_once_and_says_how_to_go_on(service):
    for number in range(3):
        (service.machine.home / f"{number}").write_bytes(b"content")
    held = [Fault(operation="objects.insert", name_prefix="1", action=Hang())]
    code, out, err = service.stopped_at(*held, arguments=["0", "1", "2", "workspace:"], by=signal.SIGINT)
    assert (code, out) == (130, "")
    assert "interrupted; copied so far: 2 files. Run the same command again to go on" in err
    # What was on its way may still arrive.
    assert {name: content for name, content in service.objects().items() if name != "1"} == {
        "0": b"content",
        "2": b"content",
    }


def test_what_was_not_copied_is_named_and_the_exit_code_says_so(service):
    service.outsider.bucket.blob("a").upload_from_string(b"theirs")
    for name in ("a", "b", "\x1b[31mred"):
        (service.machine.home / name).write_bytes(b"mine")
    code, out, err = service.run("a", "b", "\x1b[31mred", "workspace:")
    assert code == 1
    assert out == f"copied b to gs://{BUCKET}/b\n1 file copied (4 bytes), 2 NOT copied.\n"
    assert "NOT copied: a: the target exists and differs: choose with --if-exists replace, skip or newer.\n" in err
    assert "\x1b" not in out + err
    code, out, err = service.run("-q", "-n", "--if-exists", "replace", "a", "workspace:")
    assert (code, out, err) == (0, "", "")
    assert service.objects() == {"a": b"theirs", "b": b"mine"}


def test_a_bucket_that_cannot_be_reached_is_one_sentence(machine):
    (machine.home / "a").write_bytes(b"x")
    machine.configure(TerraEnvApp={"bucket_retry_deadline_seconds": 0.5})
    done = machine.run(
        "copy",
        "a",
        "gs://a-bucket/x/",
        "--json",
        STORAGE_EMULATOR_HOST="http://127.0.0.1:9",
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["troubles"][0]["reason"] == "unreachable"
    assert done.stderr.count("\n") == 1


def test_progress_in_one_line():
    now = [0.0]
    progress = Progress(all_files=4, all_bytes=4_000_000, monotonic=lambda: now[0])
    assert line_of(progress.now()) == "0 of 4 files, 0 bytes of 4.0 MB"
    progress.of(0)(1_000_000)
    progress.file_ended()
    now[0] = 2.0
    assert line_of(progress.now()) == "1 of 4 files, 1.0 MB of 4.0 MB, 500 kB/s, 6 s left"
    progress.of(0)(0)
    assert progress.now().moved_bytes == 0


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (size(999), "999 bytes"),
        (size(1000), "1.0 kB"),
        (size(123_456_789), "123 MB"),
        (size(5e15), "5000.0 TB"),
        (duration(59.4), "59 s"),
        (duration(61), "1 min 01 s"),
        (duration(3661), "1 h 01 min"),
    ],
)
def test_numbers_for_people(shown, expected):
    assert shown == expected
