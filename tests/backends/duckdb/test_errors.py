import duckdb
import pytest

from dk_notebook.backends.duckdb import errors
from dk_notebook.backends.duckdb.errors import translated
from dk_notebook.backends.sql.sent import Sent
from dk_notebook.errors import Conflict, ConnectionFailed, DkError, NotFound, QueryError

pytestmark = [pytest.mark.unit, pytest.mark.duckdb]


def classes(root):
    for kind in root.__subclasses__():
        yield kind
        yield from classes(kind)


@pytest.mark.parametrize(
    "kind", sorted({duckdb.Error, *classes(duckdb.Error)}, key=str), ids=lambda kind: kind.__name__
)
def test_every_exception_of_duckdb_has_a_row(kind):
    assert issubclass(errors.ERRORS[kind], DkError)


@pytest.fixture
def cursor():
    connection = duckdb.connect(":memory:", config={"errors_as_json": True})
    connection.execute("create table t (a int primary key, b varchar not null, c int check (c > 0))")
    connection.execute("insert into t values (1, 'a secret', 1)")
    yield connection
    connection.close()


def error_of(cursor, text):
    with pytest.raises(duckdb.Error) as raised:
        cursor.execute(text).fetchall()
    return translated(raised.value, Sent(text=text, sent=text))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("select * from nope", NotFound),
        ("select nope from t", NotFound),
        ("insert into t (a, nope) values (1, 2)", NotFound),
        ("select * from nowhere.t", NotFound),
        ("create table t (a int)", Conflict),
        ("insert into t values (1, 'x', 1)", Conflict),
        ("insert into t values (2, null, 1)", QueryError),
        ("insert into t values (2, 'x', -1)", QueryError),
        ("select 1 frmo t where", QueryError),
        ("select nofunction(1)", QueryError),
    ],
)
def test_what_the_statement_did_decides_the_class(cursor, text, kind):
    assert type(error_of(cursor, text)) is kind


def test_the_place_is_a_character_of_the_callers_own_text(cursor):
    text = "select 'Grüße 🎈',\n  nope from t"
    error = error_of(cursor, text)
    assert text[error.position :].startswith("nope")
    assert str(error).splitlines()[1:] == ["LINE 2:   nope from t", "          ^"]


def test_a_near_name_is_suggested_and_a_far_one_is_not(cursor):
    assert error_of(cursor, "select aa from t").hint == "did you mean 'a'?"
    assert error_of(cursor, "select zzzzzz from t").hint is None
    assert "Did you mean" not in error_of(cursor, "select * from nope").message


@pytest.mark.parametrize(
    "text",
    [
        "insert into t select 1, 'x', 1",
        "select cast(b as int) from t",
        "select cast(b as date) from t",
        "select cast(b as json) from t",
        "select cast(b as uuid) from t",
        "select cast(a + 30000 as tinyint) from t",
        "select strptime(b, '%Y') from t",
        "insert into t select a + 1, b, a - 30001 from t",
    ],
)
def test_values_of_rows_are_not_in_the_message(cursor, text):
    message = str(error_of(cursor, text))
    assert "secret" not in message
    assert "30001" not in message.replace(text, "")
    assert "a: 1" not in message


def test_a_value_that_the_caller_wrote_may_be_shown(cursor):
    assert "'abc'" in error_of(cursor, "select cast('abc' as int)").message


def test_an_error_of_the_arrow_reader_is_duckdbs_own():
    text = 'Conversion Error: {"exception_type":"Conversion","exception_message":"no","position":"7"}'
    with pytest.raises(QueryError, match="no"), errors.translating(Sent(text="select a", sent="select a")):
        raise OSError(text)


def test_other_errors_of_the_system_stay_what_they_are():
    with pytest.raises(FileNotFoundError), errors.translating():
        raise FileNotFoundError("no such file")


def test_an_invalidated_database_is_a_failed_connection():
    assert isinstance(translated(duckdb.FatalException("FATAL Error: gone")), ConnectionFailed)


def test_an_interrupt_has_the_code_of_a_cancel():
    error = translated(duckdb.InterruptException("INTERRUPT Error: Interrupted!"))
    assert (type(error), error.code) == (QueryError, "cancelled")
