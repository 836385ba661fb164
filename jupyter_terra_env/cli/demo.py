"""`jupyter terra-env demo`: JupyterLab on a workspace of its own, without a cloud."""

import argparse
import contextlib
import fcntl
import os
import re
import shlex
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote

from jupyter_terra_env.cli.demo_data import (
    BUCKET,
    EDIT_FOLDER,
    PLAYGROUND_FOLDER,
    PREFIX,
    WORKSPACE,
    DemoFolders,
    prepare,
)
from jupyter_terra_env.rules.errors import SettingsError

NAME = "demo"
HELP = "open JupyterLab on a workspace of made-up notebooks, without a cloud"

ADDRESS = "127.0.0.1"
FIRST_PERSON = "demo"
DATA_FOLDER_NAME = "terra-env-demo"

_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_DESCRIPTION = """\
Open JupyterLab on a workspace whose bucket lives in a folder of this machine: no account, no network.

The notebooks and the data in them are made up. What you change is kept for the next time. Everything that needs
no cloud works as it does in Terra: opening and saving in 'edit', trying things out in 'playground', and a second
person (--as) on the same notebooks, in a JupyterLab of their own beside the first.
"""
_EPILOG = f"""\
examples:
  jupyter terra-env demo                        JupyterLab in your browser
  jupyter terra-env demo --as maria             a second person, in another terminal, on the same notebooks
  jupyter terra-env demo --data ~/try --port 9999 --no-browser

The data folder is {DATA_FOLDER_NAME} in Jupyter's data folder ('jupyter --data-dir'), unless --data names another.
Delete it to start afresh. Ctrl-C ends JupyterLab and its kernels; what was saved is kept.

exit codes: 0 ended on request, 2 could not start (the reason is on stderr)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What was asked for.

    Attributes:
        folders: where the files are.
        port: the port to use, or None for the first free one.
        with_browser: whether to open a browser.
    """

    folders: DemoFolders
    port: int | None
    with_browser: bool

    @property
    def owner_email(self) -> str:
        """An address that can belong to nobody (RFC 2606)."""
        return f"{self.folders.person}@demo.invalid"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("--as", dest="person", metavar="NAME", default=FIRST_PERSON, help="be another person")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder; is created")
    parser.add_argument("--port", type=_port, metavar="P", help=f"port on {ADDRESS} (default: 8888 or the next free)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser; the address is printed")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Returns:
        0 when ended on request.

    Raises:
        SettingsError: it could not start.
    """
    if not _PERSON.fullmatch(arguments.person):
        raise SettingsError(
            f"--as: {arguments.person!r} cannot be a folder name here; "
            "use up to 40 letters, digits, '.', '_' and '-', a letter or digit first."
        )
    data: Path = arguments.data or _default_data_folder()
    demo = Demo(
        folders=DemoFolders(data.expanduser().absolute(), arguments.person),
        port=arguments.port,
        with_browser=not arguments.no_browser,
    )
    _refuse_port_in_use(demo.port)
    prepare(demo.folders)
    print(_welcome(demo, data_was_named=arguments.data is not None), flush=True)
    os.environ.update(_variables(demo))
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C before the server had begun
        _serve(demo)
    print(f"The demo has ended. What was saved is in {demo.folders.data}.", flush=True)
    return 0


def _default_data_folder() -> Path:
    from jupyter_core.paths import jupyter_data_dir  # noqa: PLC0415 - `--help` is quick without it

    return Path(jupyter_data_dir()) / DATA_FOLDER_NAME


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _refuse_port_in_use(port: int | None) -> None:
    if port is None:
        return
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((ADDRESS, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {ADDRESS} cannot be used ({error.strerror}). "
                "Name another one, or leave --port out for a free one."
            ) from error


def _welcome(demo: Demo, *, data_was_named: bool) -> str:
    other = "maria" if demo.folders.person != "maria" else "paul"
    data = f" --data {shlex.quote(str(demo.folders.data))}" if data_was_named else ""
    return f"""\
A demo of Terra's cloud environment, for {demo.folders.person}: made-up notebooks, nothing leaves this machine.

  Data folder    {demo.folders.data}
  In JupyterLab  open a notebook in '{WORKSPACE}/{EDIT_FOLDER}': saving writes it to the workspace's bucket.
                 '{WORKSPACE}/{PLAYGROUND_FOLDER}' has the same notebooks to try things out: nothing goes back.
  Second person  jupyter terra-env demo --as {other}{data}     (in another terminal)
  To stop        Ctrl-C here

JupyterLab is starting; its address follows.
"""


def _variables(demo: Demo) -> dict[str, str]:
    """The variables Terra gives its containers; kernels see them too."""
    return {
        "WORKSPACE_NAME": WORKSPACE,
        "WORKSPACE_BUCKET": f"gs://{BUCKET}",
        "OWNER_EMAIL": demo.owner_email,
        "TERRA_ENV_EMBEDDED_BUCKET": str(demo.folders.bucket),
    }


def _jupyter_settings(demo: Demo) -> dict[str, dict[str, Any]]:
    """What JupyterLab is started with: the user's own configuration counts, except where the demo would not be one."""
    port = {} if demo.port is None else {"port": demo.port, "port_retries": 0}
    return {
        "ServerApp": {
            "ip": ADDRESS,
            "root_dir": str(demo.folders.home),
            "allow_root": os.geteuid() == 0,
            "answer_yes": True,
            "open_browser": demo.with_browser,
            **port,
        },
        "LabApp": {
            "default_url": f"/lab/tree/{quote(WORKSPACE)}/{EDIT_FOLDER}",
            "open_browser": demo.with_browser,
            "workspaces_dir": str(demo.folders.lab),
            "user_settings_dir": str(demo.folders.settings),
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        },
        "TerraEnvApp": {
            "workspaces": [{"name": WORKSPACE, "bucket": f"gs://{BUCKET}", "prefix": PREFIX}],
            # The demo refuses one itself, in words of its own.
            "allow_other_contents_manager": True,
            "edit_folder": EDIT_FOLDER,
            "playground_folder": PLAYGROUND_FOLDER,
            "prefix": PREFIX,
            "pattern": r".*\.ipynb",
            "owner_email": demo.owner_email,
            "embedded_bucket": str(demo.folders.bucket),
            "state_directory": str(demo.folders.home / ".jupyter-terra-env"),
        },
    }


def _serve(demo: Demo) -> None:
    # Only here: it takes half a second.
    from jupyterlab.labapp import LabApp  # type: ignore[import-untyped] # noqa: PLC0415
    from traitlets.config import Config  # noqa: PLC0415

    with demo.folders.turn.open("w") as turn:
        # Jupyter finds a free port first and takes it later: two demos at once would find the same one.
        fcntl.flock(turn, fcntl.LOCK_EX)
        # Given like this, settings count as much as those of a command line.
        server = LabApp.initialize_server(argv=[], config=Config(_jupyter_settings(demo)))
        _refuse_without_extension(server)
        _end_on_signals(server)
        # The loop takes the port before it does this.
        server.io_loop.add_callback(fcntl.flock, turn, fcntl.LOCK_UN)
        server.start()


def _refuse_without_extension(server: Any) -> None:
    from jupyter_terra_env.server.contents import TerraContentsManager  # noqa: PLC0415 - as above

    manager = server.contents_manager
    if not server.jpserver_extensions.get("jupyter_terra_env"):
        raise SettingsError(
            "The server extension jupyter_terra_env is disabled in this Jupyter's configuration. "
            "Enable it with 'jupyter server extension enable jupyter_terra_env'."
        )
    if not isinstance(manager, TerraContentsManager) or manager.notebooks is None:
        raise SettingsError(
            f"This Jupyter's configuration sets another contents manager ({type(manager).__name__}), so workspace "
            "folders cannot be shown. Remove 'ServerApp.contents_manager_class' from it."
        )


def _end_on_signals(server: Any) -> None:
    """Let one Ctrl-C end everything: saves on their way, kernels, the server; more of them change nothing.

    Jupyter asks a question on a terminal, and without one leaves its kernels behind.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        server.stop(from_signal=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
