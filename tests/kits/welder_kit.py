"""What clients of Welder's API send."""

from workspace_kit import BUCKET

from jupyter_terra_env.rules.edit_lock import owner_hash

CLOUD = f"gs://{BUCKET}/notebooks"
PATTERN = r".*\.ipynb"
ME = owner_hash(BUCKET, "owner@example.org")


def link(base="Terra/edit", safe="Terra/safe", cloud=CLOUD, pattern=PATTERN):
    return {
        "localBaseDirectory": base,
        "localSafeModeBaseDirectory": safe,
        "cloudStorageDirectory": cloud,
        "pattern": pattern,
    }
