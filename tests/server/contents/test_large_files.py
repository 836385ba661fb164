"""Large files of the workspace are downloaded in a stream: the server never holds one in memory."""

import hashlib
from pathlib import Path

import pytest
import requests
from real_server import RealServer
from workspace_kit import BUCKET

SIZE_BYTES = 64 * 1024 * 1024


@pytest.fixture
def server(bucket, tmp_path):
    home = tmp_path / "home"
    (home / "root").mkdir(parents=True)
    server = RealServer(
        home,
        "--TerraEnvApp.pattern=.*",
        WORKSPACE_NAME="w",
        WORKSPACE_BUCKET=f"gs://{BUCKET}",
        OWNER_EMAIL="owner@example.org",
        STORAGE_EMULATOR_HOST=bucket.front.url,
    ).wait_until_it_serves()
    yield server
    server.kill()


def peak_bytes(server):
    """The most memory that the server's process ever had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [peak] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) * 1024


def download(server, name):
    """The checksum and the size of what arrives."""
    url, headers = server.info["url"] + f"files/w/edit/{name}", {"Authorization": f"token {server.info['token']}"}
    digest, size = hashlib.sha256(), 0
    with requests.get(url, headers=headers, stream=True, timeout=120) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_content(1024 * 1024):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def test_a_download_takes_a_fraction_of_the_file_in_memory(bucket, server):
    content = bytes(range(256)) * (SIZE_BYTES // 256)
    bucket.put("notebooks/deep/big.bin", content)
    bucket.put("notebooks/deep/small.bin", b"small")
    assert server.ask("GET", "api/contents/w/edit/deep?content=1").ok
    assert download(server, "deep/small.bin")[1] == 5
    before = peak_bytes(server)
    for _ in ("from the bucket", "from the disk"):
        assert download(server, "deep/big.bin") == (hashlib.sha256(content).hexdigest(), SIZE_BYTES)
    assert peak_bytes(server) - before < SIZE_BYTES / 2
    stat = server.ask("GET", "api/contents/w/edit/deep/big.bin?content=0").json()
    assert (stat["type"], stat["size"]) == ("file", SIZE_BYTES)
