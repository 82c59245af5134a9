"""Bars that Ctrl-C stopped in the middle."""

from __future__ import annotations

import gc
import threading

import pytest
from tqdm.std import tqdm

from dk_notebook.progress import bar
from dk_notebook.runtime.operations import Operation

pytestmark = pytest.mark.unit


@pytest.fixture
def long_call() -> Operation:
    operation = Operation("select everything", draw=bar(True))
    operation.started -= 1
    return operation


def interrupt(*args: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_a_bar_that_was_interrupted_while_it_was_made_goes_in_silence(
    long_call: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tqdm, "__init__", interrupt)
    with long_call, pytest.raises(KeyboardInterrupt):
        long_call.draw()
    gc.collect()  # an error of a finalizer would fail this test


def test_a_bar_that_was_interrupted_while_it_was_drawn_locks_out_no_other(
    long_call: Operation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched, long_call:
        long_call.draw()
        patched.setattr(tqdm, "display", interrupt)
        with pytest.raises(KeyboardInterrupt):
            long_call.draw()
    other = Operation("another", draw=bar(True))
    other.started -= 1
    with other:
        thread = threading.Thread(target=other.draw, daemon=True)
        thread.start()
        thread.join(5)
        assert "another" in capsys.readouterr().err


def test_a_lock_that_somebody_elses_bar_left_behind_is_not_waited_for(
    long_call: Operation, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tqdm.get_lock()
    holder = threading.Thread(target=lock.acquire)
    holder.start()
    holder.join()
    try:
        with long_call:
            thread = threading.Thread(target=long_call.draw, daemon=True)
            thread.start()
            thread.join(5)
        assert "select everything" in capsys.readouterr().err
    finally:
        del tqdm._lock  # made anew by the next bar
