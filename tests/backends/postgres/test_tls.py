"""Which TLS is asked of which server, and what a refusal says."""

import asyncio
import contextlib
import os
import ssl
import time

import asyncpg
import pytest

from dk_notebook.backends.postgres.config import Address, PostgresConfig
from dk_notebook.backends.postgres.settings import tls
from dk_notebook.config.secrets import Secret
from dk_notebook.errors import ConfigError
from tests.services.certificates import Authority

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user without files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("theirs"))


def config(host="db", **said):
    return PostgresConfig(host=host, user="ann", **said)


def context(host="db", **said):
    return config(host, **said).tls_for(Address(host, 5432))[1]


# --- the mode

HERE = ["localhost", "127.0.0.1", "127.8.8.8", "::1"]
AWAY = ["db", "10.0.0.1", "localhost.example.org", "fe80::1"]


@pytest.mark.parametrize("host", AWAY)
def test_off_this_machine_everything_is_checked(host):
    wanted, how = config(host).tls_for(Address(host, 5432))
    assert (wanted, how.check_hostname, how.verify_mode) == ("require", True, ssl.CERT_REQUIRED)


@pytest.mark.parametrize("host", HERE)
def test_on_this_machine_tls_is_preferred_and_nothing_is_checked(host):
    wanted, how = config(host).tls_for(Address(host, 5432))
    assert (wanted, how.check_hostname, how.verify_mode) == ("prefer", False, ssl.CERT_NONE)


@pytest.mark.parametrize("sslmode", [None, "prefer", "verify-full"])
def test_a_socket_has_no_tls(sslmode):
    assert config("/tmp", sslmode=sslmode).tls_for(Address("/tmp", 5432)) == ("disable", None)


@pytest.mark.parametrize("host", ["localhost", "db"])
@pytest.mark.parametrize(
    ("sslmode", "wanted", "name", "signature"),
    [
        ("disable", "disable", None, None),
        ("allow", "prefer", False, ssl.CERT_NONE),
        ("prefer", "prefer", False, ssl.CERT_NONE),
        ("require", "require", False, ssl.CERT_NONE),
        ("verify-ca", "require", False, ssl.CERT_REQUIRED),
        ("verify-full", "require", True, ssl.CERT_REQUIRED),
    ],
)
def test_what_is_said_counts_wherever_the_server_is(host, sslmode, wanted, name, signature):
    asked, how = config(host, sslmode=sslmode).tls_for(Address(host, 5432))
    assert (asked, how and how.check_hostname, how and how.verify_mode) == (wanted, name, signature)


def test_on_this_machine_authorities_that_are_named_check(ours):
    wanted, how = config("localhost", sslrootcert=str(ours.file)).tls_for(Address("localhost", 5432))
    assert (wanted, how.check_hostname, how.verify_mode) == ("require", True, ssl.CERT_REQUIRED)


def test_each_of_several_hosts_has_its_own_mode():
    several = config("localhost,db,/tmp")
    assert [several.tls_for(each)[0] for each in several.addresses()] == ["prefer", "require", "disable"]


def test_the_systems_authorities_are_taken_by_default():
    default = ssl.create_default_context()
    assert context().cert_store_stats() == default.cert_store_stats()


def test_the_users_authorities_are_taken_where_libpq_has_them(home, ours):
    (home / ".postgresql" / "root.crt").write_text(ours.file.read_text())
    assert [each["subject"] for each in context().get_ca_certs()] == [((("commonName", ours.folder.name),),)]


@pytest.mark.parametrize("said", [{}, {"sslrootcert": "ca"}])
def test_with_a_file_of_authorities_require_checks_too(home, ours, said):
    path = home / ("ca" if said else ".postgresql/root.crt")
    path.write_text(ours.file.read_text())
    how = context(sslmode="require", **({"sslrootcert": str(path)} if said else {}))
    assert (how.check_hostname, how.verify_mode) == (False, ssl.CERT_REQUIRED)


# --- versions


def test_a_least_and_a_greatest_version_are_asked_for():
    how = context(ssl_min_protocol_version="TLSv1.2", ssl_max_protocol_version="TLSv1.2")
    assert (how.minimum_version, how.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)


def test_versions_of_which_none_is_left_are_an_error():
    with pytest.raises(ConfigError, match=r"'ssl_min_protocol_version' is TLSv1.3, above 'ssl_max_protocol_version'"):
        config(ssl_min_protocol_version="TLSv1.3", ssl_max_protocol_version="TLSv1.2")


# --- handshakes, in memory: OpenSSL on both sides


def server(certificate, client_ca=None):
    how = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    how.load_cert_chain(certificate.file, certificate.key)
    if client_ca:
        how.verify_mode = ssl.CERT_REQUIRED
        how.load_verify_locations(client_ca)
    return how


def shake(client, host, server):
    """Both sides of a handshake; raises what either of them does. The server's view of the client's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=host)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(8):
        for side in (here, there):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return there.getpeercert()


def refusal(client, host, server):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        shake(client, host, server)
    return caught.value


def test_a_server_whose_signature_and_name_are_right_is_taken(ours):
    shake(context(sslrootcert=str(ours.file)), "db", server(ours.issue("db")))


def test_an_address_is_a_name_too(ours):
    shake(context("10.0.0.1", sslrootcert=str(ours.file)), "10.0.0.1", server(ours.issue("10.0.0.1")))


@pytest.mark.parametrize("sslmode", ["prefer", "require"])
def test_without_a_check_any_server_is_taken(theirs, sslmode):
    shake(context(sslmode=sslmode), "db", server(theirs.issue("other")))


def test_with_verify_ca_a_server_of_another_name_is_taken(ours):
    shake(context(sslmode="verify-ca", sslrootcert=str(ours.file)), "db", server(ours.issue("other")))


def test_an_unknown_signature_is_refused_with_what_names_it_or_lets_it_pass(theirs):
    hint = tls.hint(refusal(context(), "db", server(theirs.issue("db"))), config())
    assert 'sslrootcert="ca.pem"' in hint
    assert 'sslmode="require"' in hint


def test_a_signature_that_the_users_file_does_not_have_is_told_the_file(ours, theirs):
    mine = config(sslrootcert=str(ours.file))
    hint = tls.hint(refusal(mine.tls_for(Address("db", 5432))[1], "db", server(theirs.issue("db"))), mine)
    assert hint.startswith(f"{ours.file} does not have")
    assert 'sslrootcert="system"' in hint


def test_a_wrong_host_is_refused_with_the_mode_that_lets_it_pass(ours):
    mine = config(sslrootcert=str(ours.file))
    error = refusal(mine.tls_for(Address("db", 5432))[1], "db", server(ours.issue("other")))
    assert 'sslmode="verify-ca"' in tls.hint(error, mine)


def test_a_wrong_address_is_refused_with_the_mode_that_lets_it_pass(ours):
    mine = config("10.0.0.2", sslrootcert=str(ours.file))
    error = refusal(mine.tls_for(Address("10.0.0.2", 5432))[1], "10.0.0.2", server(ours.issue("10.0.0.1")))
    assert 'sslmode="verify-ca"' in tls.hint(error, mine)


def test_an_expired_certificate_is_refused_with_the_mode_that_lets_it_pass(ours):
    mine = config(sslrootcert=str(ours.file))
    error = refusal(mine.tls_for(Address("db", 5432))[1], "db", server(ours.issue("db", days=-1)))
    hint = tls.hint(error, mine)
    # With a file of authorities `require` would check as well: the mode that the hint names must not.
    word = hint.partition('sslmode="')[2].partition('"')[0]
    shake(context(sslmode=word, sslrootcert=str(ours.file)), "db", server(ours.issue("db", days=-1)))


def test_a_server_that_has_no_new_enough_tls_is_refused(ours):
    old = server(ours.issue("db"))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        shake(context(sslrootcert=str(ours.file), ssl_min_protocol_version="TLSv1.3"), "db", old)


@pytest.mark.parametrize("default", [False, True])
def test_a_certificate_that_was_revoked_is_refused(ours, home, default):
    lost = ours.issue("lost")
    revoked = ours.revoke(lost)
    if default:
        (home / ".postgresql" / "root.crl").write_bytes(revoked.read_bytes())
    said = {} if default else {"sslcrl": str(revoked)}
    how = context("lost", sslrootcert=str(ours.file), **said)
    assert "revoked" in refusal(how, "lost", server(lost)).verify_message


def test_a_certificate_that_was_not_revoked_is_taken(ours):
    revoked = ours.revoke(ours.issue("lost"))
    shake(context(sslrootcert=str(ours.file), sslcrl=str(revoked)), "db", server(ours.issue("db")))


def test_a_file_of_the_revoked_that_is_none_is_an_error_that_names_the_setting(ours, home):
    (home / "empty.crl").touch()
    with pytest.raises(ConfigError, match=r"'sslcrl' is .*empty\.crl, which cannot be used"):
        context(sslrootcert=str(ours.file), sslcrl=str(home / "empty.crl"))


def test_the_revoked_beside_a_mode_that_checks_nothing_are_an_error(ours):
    with pytest.raises(ConfigError, match="'sslcrl' beside sslmode='require', which checks no certificate"):
        context(sslmode="require", sslcrl=str(ours.file))


def test_another_error_has_no_hint():
    assert tls.hint(ConnectionRefusedError(111, "Connection refused"), config()) is None


# --- certificates of the client


def subject(certificate):
    return certificate["subject"][0][0][1]


@pytest.mark.parametrize("password", [None, "hunter2"])
def test_a_client_shows_its_certificate(ours, password):
    mine = ours.issue("ann", password=password)
    secret = {"sslpassword": Secret(password)} if password else {}
    how = context(sslmode="require", sslcert=str(mine.file), sslkey=str(mine.key), **secret)
    assert subject(shake(how, "db", server(ours.issue("db"), ours.file))) == "ann"


def test_a_client_shows_the_certificate_that_libpq_would(ours, home):
    mine = ours.issue("ann")
    (home / ".postgresql" / "postgresql.crt").write_text(mine.file.read_text())
    (home / ".postgresql" / "postgresql.key").write_text(mine.key.read_text())
    assert subject(shake(context(sslmode="require"), "db", server(ours.issue("db"), ours.file))) == "ann"


def test_a_key_may_stand_in_the_file_of_the_certificate(ours, home):
    mine = ours.issue("ann")
    (home / "both.pem").write_text(mine.file.read_text() + mine.key.read_text())
    how = context(sslmode="require", sslcert=str(home / "both.pem"))
    assert subject(shake(how, "db", server(ours.issue("db"), ours.file))) == "ann"


@pytest.mark.parametrize("secret", [{}, {"sslpassword": Secret("swordfish")}])
def test_a_key_whose_password_is_missing_or_wrong_is_an_error_that_names_the_setting(ours, secret):
    mine = ours.issue("ann", password="hunter2")
    with pytest.raises(ConfigError, match=r"(?s)'sslkey' is .*ann\.key.*sslpassword=") as caught:
        context(sslcert=str(mine.file), sslkey=str(mine.key), **secret)
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize("setting", ["sslcert", "sslkey", "sslrootcert"])
def test_a_file_that_is_missing_is_an_error_that_names_the_setting(ours, setting):
    mine = ours.issue("ann")
    said = {"sslcert": str(mine.file), "sslkey": str(mine.key)} | {setting: "/gone.pem"}
    with pytest.raises(ConfigError, match=f"'{setting}' is /gone.pem, which cannot be used: No such file"):
        context(**said)


def test_a_file_without_certificates_is_an_error_that_names_the_setting(home):
    (home / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"'sslrootcert' is .*ca\.pem, which cannot be used"):
        context(sslrootcert=str(home / "ca.pem"))


def test_a_key_without_a_certificate_is_an_error(ours):
    with pytest.raises(ConfigError, match="'sslkey' without a certificate"):
        context(sslkey=str(ours.issue("ann").key))


def test_a_certificate_that_was_renewed_is_read_anew(ours, theirs, home):
    path = home / "ca.pem"
    path.write_text(theirs.file.read_text())
    context(sslrootcert=str(path))
    path.write_text(ours.file.read_text())
    later = time.time() + 5
    os.utime(path, (later, later))
    shake(context(sslrootcert=str(path)), "db", server(ours.issue("db")))


def test_the_same_files_are_read_once():
    assert context("a.example.org") is context("b.example.org")


# --- servers without TLS


@pytest.fixture
async def plain():
    """The port of a server that answers the wish for TLS as one without does."""

    async def answer(reader, writer):
        await reader.readexactly(8)
        writer.write(b"N")
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()


async def refused(port, **said):
    """The error of asyncpg, and the settings."""
    mine = PostgresConfig(host="127.0.0.1", port=port, user="ann", connect_timeout=5, **said)
    with pytest.raises(ConnectionError) as caught:
        await asyncpg.connect(**mine.connect_arguments(mine.addresses()[0]))
    return caught.value, mine


async def test_a_server_without_tls_is_refused_with_the_mode_that_lets_it_pass(plain):
    error, mine = await refused(plain, sslmode="verify-full")
    assert 'sslmode="prefer"' in tls.hint(error, mine)


@pytest.mark.parametrize(
    ("sslmode", "again"), [(None, True), ("prefer", True), ("allow", True), ("require", False), ("verify-full", False)]
)
async def test_only_where_tls_is_preferred_a_server_without_is_asked_again(plain, sslmode, again):
    error, mine = await refused(plain, sslmode=sslmode)
    assert tls.falls_back(mine, mine.addresses()[0], error) is again


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (asyncpg.InvalidAuthorizationSpecificationError("no pg_hba.conf entry"), True),
        (ssl.SSLError("handshake failure"), True),
        (asyncpg.InvalidPasswordError("password authentication failed"), False),
        (ConnectionRefusedError(111, "Connection refused"), False),
        (TimeoutError(), False),
    ],
)
def test_what_tls_is_not_to_blame_for_is_not_tried_again(error, again):
    assert tls.falls_back(config("localhost"), Address("localhost", 5432), error) is again
