"""jupyter_server's own expectations of a contents manager, held by ours: outside of workspaces and within."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from expected_differences import SKIPPED_BY_UPSTREAM, WAYS, Way

HERE = Path(__file__).parent
DOWNLOAD_SECONDS = 100
# A minute on two idle cores.
RUN_SECONDS = 300
PREFIXES_OF_SETTINGS = ("JUPYTER", "OWNER_EMAIL", "PYTEST", "TERRA_", "WORKSPACE_", "XDG_")
# Upstream makes all warnings errors, also those of packages newer than itself; these tell of faults in what is run.
WARNINGS = """
default
error::RuntimeWarning
error::pytest.PytestUnraisableExceptionWarning
error::pytest.PytestUnhandledThreadExceptionWarning
"""

# Download and run, one after the other.
pytestmark = pytest.mark.timeout(DOWNLOAD_SECONDS + RUN_SECONDS + 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Upstream's tests, running."""

    way: Way
    process: subprocess.Popen[bytes]
    results: Path
    log: Path
    scratch: Path
    deadline: float

    def outcome(self) -> dict[str, dict[str, Any]]:
        """Results by short test name, when all have ended."""
        try:
            code = self.process.wait(max(0.0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pytest.fail(f"upstream's tests took longer than {RUN_SECONDS} s; see {self.log}", pytrace=False)
        if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            pytest.fail(f"upstream's tests did not run:\n{self.log.read_text()[-3000:]}", pytrace=False)
        results = json.loads(self.results.read_text(encoding="utf-8"))
        return {_short(node): result for node, result in results.items()}


@pytest.fixture(scope="module")
def upstream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tests of the installed jupyter_server; fetched once, then kept in pytest's cache."""
    installed = version("jupyter_server")
    cache = getattr(request.config, "cache", None)
    kept = tmp_path_factory.mktemp("upstream") if cache is None else cache.mkdir(f"jupyter_server-{installed}")
    folder = kept / "unpacked"
    if not folder.exists():
        fresh = tmp_path_factory.mktemp("fetched")
        _unpack(_fetch(installed, fresh), kept / f"unpacking-{os.getpid()}", folder)
    return folder


@pytest.fixture(params=WAYS)
def run(request: pytest.FixtureRequest, upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One way, started."""
    started = _start(request.param, upstream, tmp_path_factory.mktemp(request.param))
    yield started
    started.process.kill()
    started.process.wait()
    # 35,000 files; deleted as they go, they would slow down every fsync.
    shutil.rmtree(started.scratch, ignore_errors=True)


def test_upstreams_expectations_hold(run: Run):
    way = run.way

    results = run.outcome()

    surprises = _surprises(results, way.differences)
    assert not surprises, "\n".join([*surprises, f"Details: {run.log}"])
    ours = [test for test, result in results.items() if result["ours"] and result["outcome"] != "skipped"]
    assert len(ours) >= way.at_least


@pytest.mark.parametrize(
    ("outcome", "differences", "surprise"),
    [
        ("passed", {}, None),
        ("failed", {"test_a.py::test_b": "on purpose"}, None),
        ("failed", {"test_a.py::test_b[c-d]": "on purpose"}, None),
        ("failed", {}, "test_a.py::test_b[c-d] failed: because"),
        ("skipped", {}, "test_a.py::test_b[c-d] skipped: because"),
        ("passed", {"test_a.py::test_b": "on purpose"}, "test_a.py::test_b[c-d] passed, but is listed as a difference"),
    ],
)
def test_what_the_tables_do_not_report_is_a_surprise(
    outcome: str, differences: Mapping[str, str], surprise: str | None
):
    results = {"test_a.py::test_b[c-d]": {"outcome": outcome, "reason": "because", "ours": True}}

    assert _surprises(results, differences) == ([] if surprise is None else [surprise])


def test_a_listed_test_that_does_not_exist_is_a_surprise():
    assert _surprises({}, {"test_a.py::test_b": "on purpose"}) == [
        "test_a.py::test_b is listed as a difference, but does not exist"
    ]


def _surprises(results: Mapping[str, dict[str, Any]], differences: Mapping[str, str]) -> list[str]:
    """Where the results are not those that the tables tell, one sentence each."""
    expected = {"failed": differences, "skipped": SKIPPED_BY_UPSTREAM}
    found = []
    for test, result in results.items():
        outcome, reason = result["outcome"], result["reason"]
        if outcome != "passed" and not _is_listed(test, expected[outcome]):
            found.append(f"{test} {outcome}: {reason}")
        elif outcome != "failed" and _is_listed(test, differences):
            found.append(f"{test} {outcome}, but is listed as a difference")
    seen = results.keys() | {_without_parameters(test) for test in results}
    return found + [f"{test} is listed as a difference, but does not exist" for test in differences.keys() - seen]


def _is_listed(test: str, table: Mapping[str, str]) -> bool:
    return test in table or _without_parameters(test) in table


def _without_parameters(test: str) -> str:
    return test.partition("[")[0]


def _short(node: str) -> str:
    file, _, test = node.partition("::")
    return f"{Path(file).name}::{test}"


def _fetch(installed: str, into: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--retries=1", "--timeout=15", "--no-deps", "--no-binary=jupyter_server", f"--dest={into}"]
    try:
        done = subprocess.run(
            [*command, f"jupyter_server=={installed}"],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
        trouble = done.stderr.strip()[-1000:] if done.returncode else None
    except subprocess.TimeoutExpired:
        trouble = f"no answer within {DOWNLOAD_SECONDS} s"
    if trouble is not None:
        pytest.fail(
            f"The tests of jupyter_server {installed} could not be fetched from the package index, and without them "
            f"nothing is shown about our manager: {trouble}",
            pytrace=False,
        )
    (archive,) = into.glob("*.tar.gz")
    return archive


def _unpack(archive: Path, aside: Path, folder: Path) -> None:
    """Unpack the tests and their settings, but not the package: the installed one is what we run with."""
    with tarfile.open(archive) as tar:
        wanted = [member for member in tar if member.name.split("/")[1:2] in (["tests"], ["pyproject.toml"])]
        tar.extractall(aside, members=wanted, filter="data")
    (top,) = aside.iterdir()
    # Whole or not at all: an interrupted run must not leave half of the tests behind, and several may run at once.
    with contextlib.suppress(OSError):
        top.rename(folder)
    shutil.rmtree(aside)


def _start(name: str, upstream: Path, directory: Path) -> Run:
    way = WAYS[name]
    files = {"results": directory / "results.json", "log": directory / "log.txt", "scratch": directory / "tmp"}
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "--rootdir=.", f"--basetemp={files['scratch']}"]
    command += ["-p", "no:cacheprovider", "-p", "swapped_manager"]
    command += [f"--terra-way={name}", f"--terra-results={files['results']}"]
    command += ["-o", "addopts=", "-o", "log_cli_level=CRITICAL", "-o", f"filterwarnings={WARNINGS}"]
    command += ["--timeout=60", "--tb=short", "-q", *way.files]
    with files["log"].open("wb") as log:
        process = subprocess.Popen(
            command, cwd=upstream, env=_environment(directory), stdout=log, stderr=subprocess.STDOUT
        )
    return Run(way=way, process=process, deadline=time.monotonic() + RUN_SECONDS, **files)


def _environment(home: Path) -> dict[str, str]:
    """The environment without anybody's settings; trash and signatures go to a home of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(PREFIXES_OF_SETTINGS)}
    # Upstream sets JUPYTER_PLATFORM_DIRS before Jupyter is imported; our plugin imports it earlier.
    return {**kept, "HOME": str(home), "PYTHONPATH": str(HERE), "JUPYTER_PLATFORM_DIRS": "1"}
