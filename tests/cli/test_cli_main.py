"""The command's line: help, version, verbs, refusals."""

import json
import subprocess
import sys

import pytest

from jupyter_terra_env import __version__
from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.cli.main import main
from jupyter_terra_env.server.autopause.settings import AutopauseSettings


def test_without_a_verb_it_shows_its_help_and_says_it_was_not_asked_anything(machine):
    done = machine.run()
    assert (done.returncode, done.stdout) == (2, "")
    assert all(verb in done.stderr for verb in ("demo", "check", "bucket", "examples:", "exit codes:"))


@pytest.mark.parametrize("verb", ["demo", "check", "bucket", "preview", "copy", "versions", "packages"])
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


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["check", "--root", "no-such-folder", "--json"], "settings"),
        (["locks", "--json"], "settings"),
        (["locks", "--json", "--elsewhere"], "settings"),
        (["flush", "--json"], "settings"),
        (["autopause", "--json"], "settings"),
        (["autopause", "--json", "keep-awake", "soon"], "settings"),
        (["autopause", "pause-now", "--json"], "settings"),
        (["bucket", "--json", "--data", "/dev/null/x"], "settings"),
        (["preview", "--json"], "settings"),
        (["preview", "--json", "--serve"], "settings"),
        (["copy", "--json", "a", "b"], "settings"),
        (["copy", "--json", "a", "workspace:"], "settings"),
        (["copy", "--json", "--workers", "0", "a", "gs://a-bucket/"], "usage"),
        (["bucket", "--json"], "usage"),
        (["preview", "--json", "--serve", "--port", "http"], "usage"),
        (["flush", "--json", "--deadline", "soon"], "usage"),
        (["autopause", "--json", "nonsense"], "usage"),
    ],
)
def test_errors_are_json_of_one_form_where_json_was_asked_for(machine, arguments, reason):
    done = machine.run(*arguments)
    found = json.loads(done.stdout)
    assert done.returncode == 2
    assert found["well"] is False
    (trouble,) = found["troubles"]
    assert trouble == {"workspace": None, "reason": reason, "message": found["message"]}
    assert found["message"] in done.stderr


def test_the_json_of_a_command_that_is_kept_awake_for_is_its_own(machine):
    done = machine.run("autopause", "keep-awake", "--while", "program", "--json")
    assert (done.returncode, done.stdout) == (2, "")


def test_every_setting_is_shown(machine):
    done = machine.run("--help-all")
    assert (done.returncode, done.stderr) == (0, "")
    for kind in (TerraEnvApp, AutopauseSettings):
        for name in kind.class_own_traits(config=True):
            assert f"--{kind.__name__}.{name}=" in done.stdout
    assert "WORKSPACE_BUCKET" in done.stdout


def test_a_file_of_all_settings_is_made_once_and_changes_nothing(machine):
    made = machine.run("--generate-config")
    file = machine.config / "jupyter_terra_env_config.py"
    assert (made.returncode, str(file) in made.stdout) == (0, True)
    assert "# c.TerraEnvApp.collaborators = []" in file.read_text()
    assert "# c.AutopauseSettings.pause_chain = ['report_only']" in file.read_text()
    assert not [line for line in file.read_text().splitlines() if line.startswith("c.")]
    file.write_text("# mine")
    again = machine.run("--generate-config")
    assert (again.returncode, file.read_text()) == (2, "# mine")
    assert "exists already" in again.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_the_command(machine, shell):
    pytest.importorskip("argcomplete")
    done = machine.run("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "jupyter-terra-env" in done.stdout


def test_what_is_completed(machine):
    pytest.importorskip("argcomplete")
    completed = machine.home / "completed"
    line = "jupyter-terra-env autopause keep-"
    done = machine.run(
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_STDOUT_FILENAME=str(completed),
        _ARGCOMPLETE_IFS="\n",
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
    )
    assert done.returncode == 0
    assert completed.read_text().split() == ["keep-awake"]
