"""Transfers that were interrupted, lost their answers, or arrived damaged."""

import asyncio
import fcntl
import gzip
import json
import os
import random
import stat

import pytest
from copy_kit import done, parts, reasons
from environments import BUCKET

from jupyter_terra_env.bucket import gcs, gcs_sessions
from jupyter_terra_env.bucket.embedded.faults import AnswerWith, ChangeAnswer, CutBody, Delay, Fault, ResetConnection
from jupyter_terra_env.rules.copy_decisions import IfExists
from jupyter_terra_env.transfers import part_files, session_records, uploads
from jupyter_terra_env.transfers.copier import Copied
from jupyter_terra_env.transfers.part_files import PART_PREFIX, PartFile
from jupyter_terra_env.transfers.progress import Progress

CHUNK = 256 << 10
LARGE = random.Random(1).randbytes(5 * CHUNK + 77)
CHUNKS = "objects.insert.chunk"


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
    """What takes several requests in life takes them here, too."""
    monkeypatch.setattr(gcs_sessions, "CHUNK_BYTES", CHUNK)
    for module in ("part_files", "uploads"):
        monkeypatch.setattr(f"jupyter_terra_env.transfers.{module}.LARGE_BYTES", CHUNK)


@pytest.fixture
def starts(monkeypatch):
    """Where each download began."""
    seen, read_from = [], gcs.GcsBucket.read_from

    def spy(bucket, name, generation, start, file):
        seen.append(start)
        read_from(bucket, name, generation, start, file)

    monkeypatch.setattr(gcs.GcsBucket, "read_from", spy)
    return seen


def interrupted_upload(desk, chunks=3):
    """An upload that breaks off after some chunks."""
    desk.write("big", LARGE)
    start = Fault(operation="objects.insert.start", action=Delay(seconds=0))
    passing = Fault(operation=CHUNKS, action=Delay(seconds=0), times=chunks + 1)
    gone = Fault(operation="*", action=ResetConnection(), times=10_000)
    copied = desk.copy("big", to="workspace:big", between=lambda: desk.faults.add(start, passing, gone))
    assert done(copied) == (0, 0, 1)
    assert copied.ended_by is not None
    assert desk.objects() == {}


def sent(desk):
    """How many requests of a session were sent; one of them asks how far it is."""
    return [one.operation for one in desk.faults.history].count(CHUNKS)


def records(desk):
    return list((desk.home.parent / "records").glob("*.json"))


def test_a_large_upload_goes_on_where_it_was(desk):
    interrupted_upload(desk)
    assert done(desk.copy("big", to="workspace:big")) == (1, 0, 0)
    assert sent(desk) == 1 + 3
    assert "objects.insert.start" not in [one.operation for one in desk.faults.history]
    assert desk.objects() == {"big": LARGE}
    assert records(desk) == []


def test_the_record_of_a_session_is_private(desk):
    interrupted_upload(desk)
    (record,) = records(desk)
    assert (stat.S_IMODE(record.stat().st_mode), stat.S_IMODE(record.parent.stat().st_mode)) == (0o600, 0o700)
    assert json.loads(record.read_text())["address"].startswith("http")


def begins_anew(desk, content, **settings):
    assert done(desk.copy("big", to="workspace:big", **settings)) == (1, 0, 0)
    assert "objects.insert.start" in [one.operation for one in desk.faults.history]
    assert desk.objects()["big"] == content


def test_a_file_that_changed_begins_anew(desk):
    interrupted_upload(desk)
    content = bytes(reversed(LARGE))
    desk.write("big", content)
    begins_anew(desk, content)
    assert sent(desk) == 1 + 6


def test_another_precondition_begins_anew(desk):
    interrupted_upload(desk)
    desk.put("big", b"theirs")
    begins_anew(desk, LARGE, if_exists=IfExists.REPLACE)


def test_a_session_that_the_service_has_forgotten_begins_anew(desk):
    interrupted_upload(desk)
    gone = Fault(operation=CHUNKS, action=AnswerWith(status=410))
    begins_anew(desk, LARGE, between=lambda: desk.faults.add(gone))


def test_a_session_of_another_service_is_not_sent_there(desk):
    interrupted_upload(desk)
    (record,) = records(desk)
    fields = json.loads(record.read_text())
    record.write_text(json.dumps({**fields, "address": "http://other.invalid/upload?upload_id=x"}))
    begins_anew(desk, LARGE)


@pytest.mark.parametrize("content", ["", "{}", "[1", '{"begun": "x"}', '{"identity": {}, "precondition": 1}'])
def test_a_record_that_is_none_begins_anew(desk, content):
    interrupted_upload(desk)
    records(desk)[0].write_text(content)
    begins_anew(desk, LARGE)


def test_an_old_record_begins_anew(desk, monkeypatch):
    interrupted_upload(desk)
    monkeypatch.setattr(session_records, "KEPT_SECONDS", -1)
    begins_anew(desk, LARGE)


@pytest.mark.parametrize("fault", [ResetConnection(), AnswerWith(status=503)])
def test_a_chunk_that_fails_is_sent_again(desk, fault):
    desk.write("big", LARGE)
    passing, failing = Fault(operation=CHUNKS, action=Delay(seconds=0), times=3), Fault(operation=CHUNKS, action=fault)
    copied = desk.copy("big", to="workspace:big", between=lambda: desk.faults.add(passing, failing))
    assert (done(copied), desk.faults.pending) == ((1, 0, 0), [])
    assert desk.waits == []
    assert desk.objects() == {"big": LARGE}


@pytest.mark.parametrize("size", [5, len(LARGE)])
@pytest.mark.parametrize("replaces", [False, True])
def test_the_answer_of_an_upload_is_lost(desk, size, replaces):
    desk.outsider.keep_history()
    desk.write("f", LARGE[:size])
    if replaces:
        desk.put("f", b"old")
    chunks = -(-size // CHUNK) if size > CHUNK else 0
    passing = [Fault(operation=CHUNKS, action=Delay(seconds=0), times=chunks)] if chunks else []
    lost = Fault(operation="objects.insert", action=ResetConnection(), after_effect=True)
    start = [Fault(operation="objects.insert.start", action=Delay(seconds=0))] if chunks else []
    copied = desk.copy(
        "f",
        to="workspace:f",
        if_exists=IfExists.REPLACE,
        between=lambda: desk.faults.add(*start, *passing, lost),
    )
    assert done(copied) == (1, 0, 0)
    assert desk.faults.pending == []
    generations = list(desk.outsider.client.list_blobs(BUCKET, versions=True))
    assert len(generations) == 1 + replaces
    assert desk.objects() == {"f": LARGE[:size]}


@pytest.mark.parametrize("size", [5, len(LARGE)])
def test_what_is_damaged_on_the_way_up_is_never_stored(desk, size, monkeypatch):
    """The client sends other bytes than were read: the service compares them with the declared checksum."""
    desk.write("f", LARGE[:size])
    pread = os.pread
    monkeypatch.setattr(gcs_sessions.os, "pread", lambda *where: b"!" + pread(*where)[1:])
    if size == 5:
        monkeypatch.setattr(gcs, "crc32c_of", lambda file: file.seek(0, 2) and "AAAAAA==")
    copied = desk.copy("f", to="workspace:f")
    assert done(copied) == (0, 0, 1)
    assert desk.objects() == {}


def test_what_the_service_stored_wrongly_is_removed(desk, monkeypatch):
    desk.write("f", b"content")
    monkeypatch.setattr(gcs, "crc32c_of", lambda file: file.seek(0, 2) and "AAAAAA==")
    copied = desk.copy("f", to="workspace:f")
    assert reasons(copied) == {"f": "corrupt-transfer"}
    assert desk.objects() == {}


def test_a_file_that_changes_while_it_is_uploaded(desk, monkeypatch):
    file = desk.write("big", LARGE)
    send = gcs_sessions._Session.send

    def append_first(session, start):
        with file.open("ab") as opened:
            opened.write(b"more")
        return send(session, start)

    monkeypatch.setattr(gcs_sessions._Session, "send", append_first)
    monkeypatch.setattr(gcs_sessions.os, "pread", lambda descriptor, length, start: b"?" * length)
    assert reasons(desk.copy("big", to="workspace:big")) == {"big": "changed-meanwhile"}
    assert (desk.objects(), records(desk)) == ({}, [])


def test_a_file_that_changes_while_it_is_read(desk, monkeypatch):
    file = desk.write("small", b"content")
    update = uploads.RunningChecksum.update

    def changing(checksum, piece):
        file.write_bytes(b"other content")
        update(checksum, piece)

    monkeypatch.setattr(uploads.RunningChecksum, "update", changing)
    assert reasons(desk.copy("small", to="workspace:small")) == {"small": "changed-meanwhile"}
    assert desk.objects() == {}


def interrupted_download(desk, after=3 * CHUNK):
    desk.put("big", LARGE)
    cut = Fault(operation="*", action=CutBody(after_bytes=after))
    gone = Fault(operation="*", action=ResetConnection(), times=10_000)
    copied = desk.copy("workspace:big", to="down/big", between=lambda: desk.faults.add(cut, gone))
    assert done(copied) == (0, 0, 1)
    assert "down/big" not in desk.names()
    (part,) = parts(desk.home)
    return part


def test_a_large_download_goes_on_where_it_was(desk, starts):
    part = interrupted_download(desk)
    length = part.stat().st_size
    assert length > CHUNK
    starts.clear()
    assert done(desk.copy("workspace:big", to="down/big")) == (1, 0, 0)
    assert starts == [length]
    assert desk.files() == {"down/big": LARGE}


def test_a_damaged_part_is_fetched_again(desk, starts):
    part = interrupted_download(desk)
    part.write_bytes(b"\0" * part.stat().st_size)
    starts.clear()
    assert done(desk.copy("workspace:big", to="down/big")) == (1, 0, 0)
    assert starts[1:] == [0]
    assert desk.files() == {"down/big": LARGE}


@pytest.mark.parametrize("extra", [0, 1])
def test_a_part_of_full_length(desk, starts, extra):
    part = interrupted_download(desk)
    part.write_bytes(LARGE + b"!" * extra)
    starts.clear()
    assert done(desk.copy("workspace:big", to="down/big")) == (1, 0, 0)
    assert starts == [0] * extra
    assert desk.files() == {"down/big": LARGE}


def test_parts_of_other_generations_are_removed(desk, starts):
    old = interrupted_download(desk)
    newer = bytes(reversed(LARGE))
    desk.put("big", newer)
    starts.clear()
    assert done(desk.copy("workspace:big", to="down/big")) == (1, 0, 0)
    assert starts == [0]
    assert not old.exists()
    assert desk.files() == {"down/big": newer}


def test_a_part_that_is_being_written_is_left_alone(desk):
    desk.put("big", LARGE)
    held = []

    def hold():
        with desk.copies() as copies:
            plan = asyncio.run(copies.plan(["workspace:big"], f"{desk.home}/down/big"))
        (item,) = plan.items
        held.append(PartFile(item.target, BUCKET, item.source.version, lambda _: None))

    copied = desk.copy("workspace:big", to="down/big", between=lambda: None)
    assert done(copied) == (1, 0, 0)
    (desk.home / "down" / "big").unlink()
    hold()
    try:
        assert reasons(desk.copy("workspace:big", to="down/big")) == {"big": "copied-by-another"}
    finally:
        held[0].close()
    assert done(desk.copy("workspace:big", to="down/big")) == (1, 0, 0)


def test_a_part_that_gets_its_name_right_before_it_is_locked(desk, monkeypatch):
    desk.put("big", LARGE)
    final, lock = desk.home / "down" / "big", fcntl.flock

    def named_first(descriptor, how):
        (part,) = parts(desk.home)
        part.write_bytes(b"of another copy")
        part.rename(final)
        lock(descriptor, how)

    monkeypatch.setattr(part_files.fcntl, "flock", named_first)
    assert reasons(desk.copy("workspace:big", to="down/big")) == {"big": "copied-by-another"}
    assert desk.files() == {"down/big": b"of another copy"}


def test_killed_between_the_two_names_of_a_file(desk):
    part = interrupted_download(desk)
    part.write_bytes(LARGE)
    (desk.home / "down" / "big").hardlink_to(part)
    assert reasons(desk.copy("workspace:big", to="down/big")) == {"big": "equal"}
    assert desk.files() == {"down/big": LARGE}


def test_what_another_program_put_under_the_name_of_a_part(desk):
    part = interrupted_download(desk)
    outside = desk.home.parent / "outside"
    outside.write_bytes(b"precious")
    part.unlink()
    part.symlink_to(outside)
    assert reasons(desk.copy("workspace:big", to="down/big")) == {"big": "disk-refuses"}
    part.unlink()
    part.hardlink_to(outside)
    assert done(desk.copy("workspace:big", to="down/big")) == (1, 0, 0)
    assert outside.read_bytes() == b"precious"


@pytest.mark.parametrize("content", [b"small", LARGE])
@pytest.mark.parametrize("times", [1, 1000])
def test_what_arrives_damaged_gets_no_name(desk, content, times, monkeypatch):
    desk.put("f", content)
    write, left = PartFile.write, [times]

    def damaging(part, piece):
        left[0] -= 1
        return write(part, b"!" + piece[1:] if left[0] >= 0 else piece)

    monkeypatch.setattr(PartFile, "write", damaging)
    copied = desk.copy("workspace:f", to="f")
    if times == 1:
        assert (done(copied), desk.files()) == ((1, 0, 0), {"f": content})
    else:
        assert (reasons(copied), "f" in desk.names()) == ({"f": "corrupt-transfer"}, False)


def test_what_is_stored_compressed_arrives_unpacked(desk):
    desk.put("f", gzip.compress(LARGE), content_encoding="gzip")
    assert done(desk.copy("workspace:f", to="f")) == (1, 0, 0)
    assert desk.files() == {"f": LARGE}


def test_a_download_without_a_checksum_is_refused(desk):
    desk.put("f", b"content")
    none = Fault(operation="objects.get", action=ChangeAnswer(fields={"crc32c": ""}))
    with desk.copies() as copies:
        desk.faults.add(none)
        plan = asyncio.run(copies.plan(["workspace:f"], f"{desk.home}/f"))
        copied = Copied()
        progress = Progress(all_files=1, all_bytes=7, monotonic=lambda: 0.0)
        asyncio.run(copies.copy(plan.items, progress, copied))
    assert reasons(copied) == {"f": "no-checksum"}
    assert desk.files() == {}


def test_parts_are_hidden_and_are_never_copied(desk):
    part = interrupted_download(desk)
    assert part.name.startswith(PART_PREFIX)
    assert part_files.PART_PREFIX.startswith(".")
    assert done(desk.copy("down/", to="workspace:up/", hidden=True)) == (0, 0, 0)
