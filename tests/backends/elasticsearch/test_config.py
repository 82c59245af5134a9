"""The settings of a cluster, and how each spelling gets there."""

import base64
import pickle

import pytest

from dk_notebook.backends.elasticsearch.config import ElasticsearchConfig
from dk_notebook.backends.elasticsearch.settings.hosts import Host
from dk_notebook.config.secrets import Secret
from dk_notebook.config.settings import build
from dk_notebook.database.opening import opening
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit


def keyword(**said):
    return build(ElasticsearchConfig, [("keyword", said)])


def of_url(url):
    return build(ElasticsearchConfig, [("URL", ElasticsearchConfig.from_url(url))])


def of_environment(environ, **said):
    """The settings that the environment gives below what is said."""
    above = {name.replace("__", "."): value for name, value in said.items()}
    return build(ElasticsearchConfig, [("keyword", above), *ElasticsearchConfig.lower_levels(environ, above)])


# --- nodes


@pytest.mark.parametrize(
    ("hosts", "nodes"),
    [
        ([], ["http://localhost:9200"]),
        ("db", ["http://db:9200"]),
        (["a", "b:9201"], ["http://a:9200", "http://b:9201"]),
        (["http://a", "https://b.example.org"], ["http://a:9200", "https://b.example.org:443"]),
        ("https://a:9200,b:9200", ["https://a:9200", "https://b:9200"]),
        (["elasticsearch+https://a"], ["https://a:9200"]),
        (["http://[::1]:9201"], ["http://[::1]:9201"]),
        (["https://proxy/logs/es/"], ["https://proxy:443/logs/es"]),
        (["a", "http://a:9200"], ["http://a:9200"]),
    ],
)
def test_hosts_become_urls_with_scheme_and_port(hosts, nodes):
    assert keyword(hosts=hosts).hosts == tuple(nodes)


def test_a_port_is_for_the_hosts_that_name_none():
    assert keyword(hosts=["a", "b:9201"], port="9500").hosts == ("http://a:9500", "http://b:9201")


def test_settings_that_were_built_build_the_same_again():
    config = keyword(hosts=["https://proxy/es", "a"], port=9500)
    again = ElasticsearchConfig(hosts=config.hosts)
    assert again == config
    assert hash(again) == hash(config)


@pytest.mark.parametrize("hosts", [["ftp://db"], ["http://db:99999"], ["http://db?x=1"], ["[::1"]])
def test_what_is_no_host_is_an_error(hosts):
    with pytest.raises(ConfigError):
        keyword(hosts=hosts)


def test_a_cloud_id_names_the_node():
    text = base64.b64encode(b"eu.example.org$abc$def").decode()
    assert keyword(cloud_id=f"shop:{text}").hosts == ("https://abc.eu.example.org:443",)


@pytest.mark.parametrize("cloud_id", ["shop", "shop:%%%", "shop:" + base64.b64encode(b"$").decode()])
def test_a_damaged_cloud_id_is_an_error_that_names_the_setting(cloud_id):
    with pytest.raises(ConfigError, match="cloud_id"):
        keyword(cloud_id=cloud_id)


def test_a_cloud_id_beside_hosts_is_an_error():
    with pytest.raises(ConfigError, match="beside"):
        keyword(cloud_id="shop:x", hosts="a")


@pytest.mark.parametrize(
    ("word", "value", "setting", "meant"),
    [
        ("host", "db", "hosts", ("http://db:9200",)),
        ("url", "https://db:9200", "hosts", ("https://db:9200",)),
        ("user", "ann", "username", "ann"),
        ("username", "ann", "username", "ann"),
        ("api_key", "abc", "api_key", Secret("abc")),
        ("bearer_auth", "abc", "bearer_auth", Secret("abc")),
        ("token", "abc", "bearer_auth", Secret("abc")),
        ("verify_certs", "false", "verify_certs", False),
        ("ssl_assert_hostname", "no", "ssl_assert_hostname", False),
        ("http_compress", "true", "http_compress", True),
        ("ca_certs", "/etc/ca.pem", "ca_certs", "/etc/ca.pem"),
        ("ca_file", "/etc/ca.pem", "ca_certs", "/etc/ca.pem"),
        ("connect_timeout", "2", "connect_timeout", 2.0),
    ],
)
def test_each_spelling_acts(word, value, setting, meant):
    assert getattr(keyword(**{word: value}), setting) == meant


@pytest.mark.parametrize(
    "pool",
    [
        {"pool": {"connections": 3, "maxsize": 5}},
        {"pool": {"min_size": 3, "max_size": 5}},
        {"pool.connections": 3, "pool.maxsize": 5},
        {"connections": 3, "maxsize": 5},
    ],
    ids=lambda pool: ", ".join(pool),
)
def test_the_sizes_of_the_pool_have_the_words_of_the_quick_start(pool):
    config = keyword(**pool)
    assert (config.pool.min_size, config.pool.max_size) == (3, 5)


def test_an_unknown_setting_is_told_with_the_one_that_was_meant():
    with pytest.raises(ConfigError, match="api_key"):
        keyword(apikey="abc")


def test_files_are_meant_from_where_one_is_now(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = keyword(ca_certs="ca.pem", client_cert="me.pem")
    assert (config.ca_certs, config.client_cert) == (str(tmp_path / "ca.pem"), str(tmp_path / "me.pem"))


# --- the quick start


@pytest.mark.parametrize(
    "given",
    [
        {"hosts": ["http://localhost:9200"], "index": "my_data"},
        {"elasticsearch": {"hosts": ["http://localhost:9200"], "index": "my_data"}, "s3": {"bucket": "b"}},
    ],
    ids=["flat", "nested"],
)
def test_the_index_of_the_records_is_a_setting_of_the_database(given):
    made = opening("elasticsearch", given)
    assert (made.place.name, made.config.location) == ("my_data", "http://localhost:9200")


def test_records_lie_in_an_index_called_records():
    assert opening("elasticsearch", {}).place.name == "records"


@pytest.mark.parametrize("index", ["", "a*", "a,b", "_all", "Capitals", ".system", "a/b", "a b"])
def test_records_lie_in_one_index_of_ones_own(index):
    with pytest.raises(ConfigError):
        opening("elasticsearch", {"index": index})


# --- URLs


def test_a_url_has_several_hosts_and_settings():
    config = of_url("elasticsearch+https://ann:p%40ss@a:9201,b/es?pool.maxsize=4&verify_certs=false")
    assert config.nodes() == (Host("https", "a", 9201, "/es"), Host("https", "b", 9200, "/es"))
    assert (config.username, config.password) == ("ann", Secret("p@ss"))
    assert (config.pool.max_size, config.verify_certs) == (4, False)


def test_a_setting_that_the_url_says_twice_is_an_error():
    with pytest.raises(ConfigError, match="username"):
        of_url("elasticsearch://ann@a?username=bob")


def test_a_keyword_wins_over_the_url():
    above = {"password": "new"}
    levels = [("keyword", above), ("URL", ElasticsearchConfig.from_url("elasticsearch://ann:old@a"))]
    assert build(ElasticsearchConfig, levels).password == Secret("new")


# --- who asks


@pytest.mark.parametrize(
    ("said", "header"),
    [
        ({}, None),
        ({"username": "ann", "password": "x"}, "Basic " + base64.b64encode(b"ann:x").decode()),
        ({"username": "zoë", "password": "ü:"}, "Basic " + base64.b64encode("zoë:ü:".encode()).decode()),
        ({"username": "ann"}, "Basic " + base64.b64encode(b"ann:").decode()),
        ({"api_key": "ZW5jb2RlZA=="}, "ApiKey ZW5jb2RlZA=="),
        ({"api_key": "id:key"}, "ApiKey " + base64.b64encode(b"id:key").decode()),
        ({"bearer_auth": "AAEAAW"}, "Bearer AAEAAW"),
    ],
)
def test_who_asks_becomes_a_header(said, header):
    found = keyword(**said).authorization()
    assert (found.reveal() if found is not None else None) == header


@pytest.mark.parametrize(
    "said",
    [
        {"username": "ann", "api_key": "x"},
        {"api_key": "x", "bearer_auth": "y"},
        {"password": "x"},
        {"username": "a:b", "password": "x"},
        {"username": "ann", "password": "x\r\nX-Evil: 1"},
        {"api_key": "abc\n"},
    ],
)
def test_what_cannot_be_told_to_a_server_is_an_error_without_the_secret(said):
    with pytest.raises(ConfigError) as raised:
        keyword(**said)
    assert "Evil" not in str(raised.value)


def test_the_login_in_a_host_is_taken_out_of_it():
    config = keyword(hosts=["http://ann:hunter2@a", "http://b"])
    assert (config.hosts, config.username, config.password) == (
        ("http://a:9200", "http://b:9200"),
        "ann",
        Secret("hunter2"),
    )


def test_two_logins_in_the_hosts_are_an_error():
    with pytest.raises(ConfigError, match="several users"):
        keyword(hosts=["http://ann:x@a", "http://bob:y@b"])


def test_another_password_than_the_one_in_the_hosts_is_an_error():
    with pytest.raises(ConfigError, match="password"):
        keyword(hosts=["http://ann:x@a"], password="y")


SECRETS = {"hosts": ["http://ann:hunter2@db"]}, {"api_key": "hunter2"}, {"username": "ann", "password": "hunter2"}


@pytest.mark.parametrize("said", SECRETS, ids=lambda said: ", ".join(said))
def test_nothing_shows_a_secret(said):
    config = keyword(**said)
    assert "hunter2" not in f"{config} {config!r} {config.location} {pickle.dumps(config)!r} {config.authorization()}"


@pytest.mark.parametrize(
    "url",
    ["elasticsearch://ann:hun,ter2@db:x", "elasticsearch://ann:hun/ter2@db", "elasticsearch://ann:hun:ter2@:x"],
)
def test_an_error_in_a_url_does_not_repeat_it(url):
    with pytest.raises(ConfigError) as raised:
        of_url(url)
    assert "ter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("said", "readable"),
    [
        ({"hosts": "db", "api_key": "x"}, True),
        ({"hosts": "db"}, False),
        ({"hosts": "https://db", "api_key": "x"}, False),
        ({"hosts": "localhost", "api_key": "x"}, False),
        ({"hosts": "127.0.0.1,db", "api_key": "x"}, True),
    ],
)
def test_secrets_on_a_plain_connection_to_elsewhere_are_noticed(said, readable):
    assert keyword(**said).is_readable_on_the_way() is readable


# --- TLS


@pytest.mark.parametrize(
    ("said", "verifies"),
    [
        ({"hosts": "https://db"}, True),
        ({"hosts": "https://localhost:9200"}, False),
        ({"hosts": "https://localhost:9200", "ca_certs": "ca.pem"}, True),
        ({"hosts": "https://localhost:9200", "verify_certs": True}, True),
        ({"hosts": "https://db", "verify_certs": False}, False),
    ],
)
def test_whose_server_it_is_gets_checked_off_this_machine(said, verifies):
    config = keyword(**said)
    assert config.verifies(config.nodes()[0]) is verifies


@pytest.mark.parametrize("setting", ["ca_certs", "client_cert", "client_key"])
def test_a_file_that_is_not_there_is_named_with_its_setting(tmp_path, setting):
    said = {setting: str(tmp_path / "absent.pem")}
    if setting == "client_key":
        said["client_cert"] = str(tmp_path / "absent.pem")
    config = keyword(hosts="https://db", **said)
    with pytest.raises(ConfigError, match=setting):
        config.tls_for(config.nodes()[0])


def test_a_key_without_a_certificate_is_an_error():
    with pytest.raises(ConfigError, match="client_key"):
        keyword(client_key="me.key")


# --- compression


@pytest.mark.parametrize(
    ("said", "compresses"),
    [
        ({"hosts": "localhost"}, False),
        ({"hosts": "db"}, True),
        ({"hosts": "db", "http_compress": False}, False),
        ({"hosts": "localhost", "http_compress": True}, True),
    ],
)
def test_bodies_travel_compressed_off_this_machine(said, compresses):
    config = keyword(**said)
    assert config.compresses(config.nodes()[0]) is compresses


# --- the environment


@pytest.mark.parametrize("variable", ["ELASTICSEARCH_URL", "ES_URL"])
@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://db:9201", ("http://db:9201",)),
        ("https://db", ("https://db:443",)),
        ("elasticsearch+https://a,b", ("https://a:9200", "https://b:9200")),
        ("http://a:9200,http://b:9200", ("http://a:9200", "http://b:9200")),
        ("db:9201", ("http://db:9201",)),
    ],
)
def test_the_environment_names_the_nodes(variable, url, hosts):
    assert of_environment({variable: url}).hosts == hosts


@pytest.mark.parametrize(
    ("environ", "header"),
    [
        ({"ELASTIC_API_KEY": "abc"}, "ApiKey abc"),
        ({"ES_API_KEY": "abc"}, "ApiKey abc"),
        ({"ELASTIC_API_KEY": "abc", "ES_API_KEY": "def"}, "ApiKey abc"),
        ({"ELASTIC_USERNAME": "ann", "ELASTIC_PASSWORD": "x"}, "Basic " + base64.b64encode(b"ann:x").decode()),
        ({"ELASTIC_PASSWORD": "x"}, "Basic " + base64.b64encode(b"elastic:x").decode()),
        ({"ELASTIC_API_KEY": "abc", "ELASTIC_PASSWORD": "x"}, "ApiKey abc"),
        ({"ES_URL": "http://ann:x@db", "ELASTIC_API_KEY": "abc"}, "Basic " + base64.b64encode(b"ann:x").decode()),
        ({"ELASTIC_API_KEY": ""}, None),
    ],
)
def test_the_environment_tells_who_asks(environ, header):
    found = of_environment(environ).authorization()
    assert (found.reveal() if found is not None else None) == header


def test_the_environment_sizes_the_pool():
    config = of_environment({"ES_POOL_CONNECTIONS": "10", "ES_POOL_MAXSIZE": "20"})
    assert (config.pool.min_size, config.pool.max_size) == (10, 20)


def test_what_follows_a_question_mark_in_the_environments_url_is_a_setting():
    assert of_environment({"ES_URL": "https://db?verify_certs=false"}).verify_certs is False


KEY = {"ELASTICSEARCH_URL": "https://prod:9200,https://prod2:9200", "ELASTIC_API_KEY": "abc"}


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ({}, True),
        ({"hosts": ["https://prod:9200"]}, True),
        ({"hosts": "https://prod2:9200,https://prod:9200"}, True),
        ({"hosts": ["https://elsewhere:9200"]}, False),
        ({"hosts": ["https://prod:9200", "https://elsewhere:9200"]}, False),
        ({"hosts": ["http://prod:9200"]}, False),  # the same, without encryption
        ({"hosts": ["https://prod:9201"]}, False),
        ({"port": 9201}, False),
        ({"hosts": {"env": "HOST"}}, False),
    ],
)
def test_the_key_of_the_environment_goes_to_the_nodes_that_it_names_alone(said, given):
    levels = ElasticsearchConfig.lower_levels(KEY, said)
    assert any("api_key" in level for _, level in levels) is given


def test_a_key_of_an_environment_without_nodes_is_for_the_nodes_that_are_named():
    config = of_environment({"ELASTIC_API_KEY": "abc"}, hosts="https://db")
    assert config.api_key == Secret("abc")


def test_a_key_beside_a_url_that_cannot_be_read_goes_nowhere():
    config = of_environment({"ES_URL": "ftp://db", "ES_API_KEY": "abc"}, hosts="https://db")
    assert not config.has_password()


def test_a_url_of_the_environment_that_cannot_be_read_is_named_where_it_counts():
    with pytest.raises(ConfigError, match="ES_URL"):
        of_environment({"ES_URL": "ftp://db"})


@pytest.mark.parametrize(
    ("said", "password"),
    [
        ({"username": "ann"}, Secret("x")),
        ({"username": "bob"}, None),
        ({"username": "ann", "password": "y"}, Secret("y")),
        ({"api_key": "abc"}, None),
    ],
)
def test_the_password_of_the_environment_is_for_its_user(said, password):
    assert of_environment({"ELASTIC_USERNAME": "ann", "ELASTIC_PASSWORD": "x"}, **said).password == password
