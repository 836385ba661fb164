"""How to reach buckets: plain values, so that naming them does not import the client library."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

EMBEDDED_BUCKET_VARIABLE: Final = "TERRA_ENV_EMBEDDED_BUCKET"
SMALL_WRITE_SECONDS: Final = 5.0
_SLOWEST_BYTES_PER_SECOND: Final = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach buckets.

    Attributes:
        embedded_directory: data folder of the embedded bucket, used in this process; None for Cloud Storage.
        embedded_buckets: what is made in that folder when it holds no bucket yet.
        concurrency: transfers at once, half of them in each direction at least; as many questions have threads of
            their own, and so have small changes and edit locks.
        read_timeout_seconds: longest silence of the service within a request.
        retry_deadline_seconds: how long reads are repeated before they fail.
    """

    embedded_directory: Path | None = None
    embedded_buckets: tuple[str, ...] = ()
    concurrency: int = 8
    read_timeout_seconds: float = 30.0
    retry_deadline_seconds: float = 8.0

    @property
    def transfers_each_way(self) -> int:
        """Uploads at once, and downloads at once."""
        return max(1, self.concurrency // 2)

    @property
    def requests_at_once(self) -> int:
        """All requests there can be at once, and so the connections kept."""
        return 2 * self.transfers_each_way + 3 * self.concurrency

    def silence_seconds(self, sent_bytes: int) -> float:
        """Longest silence after so many bytes were sent.

        What was sent may still be on its way: the system takes megabytes at once from the client. Cloud Storage
        answers small writes in well under a second.
        """
        return min(self.read_timeout_seconds, SMALL_WRITE_SECONDS + sent_bytes / _SLOWEST_BYTES_PER_SECOND)
