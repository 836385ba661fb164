"""Pausing by a web hook: a signed request to a service of the operator's."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping

import httpx

from jupyter_terra_env.autopause.actuators.port import Outcome, Result
from jupyter_terra_env.rules.autopause.state import PauseReason

SIGNATURE_HEADER = "X-Terra-Env-Signature"
REQUEST_HEADER = "Idempotency-Key"


class WebhookActuator:
    """Posts ``{reason, request_id, time, environment}``; a 2xx answer means that the machine is being paused.

    The body is signed: ``X-Terra-Env-Signature: sha256=HEX`` is its HMAC with the shared secret. The time in it lets
    the receiver refuse a request that was recorded and sent again.

    Args:
        url: where to.
        secret: the shared secret.
        environment: what to call this machine, for example its project, zone and name.
        wall: epoch seconds.
        client: the HTTP client.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        *,
        secret: bytes,
        environment: Mapping[str, str],
        wall: Callable[[], float],
        client: httpx.AsyncClient,
    ) -> None:
        self._url = url
        self._secret = secret
        self._environment = dict(environment)
        self._wall = wall
        self._client = client

    async def pause(self, reason: PauseReason, request_id: str) -> Outcome:
        """See ``Actuator``."""
        record = {
            "reason": reason.value,
            "request_id": request_id,
            "time": int(self._wall()),
            "environment": self._environment,
        }
        body = json.dumps(record, separators=(",", ":"), sort_keys=True).encode()
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: f"sha256={hmac.new(self._secret, body, hashlib.sha256).hexdigest()}",
            REQUEST_HEADER: request_id,
        }
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except httpx.TransportError as error:
            return Outcome(result=Result.AGAIN, detail=f"The web hook cannot be reached ({type(error).__name__}).")
        if answer.is_success:
            return Outcome(result=Result.ACCEPTED, detail=f"The web hook answered {answer.status_code}.")
        again = answer.status_code >= 500 or answer.status_code == 429
        return Outcome(
            result=Result.AGAIN if again else Result.UNAVAILABLE,
            detail=f"The web hook answered {answer.status_code}.",
        )
