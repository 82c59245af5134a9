import pytest

from dk_notebook.config.secrets import Secret
from dk_notebook.config.urls import redacted, split
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("p%40ss", "p@ss"),
        ("a%2Fb", "a/b"),
        ("a%3Ab:c", "a:b:c"),
        ("a+b", "a+b"),
        ("%25", "%"),
        ("", ""),
        ("%C3%A9", "é"),
    ],
)
def test_a_password_is_percent_decoded(written, meant):
    assert split(f"postgresql://ann:{written}@db/shop").password == Secret(meant)


def test_without_a_password_there_is_none():
    url = split("postgresql://ann@db/shop")
    assert (url.user, url.password, url.hosts, url.path) == ("ann", None, (("db", None),), "/shop")


def test_several_hosts_have_their_own_ports():
    assert split("elasticsearch://a:1,b,[::1]:2").hosts == (("a", 1), ("b", None), ("::1", 2))


def test_in_the_query_plus_is_a_blank():
    assert split("s3://b/p?x=a+b&y=%2B").options == (("x", "a b"), ("y", "+"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hunter2@db:hunter2/shop",
        "postgresql://ann:hunter2/x@db/shop",
        "postgresql://ann:12/hunter2@db/shop",
        "postgresql://ann:12?hunter2=x@db/shop",
        "postgresql://ann:hunter2@db:99999/shop",
        "postgresql://ann:hunter2@db/shop?hunter2",
        "postgresql://ann:hunter2@db/shop?a=1&a=hunter2",
        "ann:hunter2@db",
        "post gres://ann:hunter2@db",
    ],
)
def test_a_malformed_url_is_an_error_without_its_password(url):
    with pytest.raises(ConfigError) as caught:
        split(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann:hunter2@db/shop",
        "postgresql://ann:x@hunter2@db/shop",
        "postgresql://ann:x/hunter2@db/shop",
        "postgresql://:hunter2@db",
        "postgresql://db/shop?password=hunter2",
        "postgresql://db/shop?a=1&api_key=hunter2&b=2",
        "ann:hunter2@db",
        "a/b:hunter2@db",
        "post gres://ann:hunter2@db",
        "host=db password='hunter2' user=ann",
        "s3://b?aws_secret_access_key=hunter2",
    ],
)
def test_what_is_shown_of_a_url_has_no_password(text):
    assert "hunter2" not in redacted(text)


def test_what_holds_no_secret_is_shown_as_it_is():
    assert redacted("postgresql://ann@db:5432/shop?a=1") == "postgresql://ann@db:5432/shop?a=1"
