"""Where a baseline keeps the fixed-key metadata of its object: among the custom metadata, under a key no object has.

An upload replaces all metadata, so it names what the object had; it comes with what is read and written anyway, and
lives as long as the baseline, also over a restart with a debt.
"""

import json
from collections.abc import Mapping

from jupyter_terra_env.bucket.object_fields import ObjectFields
from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.rules.sync import ABSENT_GENERATION, Baseline

_KEY = "\0fields"
"""Never sent: what begins so cannot be the name of a header, as which Cloud Storage offers custom metadata."""


def with_fields(version: ObjectVersion) -> dict[str, str]:
    """A version's custom metadata with its fixed-key metadata, for a baseline."""
    return {**version.metadata, _KEY: json.dumps(version.fields.known())}


def fields_in(baseline_metadata: Mapping[str, str]) -> ObjectFields | None:
    """The fixed-key metadata of a baseline; None when it was written down by a version that did not know any."""
    try:
        known = json.loads(baseline_metadata[_KEY])
    except (KeyError, ValueError):
        return None
    return ObjectFields.of(known) if isinstance(known, dict) else None


def keeps_unknown(baseline: Baseline) -> bool:
    """Whether there is an object of which it is not known what it keeps: it has to be read before it is replaced."""
    return baseline.generation != ABSENT_GENERATION and fields_in(baseline.metadata) is None


def custom_in(baseline_metadata: Mapping[str, str]) -> dict[str, str]:
    """The custom metadata of a baseline, as an object has it."""
    return {key: value for key, value in baseline_metadata.items() if key != _KEY}
