r"""ES|QL text cut into tokens, as far as telling code from literals, quoted names and comments needs it.

What a string, a comment or a quoted name holds is never looked into. The joined tokens are the text again, whatever the
text; what is left open (a string without its closing quote) reaches as far as the server would read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dk_notebook.backends.sql.lexer import Token, comment_end

_SCAN = re.compile(
    r'''
      (?P<blank>\s+|//[^\r\n]*)
    | (?P<comment>/\*)
    | (?P<string>"""[^\r\n]*?"""(?:"(?!")|""(?!"))?|"(?:\\.|[^"\\\r\n])*"?)
    | (?P<identifier>`(?:[^`]|``)*(?:`|\Z))
    | (?P<parameter>\?\??(?:[^\W\d]\w*|[0-9]+)?)
    | (?P<position>\$[0-9]+)
    | (?P<number>[0-9](?:[\w.]|(?<=[eE])[+-])*)
    | (?P<word>[^\W\d][\w]*|@\w+)
    | (?P<cast>::)
    | (?P<mark>[=!<>]=|=~|.)
    ''',
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str) -> Iterator[Token]:
    r'''The tokens of ``text``: the kinds of `sql.lexer`, ``parameter`` being ``?name``, ``??name``, ``?1`` and ``?``.

    >>> [token.text for token in tokens('a==?b // c')]
    ['a', '==', '?b', ' ', '// c']
    >>> [token.kind for token in tokens(r'"it\"s ?a" """a "?b" c""" `d ?e` /* ?f /* */ */')]
    ['string', 'blank', 'string', 'blank', 'identifier', 'blank', 'blank']
    '''
    offset = 0
    while (found := _SCAN.match(text, offset)) is not None:
        kind, end = found.lastgroup, found.end()
        if kind == "comment":
            kind, end = "blank", comment_end(text, end)
        yield Token(kind, text[offset:end], offset)  # type: ignore[arg-type]  # the groups are named after the kinds
        offset = end


def commands(text: str) -> list[str]:
    r"""The commands of a query, one line each, without comments.

    >>> commands('FROM t // all\n| WHERE a == "x | y" | STATS n = COUNT(*) BY b;')
    ['FROM t', 'WHERE a == "x | y"', 'STATS n = COUNT(*) BY b']
    """
    found, depth = [""], 0
    for token in tokens(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.text == "|" and depth <= 0:
            found.append("")
        elif token.text != ";":
            found[-1] += " " if token.kind == "blank" else token.text
    return [" ".join(each.split()) if '"' not in each and "`" not in each else each.strip() for each in found]
