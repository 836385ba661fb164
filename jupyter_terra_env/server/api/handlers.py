"""The REST endpoints of a server with workspaces, by their paths under ``/terra-env``."""

from jupyter_terra_env.server.api.conflicts import CONFLICT_HANDLERS
from jupyter_terra_env.server.api.debts import DebtsHandler, FlushHandler
from jupyter_terra_env.server.api.locks import LockHandler
from jupyter_terra_env.server.api.presence import PresenceSocket
from jupyter_terra_env.server.api.preview import PreviewHandler
from jupyter_terra_env.server.api.sharing import SHARING_HANDLERS
from jupyter_terra_env.server.api.status import StatusHandler
from jupyter_terra_env.server.api.versions import VERSIONS_HANDLERS
from jupyter_terra_env.server.api.workspace_version import OpenWorkspaceVersionHandler

HANDLERS = (
    ("status", StatusHandler),
    ("lock", LockHandler),
    ("presence", PresenceSocket),
    ("debts", DebtsHandler),
    ("flush", FlushHandler),
    ("open-workspace-version", OpenWorkspaceVersionHandler),
    ("preview", PreviewHandler),
    *CONFLICT_HANDLERS,
    *SHARING_HANDLERS,
    *VERSIONS_HANDLERS,
)
