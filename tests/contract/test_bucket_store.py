"""The contract of ``BucketStore``, on the bucket in this process and on one behind HTTP."""

import asyncio
import gzip
import io
import random
import time
from datetime import UTC, datetime

import pytest
import requests
from environments import BUCKET, Outsider, directory_in_memory

from jupyter_terra_env.bucket import gcs
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import (
    AnswerWith,
    ChangeAnswer,
    CutBody,
    Delay,
    Fault,
    FaultPlan,
    Hang,
    ResetConnection,
)
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.bucket.embedded.refusals import REFUSALS
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter
from jupyter_terra_env.bucket.gcs_downloads import crc32c_of
from jupyter_terra_env.bucket.object_fields import ObjectFields
from jupyter_terra_env.bucket.store import DamagedWrite, MatchVersion, MustNotExist, SessionGone, SessionPlan
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.rules.errors import (
    BucketRefused,
    BucketTrouble,
    BucketUnavailable,
    ObjectNotFound,
    PreconditionFailed,
)

READ_TIMEOUT_SECONDS = 0.6
NAMES = ["notebooks/a.ipynb", "a b#?%&+é/e\u0301\\.ipynb", "o/acl", "x/rewriteTo/b/y/o/z", "/", "a//b", "../x"]


class Store:
    """The port under test, as plain calls; and the same bucket from outside."""

    def __init__(self, threads, outsider, faults):
        self.threads = threads
        self.outsider = outsider
        self.faults = faults
        self.port = threads.bucket(BUCKET, None)

    def __getattr__(self, verb):
        return lambda *args, **kwargs: asyncio.run(getattr(self.port, verb)(*args, **kwargs))

    def put(self, name, content=b"x", metadata=None):
        blob = self.outsider.bucket.blob(name)
        blob.metadata = metadata
        blob.upload_from_string(content)
        return version_of(blob)

    def save(self, name, content, precondition=None, metadata=None, content_type="text/plain", **how):
        return self.write(
            name,
            io.BytesIO(content),
            **how,
            content_type=content_type,
            metadata=metadata or {},
            precondition=precondition or MustNotExist(),
        )

    def read(self, name, generation):
        file = io.BytesIO()
        self.read_into(name, generation, file)
        return file.getvalue()

    def content(self, name):
        return self.outsider.bucket.blob(name).download_as_bytes()

    @property
    def operations(self):
        return [handled.operation for handled in self.faults.history]


def version_of(seen):
    return MatchVersion(generation=seen.generation, metageneration=seen.metageneration)


@pytest.fixture
def faults():
    return FaultPlan()


@pytest.fixture
def memory_directory():
    with directory_in_memory() as directory:
        yield directory


@pytest.fixture
def deadline_seconds():
    """How long reads are repeated; short, for tests in which they fail in the end."""
    return 0.3


@pytest.fixture(params=["in this process", "over HTTP"])
def store(request, memory_directory, faults, monkeypatch, deadline_seconds):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    limits = {"read_timeout_seconds": READ_TIMEOUT_SECONDS, "retry_deadline_seconds": deadline_seconds}
    directory = memory_directory / "data"
    with EmbeddedBucket(directory / DATABASE_NAME) as engine:
        if request.param == "over HTTP":
            with EmbeddedServer(engine, faults=faults) as front:
                monkeypatch.setenv("STORAGE_EMULATOR_HOST", front.url)
                yield from _serve(Connection(**limits), engine, faults)
        else:
            yield from _serve(Connection(embedded_directory=directory, **limits), engine, faults)


def _serve(connection, engine, faults):
    outsider = Outsider(engine)
    threads = BucketThreads(connection, monotonic=time.monotonic)
    store = Store(threads, outsider, faults)
    store.stat("connects")
    if connection.embedded_directory is not None:
        # The settings have no place for faults: let them happen on the same database.
        threads._client._http.mount(ENDPOINT, EmbeddedAdapter(engine, faults=faults))
    faults.clear()
    try:
        yield store
    finally:
        faults.release()
        threads.end_threads(wait=True)
        threads._client.close()
        threads._client._http.close()
        outsider.close()


def timed(call):
    start = time.monotonic()
    with pytest.raises(BucketUnavailable) as error:
        call()
    return error.value, time.monotonic() - start


class TestStat:
    def test_of_nothing(self, store):
        assert store.stat("notebooks/a.ipynb") is None
        assert store.operations == ["objects.get"]

    @pytest.mark.parametrize("name", NAMES)
    def test_reports_the_version_with_metadata(self, store, name):
        seen = store.put(name, b"123456789", {"k": "v", "ü": "é"})
        version = store.stat(name)
        assert version.name == name
        assert version_of(version) == seen
        assert version.crc32c == "4waSgw=="
        assert version.size_bytes == 9
        assert version.metadata == {"k": "v", "ü": "é"}
        assert version.updated.utcoffset().total_seconds() == version.created.utcoffset().total_seconds() == 0
        assert store.operations == ["objects.get"]

    def test_is_of_now(self, store):
        store.put("a", b"one")
        first = store.stat("a")
        store.put("a", b"two")
        second = store.stat("a")
        assert second.generation != first.generation
        assert second.metadata == {}


class TestList:
    def test_one_level(self, store):
        for name in ("n/b.ipynb", "n/a.ipynb", "n/sub/c", "n/sub/d", "n/other/e", "m", "n", "n/"):
            store.put(name, b"x", {"name": "v"})
        listing = store.list("n/")
        assert [version.name for version in listing.objects] == ["n/", "n/a.ipynb", "n/b.ipynb"]
        assert listing.prefixes == ("n/other/", "n/sub/")
        assert listing.objects[1].metadata == {"name": "v"}
        assert version_of(listing.objects[1]) == version_of(store.stat("n/a.ipynb"))
        assert listing.objects[1].crc32c == store.stat("n/a.ipynb").crc32c
        assert listing.objects[1].updated is not None

    def test_of_nothing(self, store):
        listing = store.list("n/")
        assert (listing.objects, listing.prefixes) == ((), ())
        assert store.operations == ["objects.list"]

    def test_of_the_whole_bucket(self, store):
        store.put("a")
        store.put("d/b")
        listing = store.list("")
        assert ([version.name for version in listing.objects], listing.prefixes) == (["a"], ("d/",))

    def test_more_than_a_thousand_are_complete_with_one_request_a_thousand(self, store):
        for name in (*(f"n/{number:04}" for number in range(1001)), "n/9999/deeper"):
            store.outsider.put_plain(name)
        listing = store.list("n/")
        assert len({version.name for version in listing.objects}) == 1001
        assert listing.prefixes == ("n/9999/",)
        assert store.operations == ["objects.list"] * 2

    def test_a_failing_second_page_is_never_half_a_listing(self, store, monkeypatch):
        for number in range(3):
            store.put(f"n/{number}")
        client = store.threads._client
        listed = client.list_blobs
        monkeypatch.setattr(client, "list_blobs", lambda *args, **kwargs: listed(*args, page_size=2, **kwargs))
        assert len(store.list("n/").objects) == 3
        failing = Fault(operation="objects.list", action=AnswerWith(status=403, reason="forbidden"))
        store.faults.add(Fault(operation="objects.list", action=Delay(seconds=0)), failing)
        with pytest.raises(BucketRefused):
            store.list("n/")


class TestListAll:
    def test_every_level_with_versions(self, store):
        for name in ("n/b.ipynb", "n/sub/deeper/c", "n/", "n//x", "m", "n", "n2/d"):
            store.put(name, b"x", {"name": "v"})
        listed = store.list_all("n/")
        assert [version.name for version in listed] == ["n/", "n//x", "n/b.ipynb", "n/sub/deeper/c"]
        assert listed[3] == store.stat("n/sub/deeper/c")

    def test_of_nothing(self, store):
        assert store.list_all("n/") == ()
        assert store.operations == ["objects.list"]

    def test_more_than_a_thousand_are_complete_with_one_request_a_thousand(self, store):
        for number in range(1001):
            store.outsider.put_plain(f"n/{number % 7}/{number:04}")
        assert len({version.name for version in store.list_all("n/")}) == 1001
        assert store.operations == ["objects.list"] * 2


class TestRead:
    @pytest.mark.parametrize("content", [b"", b"abc", bytes(range(256)) * 40_000], ids=["empty", "small", "10 MB"])
    def test_the_exact_bytes_with_one_request(self, store, content):
        seen = store.put("a", content)
        assert store.read("a", seen.generation) == content
        assert store.operations == ["objects.download"]

    def test_of_nothing(self, store):
        with pytest.raises(ObjectNotFound):
            store.read("a", 1)

    def test_of_another_generation(self, store):
        seen = store.put("a", b"one")
        store.put("a", b"two")
        file = io.BytesIO()
        with pytest.raises(PreconditionFailed):
            store.read_into("a", seen.generation, file)
        assert file.getvalue() == b""

    @pytest.mark.parametrize("deadline_seconds", [10])
    @pytest.mark.parametrize("cuts", [1, 2])
    def test_a_cut_answer_is_repeated_until_it_is_whole(self, store, cuts):
        content = bytes(range(256)) * 2000
        seen = store.put("a", content)
        store.faults.add(Fault(operation="objects.download", action=CutBody(after_bytes=300_000), times=cuts))
        assert store.read("a", seen.generation) == content

    def test_an_answer_cut_each_time_is_never_taken_for_whole(self, store):
        seen = store.put("a", bytes(100_000))
        store.faults.add(Fault(operation="objects.download", action=CutBody(after_bytes=100), times=1000))
        with pytest.raises(BucketUnavailable):
            store.read("a", seen.generation)

    def test_damaged_bytes_are_refused(self, store, monkeypatch):
        seen = store.put("a", b"x" * 1000)
        with monkeypatch.context() as patch:
            patch.setattr("google_crc32c.Checksum.digest", lambda _self: b"\0\0\0\0")
            with pytest.raises(BucketUnavailable) as error:
                store.read("a", seen.generation)
        assert error.value.trouble is BucketTrouble.CORRUPT_TRANSFER

    @pytest.mark.parametrize("deadline_seconds", [10])
    def test_bytes_damaged_in_an_answer_that_is_then_resumed_are_fetched_again(self, store, monkeypatch):
        """The client verifies no checksum of a download that broke off."""
        content = bytes(range(256)) * 2000
        seen = store.put("a", content)
        store.faults.add(Fault(operation="objects.download", action=CutBody(after_bytes=300_000)))
        damaged = []
        real = io.BytesIO.write

        class Damaging(io.BytesIO):
            def write(self, piece):
                if not damaged:
                    damaged.append(piece)
                    piece = b"?" + bytes(piece)[1:]
                return real(self, piece)

        file = Damaging()
        store.read_into("a", seen.generation, file)
        assert file.getvalue() == content
        assert damaged


def compressed(store, content, name="a", **properties):
    blob = store.outsider.bucket.blob(name)
    blob.content_encoding = "gzip"
    for field, value in properties.items():
        setattr(blob, field, value)
    blob.upload_from_string(content)
    return version_of(blob)


class TestReadCompressed:
    CONTENT = random.Random(1).randbytes(300_000) + bytes(300_000)

    @pytest.mark.parametrize("cache_control", [None, "no-transform"])
    def test_is_unpacked_with_one_request(self, store, cache_control):
        seen = compressed(store, gzip.compress(self.CONTENT), cache_control=cache_control)
        assert store.read("a", seen.generation) == self.CONTENT
        assert store.operations == ["objects.download"]

    def test_of_several_members_and_padding(self, store):
        seen = compressed(store, gzip.compress(b"one ") + gzip.compress(b"two") + bytes(512))
        assert store.read("a", seen.generation) == b"one two"

    @pytest.mark.parametrize("content", [b"", b"plain after all"])
    def test_what_is_not_compressed_is_read_as_it_is(self, store, content):
        assert store.read("a", compressed(store, content).generation) == content

    @pytest.mark.parametrize("deadline_seconds", [10])
    @pytest.mark.parametrize("after_bytes", [0, 5, 100_000, 250_000])
    def test_a_cut_answer_is_repeated_until_it_is_whole(self, store, after_bytes):
        seen = compressed(store, gzip.compress(self.CONTENT))
        store.faults.add(Fault(operation="objects.download", action=CutBody(after_bytes=after_bytes), times=2))
        assert store.read("a", seen.generation) == self.CONTENT

    def test_an_answer_cut_each_time_is_never_taken_for_whole(self, store):
        seen = compressed(store, gzip.compress(self.CONTENT))
        store.faults.add(Fault(operation="objects.download", action=CutBody(after_bytes=100), times=1000))
        with pytest.raises(BucketUnavailable):
            store.read("a", seen.generation)

    @pytest.mark.parametrize(
        "content",
        [
            gzip.compress(CONTENT)[:-100],
            gzip.compress(CONTENT)[:5],
            gzip.compress(b"x") + b"and something else",
            gzip.compress(CONTENT)[:1000] + bytes(1000),
        ],
        ids=["cut", "header cut", "more", "damaged"],
    )
    def test_an_object_that_is_broken_itself_is_reported_and_not_asked_for_again(self, store, content):
        seen = compressed(store, content)
        with pytest.raises(BucketRefused) as error:
            store.read("a", seen.generation)
        assert error.value.trouble is BucketTrouble.UNREADABLE_OBJECT
        assert store.operations == ["objects.download"]

    def test_what_grows_beyond_all_measure_is_refused(self, store):
        seen = compressed(store, gzip.compress(bytes(80 << 20)))
        with pytest.raises(BucketRefused) as error:
            store.read("a", seen.generation)
        assert error.value.trouble is BucketTrouble.UNREADABLE_OBJECT


class TestWrite:
    @pytest.mark.parametrize("name", NAMES)
    def test_creates_and_returns_its_own_version(self, store, name):
        version = store.save(name, b"123456789", metadata={"k": "v", "ü": "é"}, content_type="application/x-ipynb+json")
        assert version == store.stat(name)
        assert (version.name, version.crc32c, version.metadata) == (name, "4waSgw==", {"k": "v", "ü": "é"})
        assert store.content(name) == b"123456789"
        assert store.outsider.bucket.get_blob(name).content_type == "application/x-ipynb+json"
        assert store.operations == ["objects.insert", "objects.get"]

    def test_never_creates_over_an_object(self, store):
        store.put("a", b"theirs")
        with pytest.raises(PreconditionFailed):
            store.save("a", b"mine")
        assert store.content("a") == b"theirs"
        assert store.operations == ["objects.insert"]

    def test_replaces_the_version_named_and_all_its_metadata(self, store):
        seen = store.put("a", b"one", {"old": "gone"})
        version = store.save("a", b"two", seen, {"new": "kept"})
        assert version.generation != seen.generation
        assert version.metageneration == 1
        assert store.stat("a").metadata == {"new": "kept"}
        assert store.content("a") == b"two"

    def test_without_metadata_leaves_none(self, store):
        seen = store.put("a", b"one", {"old": "gone"})
        store.save("a", b"two", seen)
        assert store.stat("a").metadata == {}

    def test_not_on_a_stale_generation(self, store):
        seen = store.put("a", b"one")
        store.put("a", b"theirs")
        with pytest.raises(PreconditionFailed):
            store.save("a", b"mine", seen)
        assert store.content("a") == b"theirs"

    def test_not_on_a_stale_metageneration(self, store):
        seen = store.put("a", b"one")
        store.patch_metadata("a", {"lastLockedBy": "somebody"}, seen)
        with pytest.raises(PreconditionFailed):
            store.save("a", b"mine", seen)
        assert store.content("a") == b"one"
        assert store.stat("a").metadata == {"lastLockedBy": "somebody"}

    def test_not_on_what_is_gone(self, store):
        seen = store.put("a", b"one")
        store.outsider.bucket.blob("a").delete()
        with pytest.raises((PreconditionFailed, ObjectNotFound)):
            store.save("a", b"mine", seen)
        assert store.stat("a") is None

    def test_sends_the_file_from_its_start(self, store):
        file = io.BytesIO(b"abc")
        file.seek(2)
        store.write("a", file, content_type="text/plain", metadata={}, precondition=MustNotExist())
        assert store.content("a") == b"abc"

    def test_an_empty_file(self, store):
        assert store.save("a", b"").crc32c == "AAAAAA=="
        assert store.content("a") == b""

    def test_up_to_eight_mebibytes_with_one_request(self, store):
        store.save("a", bytes(8 << 20))
        assert store.operations == ["objects.insert"]

    def test_nine_mebibytes(self, store):
        content = bytes(range(256)) * (9 << 12)
        version = store.save("a", content, metadata={"k": "v"}, content_type="application/x-ipynb+json")
        assert version == store.stat("a")
        assert store.content("a") == content
        assert store.outsider.bucket.get_blob("a").content_type == "application/x-ipynb+json"
        with pytest.raises(PreconditionFailed):
            store.save("a", content)
        store.save("a", content[:-1], version_of(version))

    def test_keeps_the_fields_named(self, store):
        fields = ObjectFields(
            cache_control="no-store",
            content_disposition="inline",
            content_language="de",
            content_type="text/x-r",
            custom_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat(),
        )
        for content in (b"small", bytes(9 << 20)):
            seen = store.stat("a")
            precondition = None if seen is None else seen.precondition
            version = store.save("a", content, precondition, content_type="text/x-r", fields=fields)
            assert version.fields == fields
            assert version == store.stat("a") == store.list("").objects[0] == store.list_all("")[0]

    @pytest.mark.parametrize("content", [b"mine", bytes(9 << 20)], ids=["one request", "session"])
    def test_a_damaged_answer_is_looked_at_again(self, store, content):
        seen = store.put("a", b"one")
        store.faults.add(Fault(operation="objects.insert", action=ChangeAnswer(fields={"crc32c": "AAAAAA=="}), times=2))
        assert store.save("a", content, seen) == store.stat("a")
        assert store.content("a") == content
        assert "objects.delete" not in store.operations

    @pytest.mark.parametrize("content", [b"mine", bytes(9 << 20)], ids=["one request", "session"])
    def test_damaged_content_is_reported_with_the_version_that_holds_it_and_never_deleted(self, store, content):
        seen = store.put("a", b"one")
        damaged = ChangeAnswer(fields={"crc32c": "AAAAAA=="})
        store.faults.add(
            Fault(operation="objects.insert", action=damaged, times=2), Fault(operation="objects.get", action=damaged)
        )
        with pytest.raises(DamagedWrite) as error:
            store.save("a", content, seen)
        store.faults.clear()
        assert error.value.trouble is BucketTrouble.CORRUPT_TRANSFER
        assert error.value.stored.generation == store.stat("a").generation != seen.generation

    @pytest.mark.parametrize("content", [b"mine", bytes(9 << 20)], ids=["one request", "session"])
    def test_a_damaged_answer_never_costs_another_persons_newer_version(self, store, content, monkeypatch):
        seen = store.put("a", b"one")
        store.faults.add(Fault(operation="objects.insert", action=ChangeAnswer(fields={"crc32c": "AAAAAA=="}), times=2))
        stored = gcs.GcsBucket._verified

        def meanwhile(bucket, version, checksum):
            store.put("a", b"theirs")
            return stored(bucket, version, checksum)

        monkeypatch.setattr(gcs.GcsBucket, "_verified", meanwhile)
        with pytest.raises(BucketUnavailable) as error:
            store.save("a", content, seen)
        assert type(error.value) is BucketUnavailable
        assert error.value.trouble is BucketTrouble.CORRUPT_TRANSFER
        assert store.content("a") == b"theirs"

    @pytest.mark.parametrize("content", [b"mine", bytes(9 << 20)], ids=["one request", "session"])
    def test_the_service_gets_the_checksum_of_what_it_has_to_store(self, store, content, monkeypatch):
        """Bytes that are damaged on their way out make no object."""
        seen = store.put("a", b"one")
        send = requests.Session.send

        def damaging(session, prepared, **how):
            if b"mine" in (prepared.body or b"") or len(prepared.body or b"") > 1 << 20:
                at = prepared.body.rindex(content[-4:])
                prepared.body = prepared.body[:at] + b"????" + prepared.body[at + 4 :]
            return send(session, prepared, **how)

        with monkeypatch.context() as patch:
            patch.setattr(requests.Session, "send", damaging)
            with pytest.raises(BucketUnavailable) as error:
                store.save("a", content, seen)
        assert error.value.trouble is BucketTrouble.CORRUPT_TRANSFER
        assert store.content("a") == b"one"

    @pytest.mark.parametrize("deadline_seconds", [10])
    @pytest.mark.parametrize("after_effect", [False, True])
    @pytest.mark.parametrize("step", ["objects.insert.start", "objects.insert.chunk"])
    def test_nine_mebibytes_with_a_reset_take_effect_once(self, store, step, after_effect):
        store.outsider.keep_history()
        content = bytes(9 << 20)
        store.faults.add(Fault(operation=step, action=ResetConnection(), after_effect=after_effect))
        version = store.save("a", content)
        assert version == store.stat("a")
        assert len(list(store.outsider.client.list_blobs(BUCKET, versions=True))) == 1

    def test_of_many_who_create_at_once_one_wins(self, store):
        writers = 8

        async def contend():
            return await asyncio.gather(
                *(
                    store.port.write(
                        "a",
                        io.BytesIO(b"%d" % number),
                        content_type="text/plain",
                        metadata={"writer": str(number)},
                        precondition=MustNotExist(),
                    )
                    for number in range(writers)
                ),
                return_exceptions=True,
            )

        results = asyncio.run(contend())
        won = [number for number, result in enumerate(results) if not isinstance(result, Exception)]
        assert len(won) == 1
        assert all(isinstance(result, PreconditionFailed) for number, result in enumerate(results) if number not in won)
        assert store.content("a") == b"%d" % won[0]
        assert store.stat("a") == results[won[0]]


class TestPatch:
    def test_merges_and_removes(self, store):
        seen = store.put("a", b"one", {"kept": "1", "gone": "2", "changed": "3"})
        version = store.patch_metadata("a", {"gone": None, "changed": "4", "new": "5"}, seen)
        assert version.metadata == {"kept": "1", "changed": "4", "new": "5"}
        assert (version.generation, version.metageneration) == (seen.generation, seen.metageneration + 1)
        assert version == store.stat("a")
        assert store.operations == ["objects.patch", "objects.get"]

    def test_does_not_touch_anything_else(self, store):
        blob = store.outsider.bucket.blob("a")
        blob.content_language, blob.cache_control = "de", "no-store"
        blob.upload_from_string("x", content_type="text/csv")
        store.patch_metadata("a", {"k": "v"}, version_of(blob))
        after = store.outsider.bucket.get_blob("a")
        assert (after.content_type, after.content_language, after.cache_control) == ("text/csv", "de", "no-store")

    def test_not_on_another_version(self, store):
        seen = store.put("a", b"one")
        store.patch_metadata("a", {"k": "theirs"}, seen)
        with pytest.raises(PreconditionFailed):
            store.patch_metadata("a", {"k": "mine"}, seen)
        newer = store.put("a", b"two")
        with pytest.raises(PreconditionFailed):
            store.patch_metadata("a", {"k": "mine"}, seen)
        assert newer == version_of(store.stat("a"))

    def test_of_nothing(self, store):
        with pytest.raises(ObjectNotFound):
            store.patch_metadata("a", {"k": "v"}, MatchVersion(generation=1, metageneration=1))


class TestDelete:
    def test_the_version_named(self, store):
        store.delete("a", store.put("a"))
        assert store.operations == ["objects.delete"]
        assert store.stat("a") is None

    def test_not_another_version(self, store):
        seen = store.put("a", b"one")
        store.patch_metadata("a", {"k": "v"}, seen)
        with pytest.raises(PreconditionFailed):
            store.delete("a", seen)
        store.put("a", b"two")
        with pytest.raises(PreconditionFailed):
            store.delete("a", seen)
        assert store.content("a") == b"two"

    def test_of_nothing(self, store):
        with pytest.raises(ObjectNotFound):
            store.delete("a", MatchVersion(generation=1, metageneration=1))


class TestMove:
    @pytest.mark.parametrize("target", NAMES[:4])
    def test_renames(self, store, target):
        seen = store.put("old", b"one", {"k": "v"})
        version = store.move("old", target, seen)
        assert version == store.stat(target)
        assert (version.name, version.metadata) == (target, {"k": "v"})
        assert store.content(target) == b"one"
        assert store.stat("old") is None
        assert store.operations == ["objects.move", "objects.get", "objects.get"]

    def test_never_onto_an_object(self, store):
        seen = store.put("old", b"mine")
        store.put("new", b"theirs")
        with pytest.raises(PreconditionFailed):
            store.move("old", "new", seen)
        assert (store.content("old"), store.content("new")) == (b"mine", b"theirs")

    def test_not_another_version(self, store):
        seen = store.put("old", b"one")
        store.patch_metadata("old", {"k": "v"}, seen)
        with pytest.raises(PreconditionFailed):
            store.move("old", "new", seen)
        store.put("old", b"two")
        with pytest.raises(PreconditionFailed):
            store.move("old", "new", seen)
        assert (store.content("old"), store.stat("new")) == (b"two", None)

    def test_of_nothing(self, store):
        with pytest.raises(ObjectNotFound):
            store.move("old", "new", MatchVersion(generation=1, metageneration=1))

    @pytest.mark.parametrize("status", [405, 501])
    def test_where_it_is_not_offered(self, store, status):
        seen = store.put("old", b"one")
        store.faults.add(Fault(operation="objects.move", action=AnswerWith(status=status, reason="x")))
        with pytest.raises(BucketRefused) as refused:
            store.move("old", "new", seen)
        assert refused.value.trouble is BucketTrouble.NOT_OFFERED
        assert (store.content("old"), store.stat("new")) == (b"one", None)


class TestCopy:
    @pytest.mark.parametrize("target", NAMES[:4])
    def test_copies_all_but_the_custom_metadata(self, store, target):
        blob = store.outsider.bucket.blob("old")
        blob.metadata = {"k": "v"}
        blob.cache_control, blob.content_disposition = "no-store", "attachment"
        blob.content_language, blob.custom_time = "en", datetime(2026, 1, 2, tzinfo=UTC)
        blob.upload_from_string(b"one", content_type="application/x-ipynb+json")
        version = store.copy("old", target, version_of(blob), metadata={"of": "an act"})
        assert version == store.stat(target)
        assert (version.name, version.metadata) == (target, {"of": "an act"})
        copy = store.outsider.bucket.get_blob(target)
        for kept in ("cache_control", "content_disposition", "content_language", "custom_time", "content_type"):
            assert getattr(copy, kept) == getattr(blob, kept), kept
        assert (store.content(target), store.content("old")) == (b"one", b"one")
        assert store.operations == ["objects.get", "objects.rewrite", "objects.get"]

    def test_to_another_bucket(self, store):
        store.outsider.client.create_bucket("another-bucket")
        seen = store.put("old", b"one")
        version = store.copy("old", "new", seen, metadata={}, to_bucket="another-bucket")
        copy = store.outsider.client.bucket("another-bucket").get_blob("new")
        assert (copy.download_as_bytes(), copy.generation) == (b"one", version.generation)
        assert store.stat("new") is None

    def test_what_takes_more_than_one_call(self, store):
        seen = store.put("old", content := b"0123456789abcdef" * (20 << 16))
        version = store.copy("old", "new", seen, metadata={"k": "v"})
        assert store.operations == ["objects.get", *["objects.rewrite"] * 3]
        assert (store.content("new"), version.metadata) == (content, {"k": "v"})

    def test_never_onto_an_object(self, store):
        seen = store.put("old", b"mine")
        store.put("new", b"theirs")
        with pytest.raises(PreconditionFailed):
            store.copy("old", "new", seen, metadata={})
        assert store.content("new") == b"theirs"

    def test_not_another_version(self, store):
        seen = store.put("old", b"one")
        store.patch_metadata("old", {"k": "v"}, seen)
        with pytest.raises(PreconditionFailed):
            store.copy("old", "new", seen, metadata={})
        store.put("old", b"two")
        with pytest.raises(PreconditionFailed):
            store.copy("old", "new", seen, metadata={})
        assert store.stat("new") is None

    def test_of_nothing(self, store):
        with pytest.raises(ObjectNotFound):
            store.copy("old", "new", MatchVersion(generation=1, metageneration=1), metadata={})


EXPECTED = {
    400: (BucketRefused, "bad-request"),
    401: (BucketRefused, "no-credentials"),
    403: (BucketRefused, "no-permission"),
    405: (BucketRefused, "not-offered"),
    408: (BucketUnavailable, "overloaded"),
    429: (BucketUnavailable, "overloaded"),
    500: (BucketUnavailable, "server-error"),
    501: (BucketRefused, "not-offered"),
    502: (BucketUnavailable, "server-error"),
    503: (BucketUnavailable, "server-error"),
    504: (BucketUnavailable, "server-error"),
}
BREAKS = [AnswerWith(status=503), AnswerWith(status=429), ResetConnection()]
SEEN = MatchVersion(generation=1, metageneration=1)
READS = {
    "list_all": ("objects.list", lambda store, _seen=None: store.list_all("")),
    "stat": ("objects.get", lambda store: store.stat("a")),
    "list": ("objects.list", lambda store: store.list("")),
    "read_into": ("objects.download", lambda store: store.read("a", store.outsider.bucket.get_blob("a").generation)),
}
WRITES = {
    "write": ("objects.insert", lambda store, seen: store.save("a", b"mine", seen)),
    "patch_metadata": ("objects.patch", lambda store, seen: store.patch_metadata("a", {"k": "mine"}, seen)),
    "delete": ("objects.delete", lambda store, seen: store.delete("a", seen)),
    "copy": ("objects.rewrite", lambda store, seen: store.copy("a", "b", seen, metadata={})),
    "move": ("objects.move", lambda store, seen: store.move("a", "b", seen)),
}
VERBS = {
    **{verb: (operation, lambda store, _seen, do=do: do(store)) for verb, (operation, do) in READS.items()},
    **WRITES,
}


@pytest.mark.parametrize("verb", VERBS)
class TestErrors:
    @pytest.mark.parametrize("deadline_seconds", [0.05])
    def test_of_the_service(self, store, verb):
        operation, do = VERBS[verb]
        seen = store.put("a", b"one")
        told = {}
        for status in EXPECTED:
            store.faults.clear()
            store.faults.add(Fault(operation=operation, action=AnswerWith(status=status, reason="x"), times=1000))
            with pytest.raises((BucketRefused, BucketUnavailable)) as error:
                do(store, seen)
            assert error.value.bucket == BUCKET
            told[status] = (type(error.value), error.value.trouble.value)
        assert told == EXPECTED
        assert store.content("a") == b"one"

    @pytest.mark.parametrize("deadline_seconds", [0.05])
    def test_report_what_has_to_change(self, store, verb):
        operation, do = VERBS[verb]
        seen = store.put("a", b"one")
        told = {}
        for cause, refusal in REFUSALS.items():
            store.faults.clear()
            store.faults.add(Fault(operation=operation, action=refusal, times=1000))
            with pytest.raises((BucketRefused, BucketUnavailable)) as error:
                do(store, seen)
            assert "example.org" not in str(error.value)
            told[cause] = (type(error.value), error.value.trouble.value)
        assert told == {
            cause: (BucketUnavailable if cause == "overloaded" else BucketRefused, cause) for cause in REFUSALS
        }
        assert store.content("a") == b"one"

    def test_a_missing_bucket(self, store, verb):
        store.put("a", b"one")
        store.outsider.client.create_bucket("other")
        store.port = store.threads.bucket("no-such-bucket", None)
        do = VERBS[verb][1] if verb != "read_into" else lambda store, _seen: store.read("a", 1)
        with pytest.raises(BucketRefused) as error:
            do(store, SEEN)
        assert (error.value.trouble, error.value.bucket) == ("bucket-not-found", "no-such-bucket")

    def test_requester_pays(self, store, verb):
        seen = store.put("a", b"one")
        bucket = store.outsider.bucket
        generation = seen.generation
        bucket.requester_pays = True
        bucket.patch()
        do = VERBS[verb][1] if verb != "read_into" else lambda store, _seen: store.read("a", generation)
        with pytest.raises(BucketRefused) as error:
            do(store, seen)
        assert error.value.trouble is BucketTrouble.REQUESTER_PAYS
        store.port = store.threads.bucket(BUCKET, "payer")
        do(store, seen)

    def test_a_broken_connection(self, store, verb):
        operation, do = VERBS[verb]
        seen = store.put("a", b"one")
        store.faults.add(Fault(operation=operation, action=ResetConnection(), times=1000))
        with pytest.raises(BucketUnavailable) as error:
            do(store, seen)
        assert error.value.trouble is BucketTrouble.UNREACHABLE

    def test_silence_ends_within_the_time_limits(self, store, verb, deadline_seconds):
        operation, do = VERBS[verb]
        seen = store.put("a", b"one")
        store.faults.add(Fault(operation=operation, action=Hang(), times=1000))
        error, seconds = timed(lambda: do(store, seen))
        assert error.trouble is BucketTrouble.UNREACHABLE
        assert seconds < READ_TIMEOUT_SECONDS + (deadline_seconds if verb in READS else 0) + 2


@pytest.mark.parametrize("verb", READS)
class TestReadsAreRepeated:
    @pytest.mark.parametrize("deadline_seconds", [10])
    @pytest.mark.parametrize("action", BREAKS, ids=["503", "429", "reset"])
    def test_until_they_work(self, store, verb, action):
        operation, do = READS[verb]
        store.put("a", b"one")
        store.faults.add(Fault(operation=operation, action=action, times=2))
        do(store)
        assert store.operations == [operation] * 3

    @pytest.mark.parametrize("deadline_seconds", [1])
    def test_within_the_deadline(self, store, verb, deadline_seconds):
        operation, do = READS[verb]
        store.put("a", b"one")
        store.faults.add(Fault(operation=operation, action=AnswerWith(status=503), times=100_000))
        error, seconds = timed(lambda: do(store))
        assert error.trouble is BucketTrouble.SERVER_ERROR
        assert seconds < deadline_seconds + 1.5
        assert store.operations.count(operation) > 2


@pytest.mark.parametrize("verb", WRITES)
class TestWritesAreNotRepeated:
    @pytest.mark.parametrize("after_effect", [False, True], ids=["before the effect", "after it"])
    @pytest.mark.parametrize("action", BREAKS, ids=["503", "429", "reset"])
    def test_after_a_lost_answer(self, store, verb, action, after_effect):
        operation, do = WRITES[verb]
        seen = store.put("a", b"one")
        store.faults.add(Fault(operation=operation, action=action, after_effect=after_effect))
        with pytest.raises(BucketUnavailable):
            do(store, seen)
        assert store.operations == [*(["objects.get"] if verb == "copy" else []), operation]
        unchanged = (found := store.stat("a")) is not None and version_of(found) == seen
        if verb == "copy":
            assert unchanged
            unchanged = store.stat("b") is None
        assert unchanged is not after_effect


class TestClient:
    def test_each_call_has_a_handle_of_its_own(self, store):
        """A used handle sends the generation it saw, and its old metadata."""
        first = store.save("a", b"one", metadata={"k": "v"})
        newer = store.put("a", b"two")
        assert version_of(store.stat("a")) == newer
        assert store.read("a", newer.generation) == b"two"
        second = store.save("a", b"three", newer)
        assert second.metadata == {}
        assert second.generation not in {first.generation, newer.generation}
        store.delete("a", version_of(second))

    def test_bucket_metadata_is_never_asked_for(self, store):
        seen = store.put("a", b"one")
        store.stat("a")
        store.list("")
        store.read("a", seen.generation)
        version = store.patch_metadata("a", {"k": "v"}, seen)
        version = store.save("a", b"two", version_of(version))
        version = store.move("a", "b", version_of(version))
        store.delete("b", version_of(version))
        time.sleep(0.1)
        assert store.operations == [
            "objects.get",
            "objects.list",
            "objects.download",
            "objects.patch",
            "objects.insert",
            "objects.move",
            "objects.delete",
        ]

    def test_calls_run_side_by_side(self, store):
        store.faults.add(Fault(operation="objects.get", action=Delay(seconds=0.2), times=6))

        async def six():
            start = time.monotonic()
            await asyncio.gather(*(store.port.stat(f"{number}") for number in range(6)))
            return time.monotonic() - start

        assert asyncio.run(six()) < 1.0

    def test_the_loop_is_free_meanwhile(self, store):
        store.faults.add(Fault(operation="objects.get", action=Delay(seconds=0.2)))

        async def ticks():
            stat = asyncio.create_task(store.port.stat("a"))
            count = 0
            while not stat.done():
                await asyncio.sleep(0.01)
                count += 1
            return count

        assert asyncio.run(ticks()) > 5

    def test_it_is_named_after_its_bucket(self, store):
        assert store.port.bucket == BUCKET


class TestSessions:
    """Uploads that another process can go on with."""

    CONTENT = random.Random(3).randbytes((1 << 20) + 5)

    @pytest.fixture
    def file(self, tmp_path):
        (tmp_path / "content").write_bytes(self.CONTENT)
        with (tmp_path / "content").open("rb") as file:
            yield file

    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch):
        monkeypatch.setattr("jupyter_terra_env.bucket.gcs_sessions.CHUNK_BYTES", 512 << 10)

    @staticmethod
    def plan(file, precondition=None, **fields):
        size = len(TestSessions.CONTENT)
        checksum = crc32c_of(file)
        fields = {"size_bytes": size, "crc32c": checksum, "content_type": "text/plain", **fields}
        return SessionPlan(precondition=precondition or MustNotExist(), **fields)

    def test_make_an_object_in_chunks(self, store, file):
        plan, seen = self.plan(file, metadata={"k": "v"}), []
        address = store.begin_session("a b/ü", plan)
        assert store.stat("a b/ü") is None
        version = store.finish_session(address, file, plan, seen.append)
        assert version == store.stat("a b/ü")
        assert (version.crc32c, version.metadata, version.fields.content_type) == (
            plan.crc32c,
            {"k": "v"},
            "text/plain",
        )
        assert store.content("a b/ü") == self.CONTENT
        assert seen == sorted(seen)
        assert seen[-1] == plan.size_bytes
        assert store.operations.count("objects.insert.chunk") == 1 + 3

    def test_go_on_where_they_were_and_end_once(self, store, file):
        plan = self.plan(file)
        address = store.begin_session("a", plan)
        store.faults.add(
            Fault(operation="objects.insert.chunk", action=Delay(seconds=0), times=2),
            Fault(operation="objects.insert.chunk", action=ResetConnection(), times=1000),
        )
        with pytest.raises(BucketUnavailable):
            store.finish_session(address, file, plan, lambda _: None)
        store.faults.clear()
        version = store.finish_session(address, file, plan, lambda _: None)
        assert store.operations == ["objects.insert.chunk"] * 3
        assert store.finish_session(address, file, plan, lambda _: None) == version
        assert store.content("a") == self.CONTENT

    @pytest.mark.parametrize("there", [False, True])
    def test_keep_their_precondition(self, store, file, there):
        seen = store.put("a", b"old") if there else None
        plan = self.plan(file, seen)
        address = store.begin_session("a", plan)
        store.put("a", b"newer")
        with pytest.raises(PreconditionFailed):
            store.finish_session(address, file, plan, lambda _: None)
        assert store.content("a") == b"newer"
        assert store.faults.unconditional == []

    def test_store_nothing_but_what_was_declared(self, store, file):
        plan = self.plan(file, crc32c="AAAAAA==")
        address = store.begin_session("a", plan)
        with pytest.raises((BucketRefused, BucketUnavailable)):
            store.finish_session(address, file, plan, lambda _: None)
        assert store.stat("a") is None

    def test_that_are_gone_or_another_service_s(self, store, file):
        plan = self.plan(file)
        address = store.begin_session("a", plan)
        for wrong in (address.replace("upload_id=", "upload_id=x"), "http://other.invalid/upload?upload_id=x"):
            with pytest.raises(SessionGone):
                store.finish_session(wrong, file, plan, lambda _: None)
        assert store.stat("a") is None

    def test_a_file_that_became_shorter_does_not_hang(self, store, file, tmp_path):
        plan = self.plan(file)
        address = store.begin_session("a", plan)
        (tmp_path / "content").write_bytes(b"short")
        with pytest.raises((BucketRefused, BucketUnavailable)):
            store.finish_session(address, file, plan, lambda _: None)
        assert store.stat("a") is None


class TestReadFrom:
    def test_gives_the_bytes_from_there_on(self, store):
        seen = store.put("a", b"0123456789")
        for start in (0, 4, 9):
            file = io.BytesIO()
            store.read_from("a", seen.generation, start, file)
            assert file.getvalue() == b"0123456789"[start:]

    def test_goes_on_after_a_break_off(self, store):
        content = random.Random(4).randbytes(1 << 20)
        seen = store.put("a", content)
        store.faults.add(Fault(operation="*", action=CutBody(after_bytes=300_000)))
        file = io.BytesIO()
        store.read_from("a", seen.generation, 1000, file)
        assert file.getvalue() == content[1000:]

    def test_of_another_generation(self, store):
        seen = store.put("a", b"old")
        store.put("a", b"new")
        with pytest.raises((PreconditionFailed, ObjectNotFound)):
            store.read_from("a", seen.generation, 0, io.BytesIO())


class TestCopyOnto:
    def test_replaces_the_version_that_is_named(self, store):
        source, target = store.put("a", b"new"), store.put("b", b"old")
        store.copy("a", "b", source, metadata={}, onto=target)
        assert store.content("b") == b"new"
        assert store.faults.unconditional == []

    def test_replaces_no_other(self, store):
        source, target = store.put("a", b"new"), store.put("b", b"old")
        store.put("b", b"newer")
        with pytest.raises(PreconditionFailed):
            store.copy("a", "b", source, metadata={}, onto=target)
        assert store.content("b") == b"newer"
