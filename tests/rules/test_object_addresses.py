"""Addresses of objects, and links made from an operator's template."""

import pytest

from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.object_addresses import ObjectAddress, parse_object_address, why_no_object
from jupyter_terra_env.rules.open_links import OpenLinks


@pytest.mark.parametrize(
    ("text", "bucket", "object_name", "name"),
    [
        ("gs://a-bucket/a.ipynb", "a-bucket", "a.ipynb", "a.ipynb"),
        ("gs://a-bucket/notebooks/a b.ipynb", "a-bucket", "notebooks/a b.ipynb", "a b.ipynb"),
        ("gs://a-bucket/a%2Fb#c?d.ipynb", "a-bucket", "a%2Fb#c?d.ipynb", "a%2Fb#c?d.ipynb"),
        ("gs://a-bucket//a.ipynb", "a-bucket", "/a.ipynb", "a.ipynb"),
        ("gs://a-bucket/..a/b...ipynb", "a-bucket", "..a/b...ipynb", "b...ipynb"),
    ],
)
def test_addresses_are_taken_as_they_stand(text, bucket, object_name, name):
    address = parse_object_address(text)
    assert address == ObjectAddress(bucket=bucket, object_name=object_name)
    assert (str(address), address.name) == (text, name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gs://a-bucket", "the object's name is missing"),
        ("gs://a-bucket/", "the object's name is missing"),
        ("gs://a-bucket/folder/", "the object's name is missing"),
        ("gs:///a.ipynb", "the bucket's name is missing"),
        ("gs://A-Bucket/a.ipynb", "no capital letters"),
        ("gs://a-bucket/../a.ipynb", "'.' or '..'"),
        ("gs://a-bucket/a/./b.ipynb", "'.' or '..'"),
        ("gs://a-bucket/a\n.ipynb", "a control character"),
        ("gs://a-bucket/a\x9b.ipynb", "a control character"),
        ("gs://a-bucket/\ud800.ipynb", "not valid UTF-8"),
        ("gs://a-bucket/" + "é" * 513, "at most 1024 bytes"),
    ],
)
def test_what_names_no_notebook(text, why):
    with pytest.raises(SettingsError, match=r"Expected gs://BUCKET/OBJECT") as refused:
        parse_object_address(text)
    assert why in str(refused.value)


def test_the_longest_name():
    assert why_no_object("é" * 512) is None


def links(template, object_name="notebooks/a b/ü&'<.ipynb"):
    return OpenLinks("--open-url", template).of(ObjectAddress(bucket="a-bucket", object_name=object_name))


def test_links_have_the_name_escaped_and_the_mode():
    assert links("https://app.example.org/#workspaces/ns/ws/analysis/launch/{name}?mode={mode}") == {
        "Open in Edit": "https://app.example.org/#workspaces/ns/ws/analysis/launch/%C3%BC%26%27%3C.ipynb?mode=edit",
        "Open in Playground": (
            "https://app.example.org/#workspaces/ns/ws/analysis/launch/%C3%BC%26%27%3C.ipynb?mode=playground"
        ),
    }
    assert links("http://localhost:8888/{bucket}/{mode}?o={object}", "a/{mode}.ipynb")["Open in Edit"] == (
        "http://localhost:8888/a-bucket/edit?o=a%2F%7Bmode%7D.ipynb"
    )


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("https://app.example.org/{name}", "{mode}"),
        ("https://app.example.org/{mode}", "{object} or {name}"),
        ("https://app.example.org/{name}/{mode}/{token}", "{token} is unknown"),
        ("https://app.example.org/{name}/{mode}/{}", "{} is unknown"),
        ("https://app.example.org/{name}/{mode}/{", "expected an address"),
        ("javascript:open('{name}{mode}')", "expected an address"),
        ("//app.example.org/{name}{mode}", "expected an address"),
        ("https://{name}.example.org/{mode}", "expected an address"),
        ("https://ada@app.example.org/{name}{mode}", "expected an address"),
        ("https://app.example.org/{name}{mode}#a#b", "expected an address"),
        ('https://app.example.org/{name}{mode}"onclick=x', "expected an address"),
        ("https://app.example.org/{name} {mode}", "expected an address"),
    ],
)
def test_templates_that_are_none(template, why):
    with pytest.raises(SettingsError, match="--open-url: ") as refused:
        OpenLinks("--open-url", template)
    assert why in str(refused.value)
