"""What the contents manager stands on; ``wiring/`` hands it over."""

from dataclasses import dataclass

from jupyter_terra_env.notebooks.listing_badges import ListingBadges
from jupyter_terra_env.notebooks.locks.lock_keeper import LockKeeper
from jupyter_terra_env.notebooks.statuses import Statuses
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketListings
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.notebooks.sync.saving import Saving
from jupyter_terra_env.notebooks.sync.views import Views
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.rules.workspace import Workspaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsParts:
    """The notebooks of a server's workspaces, as the contents manager uses them.

    Attributes:
        workspaces: which folders belong to a workspace.
        notebooks: opening, renaming and deleting.
        statuses: what is known of each notebook.
        storage: disk, buckets and journal by location.
        listings: what folders have in the bucket.
        badges: what a listing says beyond names.
        saving: saving, and delivering what was saved.
        views: what was shown.
        keeper: keeps the locks of what was opened or saved.
    """

    workspaces: Workspaces
    notebooks: WorkspaceNotebooks
    statuses: Statuses
    storage: NotebookStorage
    listings: BucketListings
    badges: ListingBadges
    saving: Saving
    views: Views
    keeper: LockKeeper
