"""Faults on purpose, for tests: before the effect of a request, after it, or in the middle of its answer.

A `FaultPlan` is given to the adapter or to the loopback front; tests add `Fault`s to it. Both carriers make the same
of it: a lost answer is a connection reset, a hang ends with the client's timeout, a cut body is an incomplete read.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.errors import ApiError, error_response
from jupyter_terra_env.bucket.embedded.messages import Request, Response
from jupyter_terra_env.bucket.embedded.routes import Call, route
from jupyter_terra_env.bucket.embedded.uploads import named_object


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWith:
    """Answer with an error instead of the true answer."""

    status: int = 503
    reason: str = "backendError"
    message: str = "A fault that a test asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetConnection:
    """Break the connection instead of answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Let the request (or, after the effect, its answer) wait."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Let the request (or, after the effect, its answer) wait until the plan releases it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutBody:
    """Break the connection after so many bytes of the answer's body."""

    after_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAnswer:
    """Answer with the true resource, but for some fields: as if a bit had flipped on the way, or in the service.

    Attributes:
        fields: What the fields say instead.
    """

    fields: Mapping[str, str]


Action = AnswerWith | ResetConnection | Delay | Hang | CutBody | ChangeAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is to go wrong, and with which requests.

    Attributes:
        operation: Such as "objects.patch". It also stands for the operations below it: "objects.insert" for
            "objects.insert.start", "objects.insert.chunk" and "objects.insert.cancel". "*" stands for all.
        action: What happens.
        times: How many requests it happens to.
        name_prefix: Only to objects whose names begin so.
        after_effect: The request is carried out first. Cut and changed answers always come after the effect.
    """

    operation: str
    action: Action
    times: int = 1
    name_prefix: str = ""
    after_effect: bool = False

    def concerns(self, operation: str, object_name: str) -> bool:
        """Return whether it can happen to such a request."""
        named = self.operation in {"*", operation} or operation.startswith(f"{self.operation}.")
        return named and object_name.startswith(self.name_prefix)


class Handled(NamedTuple):
    """A request that is over.

    `status` is what its effect was answered with, even if that answer was lost; 0 when it had no effect.
    """

    operation: str
    object_name: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the client is to see.

    Attributes:
        response: The answer, or None for a broken connection.
        timed_out: No answer came within the client's patience.
        cut_after_bytes: Break off in the body, here.
    """

    response: Response | None
    timed_out: bool = False
    cut_after_bytes: int | None = None


class FaultPlan:
    """The faults still to happen and the requests that were handled. Safe to share between threads."""

    def __init__(self) -> None:
        """Plan nothing."""
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, int]] = []
        self._history: list[Handled] = []
        self._unconditional: list[str] = []
        self._release = threading.Event()

    @property
    def history(self) -> list[Handled]:
        """Every request that is over, as (operation, object name, status), oldest first."""
        with self._lock:
            return list(self._history)

    @property
    def unconditional(self) -> list[str]:
        """Requests that would change an object at any version, from the first on; they are never forgotten."""
        with self._lock:
            return list(self._unconditional)

    @property
    def pending(self) -> list[Fault]:
        """The faults that have not happened as often as they should."""
        with self._lock:
            return [fault for fault, _ in self._faults]

    def add(self, *faults: Fault) -> None:
        """Plan faults; of several that concern a request, the first added happens."""
        with self._lock:
            self._faults += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        """Forget the faults still to happen and the history, and release what hangs."""
        with self._lock:
            self._faults.clear()
            self._history.clear()
        self.release()

    def release(self) -> None:
        """Let every request that hangs now go on. Those that come later hang anew."""
        with self._lock:
            released, self._release = self._release, threading.Event()
        released.set()

    def take(self, operation: str, object_name: str) -> Fault | None:
        """Return the fault that is to happen to a request, and count it as happened."""
        with self._lock:
            for index, (fault, left) in enumerate(self._faults):
                if fault.concerns(operation, object_name):
                    self._faults[index : index + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
        return None

    def judge(self, call: Call) -> None:
        """Take note of a request that names no version of the object it would change."""
        if not _is_conditional(call):
            with self._lock:
                self._unconditional.append(f"{call.request.method} {call.request.target}")

    def record(self, handled: Handled) -> None:
        """Add to the history."""
        with self._lock:
            self._history.append(handled)

    def wait_for_release(self, patience_seconds: float | None) -> bool:
        """Wait until the plan is released; return False when patience ends first."""
        with self._lock:
            release = self._release
        return release.wait(patience_seconds)


def exchange(
    bucket: EmbeddedBucket, request: Request, plan: FaultPlan | None, patience_seconds: float | None = None
) -> Delivery:
    """Carry out a request, with the fault that is planned for it, if any.

    Args:
        bucket: Answers the request.
        request: The request.
        plan: The faults; None plans nothing and records nothing.
        patience_seconds: How long the client waits for an answer; None waits for ever.
    """
    if plan is None:
        return Delivery(response=bucket.handle(request))
    operation, object_name = _identified(request, plan)
    fault = plan.take(operation, object_name)
    true_answer: Response | None = None
    if fault is None:
        true_answer = bucket.handle(request)
        delivery = Delivery(response=true_answer)
    else:
        delivery, true_answer = _faulty(bucket, request, plan, fault, patience_seconds)
    status = true_answer.status if true_answer else 0
    plan.record(Handled(operation, object_name, status))
    return delivery


def _faulty(
    bucket: EmbeddedBucket, request: Request, plan: FaultPlan, fault: Fault, patience_seconds: float | None
) -> tuple[Delivery, Response | None]:
    """Let one fault happen. Return what the client sees, and the true answer if the request took effect."""
    match fault.action:
        case AnswerWith(status=status, reason=reason, message=message):
            answer = bucket.handle(request) if fault.after_effect else None
            instead = bucket.dated(error_response(status, reason, message))
            return Delivery(response=instead), answer
        case ResetConnection():
            return Delivery(response=None), bucket.handle(request) if fault.after_effect else None
        case CutBody(after_bytes=after_bytes):
            answer = bucket.handle(request)
            return Delivery(response=answer, cut_after_bytes=after_bytes), answer
        case ChangeAnswer(fields=fields):
            answer = bucket.handle(request)
            return Delivery(response=_changed(answer, fields)), answer
        case Delay(seconds=seconds):
            return _delayed(bucket, request, fault, seconds, patience_seconds)
        case Hang():
            return _hanging(bucket, request, plan, fault, patience_seconds)
        case _ as never:
            assert_never(never)


def _delayed(
    bucket: EmbeddedBucket, request: Request, fault: Fault, seconds: float, patience_seconds: float | None
) -> tuple[Delivery, Response | None]:
    """Delay a request. It takes effect even if the client has given up by then, as on a slow server."""
    answer = bucket.handle(request) if fault.after_effect else None
    gives_up = patience_seconds is not None and patience_seconds < seconds
    threading.Event().wait(patience_seconds if gives_up else seconds)
    answer = answer or bucket.handle(request)
    return Delivery(response=None if gives_up else answer, timed_out=gives_up), answer


def _hanging(
    bucket: EmbeddedBucket, request: Request, plan: FaultPlan, fault: Fault, patience_seconds: float | None
) -> tuple[Delivery, Response | None]:
    """Hold a request. It takes effect only if it is released, or had its effect before."""
    answer = bucket.handle(request) if fault.after_effect else None
    if not plan.wait_for_release(patience_seconds):
        return Delivery(response=None, timed_out=True), answer
    answer = answer or bucket.handle(request)
    return Delivery(response=answer), answer


def _changed(answer: Response, fields: Mapping[str, str]) -> Response:
    try:
        resource = json.loads(answer.body)
    except ValueError:
        return answer
    body = json.dumps({**resource, **fields}).encode()
    return Response(status=answer.status, headers=answer.headers, body=body)


def _identified(request: Request, plan: FaultPlan) -> tuple[str, str]:
    try:
        call = route(request)
        plan.judge(call)
        return call.operation, named_object(call)
    except ApiError:
        return "unknown", ""


def _is_conditional(call: Call) -> bool:
    """Return whether a request changes no object, or only one version of it.

    The requests that follow the start of a resumable upload go by its preconditions.
    """
    is_new, is_seen = _names_version(call, "if")
    match call.operation:
        case (
            "objects.insert"
            | "objects.insert.start"
            | "objects.compose"
            | "objects.copy"
            | "objects.rewrite"
            | "objects.restore"
        ):
            return is_new or is_seen
        case "objects.patch" | "objects.update" | "objects.delete":
            return is_seen
        case "objects.move":
            return is_new and _names_version(call, "ifSource")[1]
        case _:
            return call.operation != "batch"


def _names_version(call: Call, prefix: str) -> tuple[bool, bool]:
    """Return whether a request asks for an object not to exist, and whether for one version of its metadata."""
    generation = call.query.get(f"{prefix}GenerationMatch")
    metageneration = call.query.get(f"{prefix}MetagenerationMatch")
    return generation == "0", generation not in {None, "0"} and metageneration is not None
