"""What a bucket keeps on an object besides content and custom metadata, and no save may drop."""

from datetime import UTC, datetime

import pytest
from environments import until

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, ChangeAnswer, Fault, Hang, ResetConnection
from jupyter_terra_env.notebooks.storage.kept_fields import custom_in
from jupyter_terra_env.notebooks.sync.resolution import Resolution
from jupyter_terra_env.notebooks.sync.upload_attempts import content_type
from jupyter_terra_env.rules.status import Place

UPLOAD = "objects.insert"
FIELDS = {
    "cache_control": "no-store",
    "content_language": "de",
    "content_disposition": "inline",
    "custom_time": datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
}


def put(outsider, name="a.ipynb", content=b"one", content_type="text/markdown", metadata=None, **fields):
    blob = outsider.bucket.blob("notebooks/" + name)
    blob.metadata = metadata
    for field, value in (FIELDS | fields).items():
        setattr(blob, field, value)
    blob.upload_from_string(content, content_type=content_type)


def kept(outsider, name="a.ipynb"):
    blob = outsider.get(name)
    return {field: getattr(blob, field) for field in (*FIELDS, "content_type")}


ALL = FIELDS | {"content_type": "text/markdown"}


class TestKept:
    def test_by_a_save_with_no_request_more(self, env, outsider):
        put(outsider, metadata={"team": "blue"})
        env.open("a.ipynb")
        env.faults.clear()
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert env.save("a.ipynb", b"three").place is Place.IN_WORKSPACE
        assert env.operations == [UPLOAD] * 2
        assert kept(outsider) == ALL
        assert outsider.get("a.ipynb").metadata["team"] == "blue"
        assert not any(key.startswith("\0") for key in outsider.get("a.ipynb").metadata)

    def test_by_a_large_one(self, env, outsider):
        put(outsider)
        env.open("a.ipynb")
        env.save("a.ipynb", bytes(9 << 20))
        assert kept(outsider) == ALL

    def test_by_a_debt_that_is_paid_after_a_restart(self, env, outsider):
        put(outsider)
        env.open("a.ipynb")
        env.faults.add(Fault(operation="*", action=AnswerWith(), times=1000))
        env.save("a.ipynb", b"two")
        env.restart()
        env.faults.clear()
        env.recover()
        assert env.run(env.status_of("a.ipynb")).place is Place.IN_WORKSPACE
        assert outsider.content("a.ipynb") == b"two"
        assert kept(outsider) == ALL

    def test_by_a_debt_of_a_journal_that_does_not_know_them(self, env, outsider):
        put(outsider)
        env.open("a.ipynb")
        baseline = env.baseline("a.ipynb")
        location = env.at("a.ipynb")
        env.journal.advance(
            location.api_path,
            location.workspace.bucket,
            location.object_name,
            expected=baseline,
            generation=baseline.generation,
            metageneration=baseline.metageneration,
            crc32c=baseline.crc32c,
            metadata=custom_in(baseline.metadata),
        )
        env.faults.clear()
        env.save("a.ipynb", b"two")
        assert env.operations == ["objects.get", UPLOAD]
        assert kept(outsider) == ALL

    def test_over_a_lost_answer(self, env, outsider):
        put(outsider)
        env.open("a.ipynb")
        env.faults.add(Fault(operation=UPLOAD, action=ResetConnection(), after_effect=True))
        env.save("a.ipynb", b"two")
        env.save("a.ipynb", b"three")
        assert (outsider.content("a.ipynb"), kept(outsider)) == (b"three", ALL)

    def test_as_they_were_changed_meanwhile(self, env, outsider):
        put(outsider)
        env.open("a.ipynb")
        blob = outsider.bucket.blob("notebooks/a.ipynb")
        blob.cache_control, blob.content_language = "public", None
        blob.content_type = "text/csv"
        blob.patch()
        env.save("a.ipynb", b"two")
        changed = {"cache_control": "public", "content_language": None, "content_type": "text/csv"}
        assert (outsider.content("a.ipynb"), kept(outsider)) == (b"two", ALL | changed)

    def test_by_a_rename_and_the_save_after_it(self, env, outsider):
        put(outsider)
        env.open("a.ipynb")
        env.rename("a.ipynb", "b.ipynb")
        env.save("b.ipynb", b"two")
        assert (outsider.content("b.ipynb"), kept(outsider, "b.ipynb")) == (b"two", ALL)

    def test_of_theirs_when_theirs_is_replaced(self, two, outsider):
        ann, _ = two
        put(outsider, cache_control="no-cache")
        ann.open("a.ipynb")
        put(outsider, content=b"theirs", content_language="fr")
        assert ann.save("a.ipynb", b"mine").place is Place.CONFLICT
        ann.run(ann.conflicts.resolve(ann.at("a.ipynb"), Resolution.REPLACE_THEIRS, content=None, theirs_version=None))
        assert (outsider.content("a.ipynb"), kept(outsider)) == (b"mine", ALL | {"content_language": "fr"})

    def test_what_was_stored_compressed_is_not_called_so_any_more(self, env, outsider):
        put(outsider, content=b"plain after all", content_encoding="gzip")
        env.open("a.ipynb")
        env.save("a.ipynb", b"two")
        assert outsider.get("a.ipynb").content_encoding is None
        assert (outsider.content("a.ipynb"), kept(outsider)) == (b"two", ALL)

    def test_new_objects_have_none(self, env, outsider):
        env.save("new.ipynb", b"one")
        expected = dict.fromkeys(FIELDS) | {"content_type": "application/x-ipynb+json"}
        assert kept(outsider, "new.ipynb") == expected


@pytest.mark.parametrize(
    ("name", "stored", "expected"),
    [
        ("a.ipynb", None, "application/x-ipynb+json"),
        ("a.ipynb", "application/octet-stream", "application/x-ipynb+json"),
        ("a.ipynb", "text/plain", "application/x-ipynb+json"),
        ("a.ipynb", "application/json", "application/json"),
        ("a.Rmd", None, "application/octet-stream"),
        ("a.R", None, "application/octet-stream"),
        ("a.Rmd", "text/plain", "text/plain"),
        ("a.R", "text/x-r", "text/x-r"),
        ("a.py", None, "text/x-python"),
        ("a.sas", None, "application/octet-stream"),
    ],
)
def test_the_media_type_stays_unless_it_says_nothing_of_a_notebook(name, stored, expected):
    assert content_type(name, stored) == expected


class TestDamage:
    def test_an_upload_that_stored_something_else_is_made_again_on_that_version(self, env, outsider):
        put(outsider)
        env.open("a.ipynb")
        damaged = ChangeAnswer(fields={"crc32c": "AAAAAA=="})
        env.faults.add(Fault(operation=UPLOAD, action=damaged), Fault(operation="objects.get", action=damaged))
        told = env.save("a.ipynb", b"two")
        assert (told.place, told.reason) == (Place.ON_DISK, "corrupt-transfer")
        assert env.owed() == ["ws/edit/a.ipynb"]
        assert env.save("a.ipynb", b"two").place is Place.IN_WORKSPACE
        assert list(outsider.history("a.ipynb").values()) == [b"one", b"two", b"two"]
        assert env.owed() == []

    def test_a_small_upload_that_hangs_is_reported_before_it_is_settled(self, env, outsider):
        put(outsider)
        env.open("a.ipynb")
        env.faults.add(Fault(operation=UPLOAD, action=ResetConnection()), Fault(operation="objects.get", action=Hang()))

        async def told():
            await env.storage.save(env.at("a.ipynb"), b"two")
            env.delocalizer.start(env.at("a.ipynb"))
            await until(lambda: not env.faults.pending)
            return env.delocalizer.last_status(env.at("a.ipynb"))

        assert env.run(told()).place is Place.ON_DISK
