"""The log of botocore, which at its most talkative repeats tokens and what gives roles has answered."""

from __future__ import annotations

import logging
import re
from typing import Final

from dk_notebook.config.secrets import HIDDEN

LOGGERS: Final = ("botocore.auth", "botocore.endpoint", "botocore.parsers", "botocore.hooks", "botocore.credentials")
"""Those that say what was signed, sent and answered."""

_SECRET: Final = re.compile(
    r"(x-amz-(?:security-token|sso_bearer_token)['\"]?\s*[:=]\s*b?['\"]?"
    r"|<(?:SecretAccessKey|SessionToken)>"
    r"|\"(?:SecretAccessKey|SessionToken|Token|secretAccessKey|sessionToken|accessToken)\"\s*:\s*\")"
    r"[^\s'\"<>,}]+",
    re.IGNORECASE,
)


def hidden(text: str) -> str:
    r"""The same without what is secret in it.

    >>> hidden("x-amz-date:2026\nx-amz-security-token:hunter2\n")
    'x-amz-date:2026\nx-amz-security-token:***\n'
    >>> hidden("headers={'X-Amz-Security-Token': b'hunter2', 'Host': 'a'}")
    "headers={'X-Amz-Security-Token': b'***', 'Host': 'a'}"
    >>> hidden("headers={'x-amz-sso_bearer_token': b'hunter2'}")
    "headers={'x-amz-sso_bearer_token': b'***'}"
    """
    return _SECRET.sub(rf"\g<1>{HIDDEN}", text)


class _Hiding(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        shown = hidden(said)
        if shown != said:
            record.msg, record.args = shown, ()
        return True


_HIDING: Final = _Hiding()


def hide_secrets() -> None:
    """From now on; doing so again changes nothing."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_HIDING)
