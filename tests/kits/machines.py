"""Programs as they are started on a machine whose home folder, and so whose Jupyter folders, are its own."""

import os
import socket
import subprocess
import sysconfig
from pathlib import Path

COMMAND = Path(sysconfig.get_path("scripts")) / "jupyter-terra-env"
_FOREIGN = ("JUPYTER", "WORKSPACE_", "TERRA_", "STORAGE_", "OWNER_EMAIL", "GOOGLE_", "GCE_", "CLOUDSDK_")


def variables_of(home, **more):
    """The variables of programs with this home folder; nothing of what the tests themselves were started with."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)},
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        # No search for credentials beyond this machine.
        "NO_GCE_CHECK": "true",
        **more,
    }


def free_port():
    """A TCP port of the loopback interface that nothing uses at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def run_command(*arguments, home, variables):
    """Run the package's command to its end."""
    done = subprocess.run(
        [COMMAND, *map(str, arguments)],
        env=variables,
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done
