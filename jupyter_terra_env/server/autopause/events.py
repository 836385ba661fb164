"""The event of the pause: every client of ``/api/events/subscribe`` gets it, without polling."""

from typing import Any

from jupyter_terra_env.autopause.flush import FlushCause
from jupyter_terra_env.rules.autopause.activity import WorkKind
from jupyter_terra_env.rules.autopause.state import Failure, PauseReason, Phase

AUTOPAUSE_SCHEMA_ID = "https://jupyter-terra-env.invalid/events/autopause/v1"
_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}

AUTOPAUSE_SCHEMA: dict[str, Any] = {
    "$id": AUTOPAUSE_SCHEMA_ID,
    "version": "1",
    "title": "Pause of the environment",
    "description": (
        "Sent when the state of the pause, its deadline or its reason has changed. With 'save' set, tabs save "
        'everything they hold at once and then POST {"action": "saved"}.'
    ),
    "personal-data": False,
    "type": "object",
    "required": ["state", "since", "deadline", "reason", "failure", "message", "blockers", "cost_per_hour", "save"],
    "properties": {
        "state": {"enum": [phase.value for phase in Phase]},
        "since": _MAYBE_TEXT,
        "deadline": _MAYBE_TEXT,
        "reason": {"enum": [None, *(reason.value for reason in PauseReason)]},
        "failure": {"enum": [None, *(failure.value for failure in Failure)]},
        "message": _TEXT,
        "blockers": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind", "id", "detail", "since"],
                "properties": {
                    "kind": {"enum": [kind.value for kind in WorkKind]},
                    "id": _TEXT,
                    "detail": _TEXT,
                    "since": _MAYBE_TEXT,
                },
            },
        },
        "cost_per_hour": _MAYBE_TEXT,
        "save": {"enum": [None, *(cause.value for cause in FlushCause)]},
    },
}
