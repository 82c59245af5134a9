"""What a front end gets from the magics."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernels.driver import Kernel

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]


@pytest.fixture
def kernel(kernel: Kernel) -> Kernel:
    kernel.ok("import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n%dkquery -q select 1")
    return kernel


def test_the_line_stands_under_the_frame(kernel: Kernel) -> None:
    outcome = kernel.ok("%%dkquery\nselect 42 as answer")
    kinds = [output["output_type"] for output in outcome.outputs]
    assert (kinds, outcome.displayed[0].startswith("1 row · ")) == (["execute_result", "display_data"], True)


@pytest.mark.parametrize(
    "code", ["%dkquery select 42 as answer;", "%%dkquery\nselect 42 as answer;", "%%dkquery\nselect 42 as answer\n;\n"]
)
def test_a_semicolon_of_the_statement_does_not_hide_the_frame(kernel: Kernel, code: str) -> None:
    assert "answer" in kernel.ok(code).value


def test_a_captured_cell_captures_the_line_too(kernel: Kernel) -> None:
    assert kernel.ok("%%capture\n%dkquery select 42 as answer").outputs == []


def test_a_markup_in_a_value_is_text(kernel: Kernel) -> None:
    html = kernel.ok("%dkquery select '<script>alert(1)</script>' as a").of("execute_result")[0]["data"]["text/html"]
    assert "<script>" not in html


def test_a_markup_in_a_connections_name_is_text(kernel: Kernel) -> None:
    kernel.ok("dk.connect('duckdb://', name='<script>')")
    outcome = kernel.ok("%dkquery -c '<script>' select 1\n")
    html = "".join(output["data"].get("text/html", "") for output in outcome.outputs)
    assert ("&lt;script&gt;" in html, "<script>" in html) == (True, False)


def test_a_failed_query_stops_run_all(kernel: Kernel) -> None:
    outcome = kernel.run("%%dkquery\nselect nothing from nowhere")
    assert (outcome.status, outcome.error) == ("error", "NotFound")


def test_run_all_stops_at_a_failed_list_of_tables(kernel: Kernel, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    failing = kernel.start(
        f"import os, time\nwhile not os.path.exists({str(sent)!r}):\n    time.sleep(0.01)\n%dktables nope"
    )
    following = kernel.start("ran = True")  # as Run All does: without waiting for the first
    sent.touch()
    first, second = failing.outcome(), following.outcome()
    assert (first.status, first.error, second.status) == ("error", "NotFound", "aborted")
    assert kernel.json("'ran' in globals()") is False


@pytest.mark.parametrize(
    ("code", "error"),
    [("%dkexplain select nope", "NotFound"), ("%dkclose nope", "ConfigError"), ("%dkstatus x", "UsageError")],
)
def test_the_others_stop_run_all_too(kernel: Kernel, code: str, error: str) -> None:
    outcome = kernel.run(code)
    assert (outcome.status, outcome.error) == ("error", error)


def test_a_plan_is_a_tree_in_the_page_and_a_frame_in_the_kernel(kernel: Kernel) -> None:
    outcome = kernel.ok("plan = %dkexplain --analyze select * from range(3) where range > 1\nplan")
    assert outcome.of("execute_result")[0]["data"]["text/html"].startswith("<pre ")
    assert outcome.displayed[0].startswith("the plan, measured in a run")
    assert kernel.json("int(plan['rows'].max())") == 3


def test_a_call_in_a_task_of_the_notebook_is_shown_and_its_pool_closed(kernel: Kernel) -> None:
    kernel.ok(
        "import asyncio\ntask = asyncio.create_task(dk.aread_query("
        "'select count(*) from range(100000000000) where hash(range) = 1'))\n"
        "while not len(dk.running()):\n    await asyncio.sleep(0.01)"
    )
    shown = kernel.ok("%dkstatus").value
    kernel.ok("dk.cancel()\ntry:\n    await task\nexcept dk.QueryError:\n    pass")
    assert "select count(*) from range" in shown
    assert kernel.ok("%dkclose").displayed == ["closed duckdb"]
    assert "nothing is connected" in kernel.ok("%dkstatus").value


def test_a_line_that_makes_no_sense_stops_run_all(kernel: Kernel) -> None:
    outcome = kernel.run("%dkquery --limti 4 select 1")
    assert (outcome.status, outcome.error) == ("error", "UsageError")


def test_help_shows_the_examples(kernel: Kernel) -> None:
    shell = "get_ipython()"
    reply = kernel.ok(f"print({shell}.inspector.info({shell}.find_line_magic('dkquery'))['docstring'])")
    assert reply.stdout.index("%%dkquery -c pg -o orders -n 1000") < reply.stdout.index("--no-progress")


def test_a_statement_run_in_a_function_sees_its_locals(kernel: Kernel) -> None:
    kernel.ok("def late(least):\n    frame = %dkquery -q select :least::integer as least\n    return frame['least'][0]")
    assert kernel.json("int(late(7))") == 7


def test_a_query_in_a_task_of_the_kernels_loop_finishes(kernel: Kernel) -> None:
    kernel.ok("import asyncio\ntask = asyncio.create_task(dk.aread_query('select 42 as a'))")
    assert kernel.ok("int((await task)['a'][0])").value == "42"
