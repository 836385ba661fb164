"""Which notebooks are in use by kernels: how clients without a presence socket are seen."""

import sqlite3
from collections.abc import Callable
from typing import Any

from jupyter_server.utils import ensure_async


async def paths_in_use(serverapp: Any, state_of: Callable[[str], str | None]) -> frozenset[str]:
    """API paths of notebooks whose kernel is busy or has a connected client.

    Args:
        serverapp: the Jupyter server.
        state_of: the state of a kernel by its id, from whoever observes it; None where nobody does, and what the
            server reports has to be believed.
    """
    sessions = await ensure_async(serverapp.session_manager.list_sessions())
    return frozenset(session["path"].strip("/") for session in sessions if _is_used(session.get("kernel"), state_of))


def _is_used(kernel: dict[str, Any] | None, state_of: Callable[[str], str | None]) -> bool:
    if kernel is None:
        return False
    state = state_of(kernel["id"]) or kernel.get("execution_state")
    return kernel.get("connections", 0) > 0 or state == "busy"


def notebook_sessions(session_manager: Any, kernel_id: str) -> frozenset[str] | None:
    """Ids of the notebook sessions of a kernel, at once; None where the session manager is not as Jupyter's.

    Args:
        session_manager: the server's.
        kernel_id: the kernel.
    """
    try:
        rows = session_manager.connection.execute(
            "SELECT session_id FROM session WHERE kernel_id = ? AND type = 'notebook'", (kernel_id,)
        )
        return frozenset(str(row[0]) for row in rows.fetchall())
    except (AttributeError, sqlite3.Error):
        return None
