"""The pause machine's memory on the disk."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_terra_env.durable import write_durably


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is no such file, or it cannot be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(file: Path, record: Mapping[str, Any]) -> None:
    """Replace a file in one step, durably.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    write_durably(file, json.dumps(record, indent=1).encode())
