"""IPython's side of Tab: a matcher of its API, version 2."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from dk_notebook.jupyter.completion.names import Offer
from dk_notebook.jupyter.completion.offers import NAMES, NOTHING, offered

log = logging.getLogger(__name__)

IDENTIFIER = "dk_notebook"
"""Under this name IPython's settings (``disable_matchers``, ``suppress_competing_matchers``) know it."""
PRIORITY = 100
"""Above all of IPython's own."""

_SIGN = "dk"
"""What a cell with one of our magics holds."""

Matcher = Callable[[CompletionContext], SimpleMatcherResult]


class _Silence(list[SimpleCompletion]):
    """No completions, but the last word: IPython lets only a matcher that has some silence the others.

    Where a store has not answered yet, or has no such name, Python's would come instead, after a second or more.
    """

    def __len__(self) -> int:
        return 1


def matcher(shell: Any) -> Matcher:
    """What is to be put among the ``custom_matchers`` of the shell's completer."""

    @context_matcher(identifier=IDENTIFIER, priority=PRIORITY)  # type: ignore[untyped-decorator]
    def match(context: CompletionContext) -> SimpleMatcherResult:
        offer = _offer(context, shell) if _SIGN in context.full_text else NOTHING
        completions = [SimpleCompletion(each.text, type=each.kind) for each in offer.candidates]
        # Python's names, files and magics have no place where ours have one.
        alone = bool(completions) or offer.is_ours
        return {
            "completions": completions if completions or not alone else _Silence(),
            "matched_fragment": offer.fragment,
            "suppress": alone,
            "ordered": True,
        }

    return match  # type: ignore[no-any-return]


def _offer(context: CompletionContext, shell: Any) -> Offer:
    cell = context.full_text
    lines = cell.split("\n")[: context.cursor_line]
    cursor = sum(len(each) + 1 for each in lines) + context.cursor_position
    try:
        offer = offered(cell, cursor, _variables(shell), _bare(shell))
    except Exception:  # whatever it is, typing goes on; IPython would print it
        log.debug("no completions", exc_info=True)
        return NOTHING
    # IPython asserts it; a name over two lines, continued with a backslash, is another text here than there.
    return offer if cell.endswith(offer.fragment, 0, cursor) else NOTHING


def _bare(shell: Any) -> frozenset[str]:
    """Our magics that the shell runs without their sign: "automagic", where no variable has the name."""
    if not shell.automagic:
        return frozenset()
    return NAMES.difference(shell.user_ns, shell.ns_table["builtin"])


def _variables(shell: Any) -> Mapping[str, Any]:
    """The notebook's variables, without what IPython puts there and what is nobody's business."""
    hidden = shell.user_ns_hidden
    return {
        name: value
        for name, value in dict(shell.user_ns).items()
        if not name.startswith("_") and not (name in hidden and hidden[name] is value)
    }
