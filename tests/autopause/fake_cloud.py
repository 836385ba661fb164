"""A cloud on loopback: a metadata server, Leonardo, and Compute Engine, with faults before and after the effect."""

import contextlib
import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PROJECT, ZONE, NAME, RUNTIME = "proj", "us-central1-a", "vm-1", "saturn-1"
LEONARDO = f"/api/google/v1/runtimes/{PROJECT}/{RUNTIME}"
INSTANCE = f"/compute/v1/projects/{PROJECT}/zones/{ZONE}/instances/{NAME}"
METADATA = "/computeMetadata/v1/"


class FakeCloud:
    """One loopback server for all three; tests script its faults and look at what became of the machine.

    A fault is an HTTP status, ``"drop"`` (no answer, nothing done), ``"lose"`` (done, but no answer), or a number of
    seconds to wait as a float.
    """

    def __init__(self):
        self.metadata = {
            "project/project-id": PROJECT,
            "instance/name": NAME,
            "instance/id": "1",
            "instance/zone": f"projects/9/zones/{ZONE}",
            "instance/machine-type": "projects/9/machineTypes/n1-standard-4",
            "instance/scheduling/preemptible": "FALSE",
            "instance/preempted": "FALSE",
            "instance/maintenance-event": "NONE",
        }
        self.attributes = {}
        self.flavor = "Google"
        self.tokens = ["token-1"]
        self.accepted_tokens = {"token-1"}
        self.runtime = "Running"
        self.thresholds = [30]
        self.instance = "RUNNING"
        self.stops = []
        self.faults = {"leonardo": deque(), "leonardo-status": deque(), "compute": deque(), "metadata": deque()}
        self.requests = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        with self._changed:
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self):
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def set(self, key, value):
        """A key of the metadata changes."""
        with self._changed:
            self.metadata[key] = value
            self._changed.notify_all()

    def answer(self, method, path, query, headers, body):
        """Status, body and headers of the answer to a request."""
        self.requests.append((method, path, query))
        if path == "/":
            # How clients find out whether there is a metadata server.
            return 200, b"", {"Metadata-Flavor": self.flavor}
        if path.startswith(METADATA):
            return self._metadata(path.removeprefix(METADATA), query, headers)
        if path.startswith(LEONARDO):
            return self._leonardo(method, path, headers, body)
        if path.startswith(INSTANCE):
            return self._compute(method, path, query)
        return 404, b"{}", {}

    def _metadata(self, key, query, headers):
        if headers.get("Metadata-Flavor") != "Google":
            return 403, b"", {}
        answer = {"Content-Type": "application/text"}
        if self.flavor:
            answer["Metadata-Flavor"] = self.flavor
        if self.faults["metadata"]:
            return self.faults["metadata"].popleft(), b"", answer
        if key == "instance/attributes/":
            return 200, json.dumps(self.attributes).encode(), answer
        if key.startswith("instance/service-accounts/"):
            return self._service_account(key, answer)
        if query.get("wait_for_change") == "true" and query.get("last_etag") == self._etag(key):
            self._wait_for_change(key, float(query.get("timeout_sec", 60)))
        if key not in self.metadata:
            return 404, b"", answer
        return 200, self.metadata[key].encode(), {**answer, "ETag": self._etag(key)}

    def _wait_for_change(self, key, seconds):
        before, until = self._etag(key), time.monotonic() + seconds
        with self._changed:
            while self._etag(key) == before and time.monotonic() < until:
                self._changed.wait(0.05)

    def _service_account(self, key, answer):
        if key.endswith("token"):
            token = self.tokens[0] if len(self.tokens) == 1 else self.tokens.pop(0)
            body = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
        else:
            body = {"email": "sa@example.org", "scopes": ["s"], "aliases": ["default"]}
        return 200, json.dumps(body).encode(), {**answer, "Content-Type": "application/json"}

    def _etag(self, key):
        return f"e{hash(self.metadata.get(key)) & 0xFFFFFFFF:x}"

    def _leonardo(self, method, path, headers, sent):
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.accepted_tokens:
            return 401, b"{}", {}
        if method == "GET":
            if self.faults["leonardo-status"]:
                return self.faults["leonardo-status"].popleft(), b"{}", {}
            config = {"machineType": "n1-standard-4", "bootDiskSize": 250, "zone": "us-central1-a", "gpuConfig": None}
            body = {"status": self.runtime, "runtimeConfig": config, "autopauseThreshold": self.thresholds[-1]}
            return 200, json.dumps(body).encode(), {}
        fault = self.faults["leonardo"].popleft() if self.faults["leonardo"] else None
        if isinstance(fault, int) or fault == "drop":
            return fault, b"{}", {}
        if method == "PATCH":
            fields = json.loads(sent)
            self.thresholds.append(fields["autopauseThreshold"] if fields.get("autopause") else 30)
            return 202, b"", {}
        if isinstance(fault, float):
            time.sleep(fault)
        if self.runtime == "Running":
            self.stops.append(("leonardo", None))
            self.runtime = "Stopping"
        return ("drop" if fault == "lose" else 202), b"", {}

    def _compute(self, method, path, query):
        fault = self.faults["compute"].popleft() if self.faults["compute"] and method == "POST" else None
        if isinstance(fault, int):
            return fault, json.dumps({"error": {"code": fault, "message": "no"}}).encode(), {}
        if fault == "drop":
            return fault, b"", {}
        if method == "GET":
            return 200, json.dumps({"status": self.instance, "name": NAME}).encode(), {}
        kind = path.rpartition("/")[2]
        if self.instance == "RUNNING":
            self.stops.append((kind, query.get("requestId")))
            self.instance = {"stop": "STOPPING", "suspend": "SUSPENDING"}[kind]
        body = json.dumps({"name": "op-1", "status": "RUNNING"}).encode()
        return ("drop" if fault == "lose" else 200), body, {"Content-Type": "application/json"}

    def _handler(cloud):  # noqa: N805 - the handler's own self is another
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer, headers = cloud.answer(self.command, parts.path, query, self.headers, body)
                if status == "drop":
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PATCH = do_POST = handle_any  # noqa: N815 - the standard library's names

            def log_message(self, *args):
                pass

            def finish(self):
                # The connection may have been dropped on purpose.
                with contextlib.suppress(OSError, ValueError):
                    super().finish()

        return Handler
