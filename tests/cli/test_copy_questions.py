"""What a person answers about targets that exist and differ."""

import io
from pathlib import Path

import pytest

from jupyter_terra_env.cli.copy_questions import decided
from jupyter_terra_env.transfers.copier import Copied
from jupyter_terra_env.transfers.items import BucketTarget, DiskSource, FileIdentity, Item

ITEMS = [
    Item(
        source=DiskSource(
            path=Path(name),
            identity=FileIdentity(device=1, inode=1, size_bytes=1, changed_ns=1, status_changed_ns=1),
        ),
        target=BucketTarget(bucket="a-bucket", name=name),
        shown_source=name,
        shown_target=f"gs://a-bucket/{name}",
    )
    for name in "abcd"
]


def answers(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    copied = Copied()
    return "".join(item.shown_source for item in decided(ITEMS, copied)), copied


@pytest.mark.parametrize(
    ("typed", "replaced"),
    [
        ("y\nn\nYES\nno\n", "ac"),
        ("n\na\n", "bcd"),
        ("y\ns\n", "a"),
        ("\nperhaps\ny\nn\nn\nn\n", "a"),
    ],
)
def test_answers(typed, replaced, monkeypatch, capsys):
    chosen, copied = answers(monkeypatch, typed)
    assert chosen == replaced
    assert [one.reason for one in copied.outcomes] == ["exists"] * (4 - len(replaced))
    assert {one.result for one in copied.outcomes} == {"skipped"}
    assert capsys.readouterr().err.startswith("gs://a-bucket/a exists and differs. Replace it? [y]es")


@pytest.mark.parametrize("typed", ["q\n", "y\nq\n", ""])
def test_quitting_copies_nothing(typed, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        answers(monkeypatch, typed)
