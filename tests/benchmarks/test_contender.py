"""A contender in a process of its own does what it is told, and says what it took."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from contender import PEERS, Contender, TaskFailed

pytestmark = pytest.mark.unit

SCRIPT = f"""
import os, sys, time
sys.path.insert(0, {str(PEERS)!r})
from served import serve

class Frame:
    def __len__(self):
        return 3
    def memory_usage(self, deep):
        return self
    def sum(self):
        return 24

def hold(bytes):
    len(bytearray(os.urandom(1)) * bytes)

def say(text):
    print(text)
    return sys.argv[1] + text

def sleep(seconds):
    time.sleep(seconds)

def leave():
    os._exit(3)

serve({{"say": say, "hold": hold, "frame": Frame, "sleep": sleep, "leave": leave}})
"""


@pytest.fixture
def contender(tmp_path: Path) -> Iterator[Contender]:
    script = tmp_path / "toy.py"
    script.write_text(SCRIPT)
    with Contender(str(script), "heard ") as running:
        yield running


def test_it_answers_with_the_value_whatever_else_it_prints(contender: Contender):
    assert contender.do("say", text="a\nb").value == "heard a\nb"


def test_it_does_one_task_after_the_other(contender: Contender):
    task = contender.task("say", text="x")
    assert [task().value, task().value] == ["heard x"] * 2


def test_the_seconds_are_those_of_the_task(contender: Contender):
    assert 0.05 <= contender.do("sleep", seconds=0.05).seconds < 1


def test_the_memory_is_that_of_the_height_though_it_was_given_back(contender: Contender):
    assert contender.do("hold", bytes=100_000_000).peak_bytes > 90_000_000


def test_a_frame_is_told_by_its_size(contender: Contender):
    frame = contender.do("frame")
    assert (frame.value, frame.value_bytes) == (3, 24)


def test_a_failed_task_is_an_error_with_its_traceback_and_the_next_one_works(contender: Contender):
    with pytest.raises(TaskFailed, match="KeyError: 'dance'"):
        contender.do("dance")
    assert contender.do("say", text="on").value == "heard on"


@pytest.mark.parametrize("asked", ["leave", "say"])
def test_one_that_is_gone_is_an_error(contender: Contender, asked: str):
    with pytest.raises(TaskFailed, match="has ended"):
        contender.do("leave")
    with pytest.raises(TaskFailed, match="has ended"):
        contender.do(asked)


def test_one_that_cannot_begin_is_an_error(tmp_path: Path):
    (tmp_path / "broken.py").write_text("import nothing_like_this")
    with Contender(str(tmp_path / "broken.py")) as broken, pytest.raises(TaskFailed, match="has ended"):
        broken.do("say")
