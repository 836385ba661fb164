"""Preconditions of a request, judged against one object.

GCS JSON API, "Request preconditions": a missing object counts as generation 0, so `ifGenerationMatch=0` means that it
must not exist. On a read, a "not match" that fails answers 304; everything else that fails answers 412.
"""

from dataclasses import dataclass
from typing import Protocol, Self

from jupyter_terra_env.bucket.embedded.errors import not_modified, precondition_failed
from jupyter_terra_env.bucket.embedded.messages import Request
from jupyter_terra_env.bucket.embedded.resources import etag
from jupyter_terra_env.bucket.embedded.routes import Query


class Versioned(Protocol):
    """What preconditions look at."""

    @property
    def generation(self) -> int:
        """The content version."""

    @property
    def metageneration(self) -> int:
        """The metadata version within the generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """The conditions of one request on one object; None and empty tuples ask for nothing."""

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None
    etags_match: tuple[str, ...] = ()
    etags_not_match: tuple[str, ...] = ()

    @classmethod
    def of(cls, query: Query, request: Request | None = None) -> Self:
        """Read the conditions on the object that a request names (or writes).

        Raises:
            ApiError: 400 when one is not a number.
        """
        return cls(
            generation_match=query.integer("ifGenerationMatch"),
            generation_not_match=query.integer("ifGenerationNotMatch"),
            metageneration_match=query.integer("ifMetagenerationMatch"),
            metageneration_not_match=query.integer("ifMetagenerationNotMatch"),
            etags_match=_etags(request.header("if-match") if request else None),
            etags_not_match=_etags(request.header("if-none-match") if request else None),
        )

    @classmethod
    def of_source(cls, query: Query) -> Self:
        """Read the conditions on the object that is copied or moved.

        Raises:
            ApiError: 400 when one is not a number.
        """
        return cls(
            generation_match=query.integer("ifSourceGenerationMatch"),
            generation_not_match=query.integer("ifSourceGenerationNotMatch"),
            metageneration_match=query.integer("ifSourceMetagenerationMatch"),
            metageneration_not_match=query.integer("ifSourceMetagenerationNotMatch"),
        )

    def check_read(self, found: Versioned) -> None:
        """Let a read of `found` pass, or refuse it.

        Raises:
            ApiError: 412 or 304.
        """
        if not self._matches(found):
            raise precondition_failed()
        if not self._differs(found):
            raise not_modified()

    def check_write(self, found: Versioned | None) -> None:
        """Let a write over `found` pass, or refuse it. None is a missing object.

        Raises:
            ApiError: 412.
        """
        if not (self._matches(found) and self._differs(found)):
            raise precondition_failed()

    def _matches(self, found: Versioned | None) -> bool:
        generation, metageneration = (found.generation, found.metageneration) if found else (0, 0)
        return (
            self.generation_match in {None, generation}
            and self.metageneration_match in {None, metageneration}
            and (not self.etags_match or _names(self.etags_match, found))
        )

    def _differs(self, found: Versioned | None) -> bool:
        generation, metageneration = (found.generation, found.metageneration) if found else (0, 0)
        return (
            self.generation_not_match != generation
            and self.metageneration_not_match != metageneration
            and not _names(self.etags_not_match, found)
        )


def _names(etags: tuple[str, ...], found: Versioned | None) -> bool:
    return found is not None and ("*" in etags or etag(found.generation, found.metageneration) in etags)


def _etags(header: str | None) -> tuple[str, ...]:
    """Read If-Match or If-None-Match; clients of the JSON API send ETags with quotes and without."""
    return tuple(part.strip().removeprefix("W/").strip('"') for part in (header or "").split(",") if part.strip())
