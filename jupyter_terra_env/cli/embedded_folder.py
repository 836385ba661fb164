"""The data folder of an embedded bucket, which commands that only read do not create."""

from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME
from jupyter_terra_env.rules.errors import BucketTrouble, BucketUnavailable


def require_embedded_bucket(connection: Connection, bucket: str) -> None:
    """Refuse a data folder that holds nothing yet: connecting would create an empty database.

    Args:
        connection: how buckets are reached.
        bucket: bucket name, for the error.

    Raises:
        BucketUnavailable: there is none.
    """
    folder = connection.embedded_directory
    if folder is not None and not (folder / DATABASE_NAME).exists():
        raise BucketUnavailable(bucket, BucketTrouble.UNREACHABLE, f"{folder} holds no {DATABASE_NAME}")
