"""Prints every setting (`--help-all`) and writes a file with all of them (`--generate-config`)."""

import os
from pathlib import Path

from jupyter_terra_env.rules.errors import SettingsError

_VARIABLES = """\
Environment variables
---------------------
WORKSPACE_NAME             the workspace's name
WORKSPACE_BUCKET           its bucket, as gs://BUCKET
OWNER_EMAIL                Terra e-mail address of the environment's owner
TERRA_ENV_EMBEDDED_BUCKET  data folder of an embedded bucket, used instead of Cloud Storage
STORAGE_EMULATOR_HOST      an emulator's address, used instead of Cloud Storage
"""
_WHERE = """\
Settings
--------
In jupyter_server_config.py or jupyter_terra_env_config.py ('jupyter --paths' lists the folders) as
c.TerraEnvApp.NAME = VALUE, or on the command line of jupyter lab, notebook or server as --TerraEnvApp.NAME=VALUE.
"""
_HEAD = """\
# Settings of jupyter_terra_env, read when a Jupyter server starts. To set one, remove the '#' before its line.
# Variables that need no file: WORKSPACE_NAME, WORKSPACE_BUCKET, OWNER_EMAIL.

c = get_config()  # noqa
"""


def text() -> str:
    """Return all variables and settings with their meaning and default."""
    # Jupyter takes a second to import.
    from jupyter_terra_env.app import TerraEnvApp  # noqa: PLC0415
    from jupyter_terra_env.server.autopause.settings import AutopauseSettings  # noqa: PLC0415

    parts = [_VARIABLES, _WHERE]
    for kind in (TerraEnvApp, AutopauseSettings):
        parts.append(f"{kind.__name__}\n{'-' * len(kind.__name__)}")
        parts += [kind.class_get_trait_help(trait) for _, trait in sorted(kind.class_own_traits(config=True).items())]
        parts.append("")
    return "\n".join(parts)


def write() -> Path:
    """Write a configuration file with all settings as comments.

    Returns:
        Its path.

    Raises:
        SettingsError: the file exists already, or cannot be written.
    """
    from jupyter_core.paths import jupyter_config_dir  # noqa: PLC0415 - `--help` is quick without it

    from jupyter_terra_env.app import TerraEnvApp  # noqa: PLC0415
    from jupyter_terra_env.server.autopause.settings import AutopauseSettings  # noqa: PLC0415

    file = Path(jupyter_config_dir()) / "jupyter_terra_env_config.py"
    sections = [
        kind.class_config_section([kind])  # without what is inherited: Jupyter's own settings are elsewhere
        for kind in (TerraEnvApp, AutopauseSettings)
    ]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write("\n".join([_HEAD, *sections]))
    except FileExistsError:
        raise SettingsError(f"{file} exists already and was left as it is. Move it away first.") from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be written ({error.strerror}).") from error
    return file
