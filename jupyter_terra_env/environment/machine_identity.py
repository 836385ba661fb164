"""The identity of this machine, which shows whether a persistent disk was cloned, restored elsewhere or moved.

Protocol: docs/protocol/write-attempts.md, "An environment id belongs to one machine".
"""

import re
from collections.abc import Mapping
from pathlib import Path

from jupyter_terra_env.environment.metadata import instance_id

FILE_NAME = "environment-machine"
_MACHINE_ID = Path("/etc/machine-id")
_VALID = re.compile(r"[0-9a-f]{32}")


def machine_identity(environ: Mapping[str, str], *, machine_id_file: Path = _MACHINE_ID) -> str | None:
    """Return this machine's identity as ``<source>:<value>``; None if it has none.

    The instance id of Compute Engine, else the machine id of the operating system (machine-id(5)). May wait for the
    metadata server for two seconds, so it is meant for the start of a process.

    Args:
        environ: environment variables.
        machine_id_file: the operating system's file with its machine id.
    """
    instance = instance_id(environ)
    if instance is not None:
        return f"compute-engine:{instance}"
    try:
        machine_id = machine_id_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return f"machine-id:{machine_id}" if _VALID.fullmatch(machine_id) else None


def is_another_machine(remembered: str | None, found: str | None) -> bool:
    """Whether two identities certainly belong to different machines.

    Identities of different sources prove nothing: the metadata server may have been silent once.
    """
    if remembered is None or found is None:
        return False
    same_source = remembered.partition(":")[0] == found.partition(":")[0]
    return same_source and remembered != found
