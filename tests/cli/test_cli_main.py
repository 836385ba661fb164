"""The command's line: help, version, verbs, refusals."""

import subprocess
import sys

import pytest

from jupyter_terra_env import __version__
from jupyter_terra_env.cli.main import main


def test_without_a_verb_it_shows_its_help_and_says_it_was_not_asked_anything(machine):
    done = machine.run()
    assert (done.returncode, done.stdout) == (2, "")
    assert all(verb in done.stderr for verb in ("demo", "check", "bucket", "examples:", "exit codes:"))


@pytest.mark.parametrize("verb", ["demo", "check", "bucket"])
def test_each_verb_teaches(machine, verb):
    done = machine.run(verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: jupyter terra-env {verb}" in done.stdout
    assert f"jupyter terra-env {verb}" in done.stdout.partition("example")[2]
    assert "exit codes: 0" in done.stdout


def test_it_is_a_jupyter_command(machine):
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "terra-env", "--version"],
        env=machine.variables(),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == f"jupyter_terra_env {__version__}\n"


def test_help_imports_neither_jupyter_nor_the_storage_client(machine):
    heavy = ("jupyter_server", "jupyterlab", "traitlets", "tornado", "google.cloud", "requests")
    program = (
        "import sys\n"
        "from jupyter_terra_env.cli.main import main\n"
        "try:\n    main(['--help'])\n"
        f"except SystemExit:\n    sys.exit([name for name in {heavy} if name in sys.modules] or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=machine.variables(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["nonsense"], ["demo", "--port", "http"], ["check", "--rot", "x"]])
def test_what_it_does_not_know_ends_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err
