"""Commands that keep the machine running while they last: leases that end by themselves unless they are renewed."""

from collections.abc import Callable
from dataclasses import dataclass

from jupyter_terra_env.autopause.observation import Observation
from jupyter_terra_env.rules.autopause.activity import Work, WorkKind
from jupyter_terra_env.rules.errors import AutopauseRefusal, AutopauseRefused

MOST_SECONDS = 3600.0
"""Longest lease without renewal: the process that holds it may be killed."""
MOST_LEASES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    label: str
    since: float
    until: float


class Leases:
    """The leases of a server, a source of work.

    Args:
        monotonic: a clock, in seconds.
        new_id: gives a fresh id.
    """

    name = "leases"

    def __init__(self, *, monotonic: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._monotonic = monotonic
        self._new_id = new_id
        self._leases: dict[str, _Lease] = {}
        self._ended: float | None = None

    def take(self, label: str, seconds: float) -> str:
        """Keep the machine running for a command.

        Args:
            label: its name in reports.
            seconds: how long, at most ``MOST_SECONDS``.

        Returns:
            The lease's id.

        Raises:
            AutopauseRefused: there are too many already.
        """
        self._drop_ended()
        if len(self._leases) >= MOST_LEASES:
            raise AutopauseRefused(AutopauseRefusal.TOO_MANY_LEASES)
        lease_id, now = self._new_id(), self._monotonic()
        self._leases[lease_id] = _Lease(label=label, since=now, until=now + min(seconds, MOST_SECONDS))
        return lease_id

    def renew(self, lease_id: str, seconds: float) -> None:
        """Let a lease last longer.

        Raises:
            AutopauseRefused: there is no such lease any more.
        """
        self._drop_ended()
        lease = self._leases.get(lease_id)
        if lease is None:
            raise AutopauseRefused(AutopauseRefusal.NO_LEASE)
        until = self._monotonic() + min(seconds, MOST_SECONDS)
        self._leases[lease_id] = _Lease(label=lease.label, since=lease.since, until=until)

    def end(self, lease_id: str) -> None:
        """Give a lease back.

        Raises:
            AutopauseRefused: there is no such lease any more.
        """
        self._drop_ended()
        if self._leases.pop(lease_id, None) is None:
            raise AutopauseRefused(AutopauseRefusal.NO_LEASE)
        self._ended = self._monotonic()

    async def look(self) -> Observation:
        """The commands that run."""
        self._drop_ended()
        now = self._monotonic()
        work = tuple(
            Work(kind=WorkKind.COMMAND, id=lease_id, detail=f"{lease.label} runs.", age_seconds=now - lease.since)
            for lease_id, lease in self._leases.items()
        )
        return Observation(work=work, work_age=None if self._ended is None else now - self._ended)

    def _drop_ended(self) -> None:
        now = self._monotonic()
        for lease_id, lease in list(self._leases.items()):
            if lease.until <= now:
                del self._leases[lease_id]
                self._ended = max(lease.until, self._ended or lease.until)
