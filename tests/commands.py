"""Find the Dagger commands in workflows, examples and docs, and check that the module has them."""

from __future__ import annotations

import re
import shlex
from functools import cache

from tests.engine.client import ROOT, Called, Dagger

CALL = re.compile(r"\bdagger(?: +-\S+)* +call\b(.*)")
# Characters that end a command outside of quotes: another command, a redirection, the end of inline code.
ENDS = set("|&;<>()")
# Placeholders for omitted parts of a command; then required options may be missing.
LEFT_OUT = {"…", "..."}
MODULE = {"-m", "--mod"}
# In a shell and, with the dollar doubled, in a Makefile.
DEFAULT = re.compile(r"\$?\$\{\w+:-([^}]*)\}")
# No functions, put after a command. The first is refused only when all before it was read; if an option took
# it for its value, the second is refused: so no command is ever run.
STOP = ("no-such-function", "none-either")
# The client's messages for a missing file or folder, which it checks before any call.
ABSENT = re.compile(r"\b(l?)stat (\S+): no such file or directory")


def commands(text: str) -> list[list[str]]:
    """Return the words after `dagger call` in each command of a text, as a shell splits them.

    The text is a shell script, Markdown with code blocks or inline code, or YAML with literal blocks. Lines
    that end in a backslash go on; `$(…)` becomes one word; a bare `dagger call` is prose and left out.
    ValueError: a quote is not closed.
    """
    joined = re.sub(r"\\\n\s*", " ", text)
    found = [_words(match[1]) for line in joined.splitlines() for match in _calls(line)]
    return [words for words in found if words]


def _calls(line: str) -> list[re.Match[str]]:
    parts = re.split(r"(?=\bdagger(?: +-\S+)* +call\b)", line)
    return [match for part in parts if (match := CALL.match(part))]


def _words(text: str) -> list[str]:
    inner = re.compile(r"\$\([^()]*\)")
    while inner.search(text):
        text = inner.sub("SUBSTITUTED", text)
    lexer = shlex.shlex(text.split("`", 1)[0], posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        for word in lexer:
            if set(word) <= ENDS or word.startswith("#"):
                break
            words.append(word)
    except ValueError as error:
        raise ValueError(f"dagger call{text}: {error}") from error
    return words


def check(words: list[str]) -> None:
    """Fail unless the module has these functions and options, and no required option is missing.

    Nothing is run: the client reads the whole command before it calls anything. `-m PATH` is left out, so
    that the module is this repository's; `${NAME:-default}` becomes its default; a word `…` says that the
    command is not shown in full.
    """
    _check(tuple(words))


@cache
def _check(words: tuple[str, ...]) -> None:
    shown = [DEFAULT.sub(r"\1", word) for word in words if word not in LEFT_OUT]
    own = [w for before, w in zip(["", *shown], shown, strict=False) if not MODULE & {before, w}]
    command = f"dagger call {shlex.join(words)}"
    if len(shown) < len(words):
        called = _called([*own, "--help"])
        assert called.code == 0, f"{command}\n{called.error or called.stderr}"
    else:
        called = _called([*own, *STOP])
        assert f'unknown command "{STOP[0]}"' in called.error, f"{command}\n{called.error or called.stderr}"


def _called(words: list[str]) -> Called:
    """Call with a file or folder of the repository in place of each file of the reader."""
    called = Dagger().call(*words)
    if absent := ABSENT.search(called.error):
        there = "tests" if absent[1] else "pyproject.toml"
        place = (ROOT / absent[2]).resolve()
        filled = [there if (ROOT / word).resolve() == place else word for word in words]
        if filled != words:
            return _called(filled)
    return called
