"""Which rule of Cloud Storage a bucket's name breaks."""

import pytest

from jupyter_terra_env.rules.bucket_names import broken_rule, bucket_name


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("gs://wb", "at least 3"),
        ("gs://" + "a" * 64, "at most 63"),
        ("gs://" + "a" * 64 + ".org", "between dots"),
        ("gs://" + ".".join(["a" * 50] * 5), "at most 222"),
        ("gs://My-bucket", "capital"),
        ("gs://my bucket", "blanks"),
        ("gs://büro", "'ü'"),
        ("gs://-bucket", "begins and ends"),
        ("gs://bucket_", "begins and ends"),
        ("gs://a..b", "dot"),
        ("gs://192.168.5.4", "IP address"),
        ("gs://goog-bucket", "begins with 'goog'"),
        ("gs://my-g00gle-bucket", "google"),
        ("gs://bucket/notebooks", "'prefix'"),
        ("gs://", "missing"),
        ("s3://bucket", "'s3://'"),
        ("https://storage.googleapis.com/bucket", "'https://'"),
    ],
)
def test_the_rule_is_named(value, named):
    assert named in broken_rule(value)


@pytest.mark.parametrize(
    "value",
    ["gs://b-1", "gs://abc/", "fc-secure-1234", "gs://my_bucket.example.org", "gs://" + "a" * 63, "gs://1ab"],
)
def test_good_names(value):
    assert broken_rule(value) is None
    assert bucket_name(value) == value.removeprefix("gs://").removesuffix("/")
