"""Variables of kernels and terminals: those of the workspace whose folder they start in, and of no other.

Terra's images set them from ``.delocalize.json`` in a wrapper around each kernel (terra-docker: kernel_bootstrap.sh).
"""

from collections.abc import Callable, Mapping

from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.program_variables import Variables

Locate = Callable[[str], Location | None]


def workspace_variables(location: Location, owner_email: str) -> dict[str, str]:
    """The variables of a workspace.

    Args:
        location: a place in it.
        owner_email: Terra e-mail address of the environment's owner; empty when it is not known.
    """
    workspace = location.workspace
    variables = {"WORKSPACE_NAME": workspace.name, "WORKSPACE_BUCKET": f"gs://{workspace.bucket}"}
    return {**variables, "OWNER_EMAIL": owner_email} if owner_email else variables


def variables_by_workspace(locate: Locate, owner_email: str) -> Variables:
    """The variables of programs, by the workspace they start in.

    Args:
        locate: finds the workspace of an API path.
        owner_email: as ``workspace_variables`` takes it.
    """

    def variables(path: str, _environ: Mapping[str, str]) -> dict[str, str]:
        location = locate(path) if path else None
        return {} if location is None else workspace_variables(location, owner_email)

    return variables
