"""What the handlers of this package stand on; ``wiring/`` hands it over."""

from dataclasses import dataclass

from jupyter_terra_env.notebooks.deliveries import Deliveries
from jupyter_terra_env.notebooks.earlier_versions import EarlierVersions
from jupyter_terra_env.notebooks.locks.lock_keeper import LockKeeper
from jupyter_terra_env.notebooks.preview.content import Previews
from jupyter_terra_env.notebooks.sharing import Sharing
from jupyter_terra_env.notebooks.statuses import Statuses
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.conflicts import Conflicts
from jupyter_terra_env.notebooks.sync.views import Views
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.workspace import Workspaces

HANDLER_PARTS_SETTING = "jupyter_terra_env_handler_parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerParts:
    """The notebooks of a server's workspaces, as handlers use them.

    Attributes:
        workspaces: which folders belong to a workspace.
        notebooks: opening, renaming and deleting.
        statuses: what is known of each notebook.
        storage: disk, buckets and journal by location.
        listings: what folders have in the bucket.
        views: what was shown.
        keeper: takes, keeps and gives back locks.
        deliveries: what the bucket does not have yet.
        conflicts: the ways out when both sides have changed.
        previews: what a preview shows.
        versions: what the bucket has kept.
        sharing: who else has a file.
        cage: does the work on what others wrote.
    """

    workspaces: Workspaces
    notebooks: WorkspaceNotebooks
    statuses: Statuses
    storage: NotebookStorage
    listings: BucketListings
    views: Views
    keeper: LockKeeper
    deliveries: Deliveries
    conflicts: Conflicts
    previews: Previews
    versions: EarlierVersions
    sharing: Sharing
    cage: Cage
