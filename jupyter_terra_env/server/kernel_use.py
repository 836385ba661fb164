"""Which notebooks are in use by kernels: how clients without a presence socket are seen."""

from typing import Any

from jupyter_server.utils import ensure_async


async def paths_in_use(serverapp: Any) -> frozenset[str]:
    """API paths of notebooks whose kernel is busy or has a connected client.

    Args:
        serverapp: the Jupyter server.
    """
    sessions = await ensure_async(serverapp.session_manager.list_sessions())
    return frozenset(session["path"].strip("/") for session in sessions if _is_used(session.get("kernel")))


def _is_used(kernel: dict[str, Any] | None) -> bool:
    return kernel is not None and (kernel.get("connections", 0) > 0 or kernel.get("execution_state") == "busy")
