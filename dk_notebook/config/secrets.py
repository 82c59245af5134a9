"""Secrets: a type that shows nothing, and the places that they come from."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, SupportsIndex

from dk_notebook.errors import ConfigError, MissingDependency, did_you_mean

HIDDEN = "***"

KEYRING_SERVICE = "dk_notebook"
"""The keyring service of ``{ keyring = "shop" }``; ``shop`` is the user name there."""

COMMAND_SECONDS = 60.0
"""How long a command may take: it may ask for the passphrase of a key in a window of its own."""


class Secret:
    """A text that nothing shows: not repr, not str, not format, not pickle. `reveal` gives it to a driver.

    Equal secrets compare and hash equal, so that equal settings are the same pool. A copy made by pickle holds
    nothing, and its `reveal` raises ConfigError.

    >>> password = Secret("hunter2")
    >>> print(password, f"{password:>5}", [password])
    ***   *** [Secret('***')]
    >>> password == Secret("hunter2"), password.reveal()
    (True, 'hunter2')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: str | None = value

    def reveal(self) -> str:
        """The text itself, for the call into the driver only."""
        if self._value is None:
            raise ConfigError("a secret does not survive pickle", hint="make the connection in this process")
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Callable[[], Secret], tuple[()]]:
        return _lost, ()


def _lost() -> Secret:
    """What a pickled secret becomes."""
    secret = Secret("")
    secret._value = None
    return secret


# --- where they come from ---------------------------------------------------------------------------------------


def is_source(value: object) -> bool:
    """Whether a setting's value says where to find it, as ``{ env = "SHOP_PASSWORD" }`` does.

    >>> is_source({"env": "SHOP_PASSWORD"}), is_source({"max_size": 8}), is_source("hunter2")
    (True, False, False)
    """
    return isinstance(value, Mapping) and any(kind in value for kind in SOURCES)


def find(source: Mapping[str, Any], setting: str) -> Secret:
    """The secret that a source names: asked for, looked up or computed now.

    Raises ConfigError when it is not there, MissingDependency without the keyring package. No error shows a secret.

    >>> import os; os.environ["SHOP_PASSWORD"] = "hunter2"
    >>> find({"env": "SHOP_PASSWORD"}, "password").reveal()
    'hunter2'
    >>> find({"env": "NO_SUCH_THING"}, "password")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: 'password' is to come from the environment variable NO_SUCH_THING, which is not set
    """
    if len(source) != 1:
        raise ConfigError(
            f"{setting!r} names {len(source)} places to come from: {', '.join(map(repr, source))}",
            hint=f"give one of {', '.join(SOURCES)}",
        )
    [(kind, argument)] = source.items()
    if kind not in SOURCES:
        raise ConfigError(f"{setting!r} cannot come from {kind!r}", hint=did_you_mean(str(kind), SOURCES))
    return Secret(SOURCES[kind](argument, setting))


def _from_environment(variable: object, setting: str) -> str:
    if not isinstance(variable, str) or not variable:
        raise ConfigError(f"{setting!r}: env takes the name of an environment variable")
    value = os.environ.get(variable)
    if value is None:
        raise ConfigError(f"{setting!r} is to come from the environment variable {variable}, which is not set")
    return value


def _from_keyring(entry: object, setting: str) -> str:
    if not isinstance(entry, str) or not entry:
        raise ConfigError(f"{setting!r}: keyring takes the name of an entry")
    try:
        import keyring
    except ImportError:
        raise MissingDependency(
            f"{setting!r} is to come from the keyring, which needs the keyring package",
            hint="pip install 'dk-notebook[keyring]'",
        ) from None
    try:
        value: str | None = keyring.get_password(KEYRING_SERVICE, entry)
    except ImportError as error:  # the package is there, the backend that the user chose is not
        raise ConfigError(
            f"{setting!r} is to come from the keyring, whose backend lacks the module {error.name!r}",
            hint="PYTHON_KEYRING_BACKEND, or keyringrc.cfg, names the backend",
        ) from None
    except Exception as error:  # noqa: BLE001 (a plug-in of anybody's; what it says may hold what it was to keep)
        raise ConfigError(
            f"{setting!r} is to come from the keyring, which answers with {type(error).__name__}",
            hint=f"`keyring get {KEYRING_SERVICE} {entry}` shows what it says",
        ) from None
    if value is None:
        raise ConfigError(
            f"{setting!r} is to come from the keyring, which has no {entry!r}",
            hint=f"`keyring set {KEYRING_SERVICE} {entry}` stores it",
        )
    return value


def _from_command(command: object, setting: str) -> str:
    """The first line that the command prints: what follows in `pass` are notes."""
    if not isinstance(command, list | tuple) or not command or not all(isinstance(word, str) for word in command):
        raise ConfigError(f'{setting!r}: command takes a list of words, as ["pass", "show", "shop"]')
    program = command[0]
    hint = "run it in a terminal to see what it says"
    try:
        # No shell. Its words are not shown in errors: they may hold a token.
        done = subprocess.run(  # noqa: S603 (the user's own file, or one that was trusted)
            list(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except OSError as error:
        raise ConfigError(f"{setting!r}: cannot run {program!r}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{setting!r}: {program!r} took longer than {COMMAND_SECONDS:g} s", hint=hint) from None
    if done.returncode:
        raise ConfigError(f"{setting!r}: {program!r} ended with status {done.returncode}", hint=hint)
    lines = done.stdout.splitlines()
    if not lines or not lines[0]:
        raise ConfigError(f"{setting!r}: {program!r} printed nothing", hint=hint)
    try:
        return lines[0].decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{setting!r}: {program!r} printed what is not UTF-8", hint=hint) from None


def question_of(prompt: object, setting: str) -> str:
    """The text that ``{ prompt = ... }`` asks with. ConfigError: it says neither true nor a text.

    >>> question_of(True, "password"), question_of("PIN: ", "password")
    ('password: ', 'PIN: ')
    """
    if prompt is not True and not isinstance(prompt, str):
        raise ConfigError(f"{setting!r}: prompt takes true, or the question to ask")
    return prompt if isinstance(prompt, str) else f"{setting}: "


def _from_prompt(question: object, setting: str) -> str:
    asked = question_of(question, setting)
    import getpass  # here: most are never asked

    try:
        # In a kernel this is ipykernel's own, which asks in the notebook.
        return getpass.getpass(asked)
    except (EOFError, NotImplementedError):
        # NotImplementedError: ipykernel's, in a front end that takes no input (nbconvert).
        raise ConfigError(f"{setting!r} is to be asked for, and nobody can answer here") from None


SOURCES: Mapping[str, Callable[[object, str], str]] = {
    "env": _from_environment,
    "keyring": _from_keyring,
    "command": _from_command,
    "prompt": _from_prompt,
}
"""The key of a source -> what finds the secret."""
