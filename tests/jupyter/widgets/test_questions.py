"""What a widget asks in the background: the newest question counts, and none is waited for for ever."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from dk_notebook.errors import DeadlineExceeded
from dk_notebook.jupyter.widgets import questions
from dk_notebook.jupyter.widgets.questions import Question
from tests.jupyter.widgets.controls import until

pytestmark = pytest.mark.unit


class Asked:
    """A question, what was shown of it, and which of its answers were given up."""

    def __init__(self) -> None:
        self.question = Question(threading.RLock())
        self.shown: list[Any] = []
        self.begun = threading.Event()
        self.given_up = threading.Event()

    def ask(self, seconds: float, answer: object) -> None:
        async def find() -> object:
            self.begun.set()
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                self.given_up.set()
                raise
            return answer

        self.question.ask(find, self.shown.append, self.shown.append)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_an_answer_is_shown(asked: Asked) -> None:
    asked.ask(0, 42)
    assert (asked.question.wait(20), asked.shown) == (True, [42])


def test_a_newer_question_ends_the_one_before(asked: Asked) -> None:
    asked.ask(60, "old")
    asked.begun.wait(20)
    asked.ask(0, "new")
    assert (asked.question.wait(20), asked.given_up.wait(20), asked.shown) == (True, True, ["new"])


def test_what_is_dropped_is_given_up_and_never_shown(asked: Asked) -> None:
    asked.ask(60, "old")
    asked.begun.wait(20)
    asked.question.drop()
    assert (asked.question.wait(0), asked.given_up.wait(20), asked.shown) == (True, True, [])


def test_a_store_that_does_not_answer_is_told_in_time(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "TIMEOUT", 0.05)
    asked.ask(60, "never")
    (error,) = until(lambda: asked.shown)
    assert (type(error), "no answer within" in str(error)) == (DeadlineExceeded, True)
