"""What a Welder left: its disk, and its records in the staging bucket, whole, damaged or hostile."""

import asyncio
import json

import pytest
from welder_kit import CLOUD, link
from workspace_kit import BUCKET

from jupyter_terra_env.rules.storage_links import parse_link

STAGING = "staging-bucket"
LINKS, VERSIONS = "welder-metadata/storage_links.json", "welder-metadata/gcs_metadata.json"
PATHS = {name: f"Terra/edit/{name}.ipynb" for name in ("equal", "edited", "theirs", "both", "unknown")}


@pytest.fixture
def records(bucket):
    """Welder's records: writes them, and reads them again."""
    bucket.client.create_bucket(STAGING)
    staging = bucket.client.bucket(STAGING)

    class Records:
        def write(self, links, versions):
            for name, value in ((LINKS, links), (VERSIONS, versions)):
                text = value if isinstance(value, bytes) else json.dumps(value)
                staging.blob(name).upload_from_string(text)

        def read(self, name):
            return json.loads(staging.blob(name).download_as_bytes())

    return Records()


def version_of(blob, path):
    return {
        "localPath": path,
        "remoteState": {"lock": None, "crc32c": blob.crc32c},
        "localFileGeneration": blob.generation,
    }


@pytest.fixture
def terra_settings(port, left_behind):
    return {
        "bucket_retry_deadline_seconds": 1.0,
        "listing_max_age_seconds": 0.0,
        "welder_port": port,
        "staging_bucket": STAGING,
        "deliver_program_changes": False,
    }


@pytest.fixture
def serving(on_port, jp_serverapp):
    """Wait until the port answers: what Welder left is taken up then."""

    async def wait():
        async with asyncio.timeout(20):
            while True:
                try:
                    assert (await on_port("GET", "status")).code == 200
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    return

    return wait


class TestADiskThatWelderUsed:
    @pytest.fixture
    def left_behind(self, records, bucket, disk):
        """Five notebooks as Welder and its person left them."""
        for path in PATHS.values():
            disk(path, "first")
        seen = [version_of(bucket.put_notebook(f"{name}.ipynb", "first"), path) for name, path in PATHS.items()]
        records.write([link(cloud=f"{BUCKET}/notebooks")], seen[:-1])
        for name in ("theirs", "both"):
            bucket.put_notebook(f"{name}.ipynb", "theirs")
        bucket.put_notebook("unknown.ipynb", "theirs")
        for name in ("edited", "both"):
            disk(PATHS[name], "mine")

    async def test_agrees_where_bytes_agree_and_conflicts_where_both_changed(
        self, serving, status_of, objects, bucket, records, on_port
    ):
        await serving()
        assert {name: await status_of(path) for name, path in PATHS.items()} == {
            "equal": "LIVE",
            "edited": "LOCAL_CHANGED",
            "theirs": "REMOTE_CHANGED",
            "both": "REMOTE_CHANGED",
            "unknown": "DESYNCHRONIZED",
        }
        bucket.mark()
        saved = {name: (await objects("safeDelocalize", localPath=path)).code for name, path in PATHS.items()}
        assert saved == {"equal": 204, "edited": 204, "theirs": 204, "both": 412, "unknown": 412}
        assert [bucket.sources(f"{name}.ipynb") for name in PATHS] == [["first"], ["mine"], *[["theirs"]] * 3]
        assert bucket.requests.count(("objects.insert", 200)) == 1

    async def test_can_go_back_to_welder(self, serving, localize, on_port, records, bucket):
        await serving()
        assert (await localize(f"{CLOUD}/theirs.ipynb", PATHS["theirs"])).code == 204
        for _ in range(2):
            assert (await on_port("POST", "cache/flush")).code == 204
        assert records.read(LINKS) == [link(cloud=f"{BUCKET}/notebooks")]
        written = {entry["localPath"]: entry for entry in records.read(VERSIONS)}
        now = bucket.get("theirs.ipynb")
        assert written[PATHS["theirs"]] == version_of(now, PATHS["theirs"])
        assert written[PATHS["equal"]]["localFileGeneration"] == bucket.get("equal.ipynb").generation


class TestRecordsThatAreDamaged:
    @pytest.fixture(
        params=[
            (b"", b""),
            (b"{", b"["),
            (b"\xff\xfe", b"null"),
            ({"a": 1}, {"b": 2}),
            ([None, 3, "x", [], {}, link("../out"), link("/etc"), link(pattern="(a+)+$")], []),
            (b"[" * 100_000, b"[" * 100_000),
        ],
        ids=["empty", "half", "no UTF-8", "objects", "no links", "deep"],
    )
    def left_behind(self, request, records):
        records.write(*request.param)

    async def test_are_left_alone(self, serving, on_port, jp_root_dir, caplog):
        await serving()
        assert (await on_port("GET", "storageLinks")).model == {"storageLinks": []}
        assert [file.name for file in jp_root_dir.iterdir()] == [".jupyter-terra-env"]
        assert not [record for record in caplog.records if record.exc_info]
        assert (await on_port("POST", "storageLinks", link())).code == 200


class TestRecordsThatAreHostile:
    @pytest.fixture
    def left_behind(self, records, bucket, disk):
        good = version_of(bucket.put_notebook("edited.ipynb", "first"), PATHS["edited"])
        disk(PATHS["edited"], "mine")
        wrong = [None, 3, [], {}, {"localPath": PATHS["edited"]}]
        for field, values in (
            ("localPath", [None, 3, "../x", "/etc/x", "a\0b", "x" * 70_000]),
            ("localFileGeneration", [None, True, -1, 0, 1.5, 2**63, 10**400, "1"]),
            ("remoteState", [None, "NotFound", "Found", {}, {"crc32c": 3}, {"crc32c": "x" * 10_000}, {"crc32c": "é"}]),
        ):
            wrong += [{**good, field: value} for value in values]
        links = [link("../out", None), 3, link("Terra/edit/../..", None), link(cloud=f"{BUCKET}/notebooks")]
        links += [link(".jupyter-terra-env", None)]
        records.write(links, [*wrong, good])

    async def test_only_what_is_right_counts(self, serving, on_port, status_of, objects, bucket, caplog):
        await serving()
        assert (await on_port("GET", "storageLinks")).model["storageLinks"] == [link(cloud=f"{BUCKET}/notebooks")]
        assert await status_of(PATHS["edited"]) == "LOCAL_CHANGED"
        assert (await objects("safeDelocalize", localPath=PATHS["edited"])).code == 204
        assert bucket.sources("edited.ipynb") == ["mine"]
        assert not [record for record in caplog.records if record.exc_info]


class TestAServerThatDiesWhileItTakesThemUp:
    @pytest.fixture
    def left_behind(self, records):
        records.write([], [])

    async def test_takes_up_everything_again(self, serving, links_of_another_server):
        await serving()
        links = links_of_another_server()
        made = parse_link(link())

        async def dies():
            assert links.match(PATHS["equal"]) is not None
            raise KeyError

        async def knows():
            return

        with pytest.raises(KeyError):
            await links.take_up([made], dies)
        assert links.is_new
        await links.take_up([made], knows)
        assert (links.is_new, links.listed) == (False, (made,))
        await links.close()
