"""The graphics cards, as a source of work, where the machine has ``nvidia-smi``."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from jupyter_terra_env.autopause.observation import Observation
from jupyter_terra_env.rules.autopause.activity import Work, WorkKind

_QUERY = ("--query-gpu=index,utilization.gpu,name", "--format=csv,noheader,nounits")
_PATIENCE_SECONDS = 10.0


class GpuWatch:
    """Asks ``nvidia-smi`` once a tick.

    Args:
        command: where it is.
        monotonic: a clock, in seconds.
        active_percent: utilisation from where on a card counts; 0 for never.
        work_samples: looks in a row it takes.
    """

    name = "graphics cards"

    def __init__(
        self, command: Path, *, monotonic: Callable[[], float], active_percent: float, work_samples: int
    ) -> None:
        self._command = command
        self._monotonic = monotonic
        self._active_percent = active_percent
        self._work_samples = work_samples
        self._active: dict[str, tuple[int, float]] = {}

    async def look(self) -> Observation:
        """The cards that have been in use for long enough.

        Raises:
            OSError: the program cannot be run.
            ValueError: it says something else than it should.
            TimeoutError: it does not answer.
        """
        cards = _read(await self._ask())
        now = self._monotonic()
        counted = {}
        for index, percent, _ in cards:
            if self._active_percent > 0 and percent >= self._active_percent:
                samples, since = self._active.get(index, (0, now))
                counted[index] = (samples + 1, since)
        self._active = counted
        return Observation(
            work=tuple(
                Work(
                    kind=WorkKind.GPU,
                    id=index,
                    detail=f"Graphics card {index} ({name}) is {percent:.0f} % busy.",
                    age_seconds=now - counted[index][1],
                )
                for index, percent, name in cards
                if index in counted and counted[index][0] >= self._work_samples
            )
        )

    async def _ask(self) -> str:
        process = await asyncio.create_subprocess_exec(
            self._command,
            *_QUERY,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return output.decode("utf-8", "replace")


def _read(output: str) -> list[tuple[str, float, str]]:
    cards = []
    for line in output.splitlines():
        index, percent, name = (cell.strip() for cell in line.split(",", 2))
        # A card in use by a virtual machine's guest says "[N/A]": nothing is known of it.
        cards.append((index, 0.0 if percent.startswith("[") else float(percent), name))
    return cards
