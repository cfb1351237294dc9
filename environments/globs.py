"""Globs nearly as in .gitignore, matched in linear time: patterns are people's, and the paths of a fork are anybody's."""

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from functools import lru_cache

DEEPEST = 100
"""Folders of a path that are looked at: a fork's may have thousands."""
MANY = "**"
"""Any number of folders."""


def matches_any(patterns: Sequence[str], paths: Iterable[str]) -> bool:
    """Whether one of the paths is meant: of the patterns that match it the last one counts, and `!` takes it out again.

    `docs/` and `docs` mean the folder with all that is in it, a pattern without `/` at its beginning or middle any depth.
    """
    compiled = [(not each.startswith("!"), _segments(each.removeprefix("!"))) for each in patterns]
    return any(_is_meant(compiled, path.split("/")[:DEEPEST]) for path in paths)


def matches(pattern: str, name: str) -> bool:
    """One name without folders, such as an author or a branch (where `*` also takes `/`)."""
    return _compiled(pattern)(name) is not None


def _is_meant(compiled: Sequence[tuple[bool, tuple[str, ...]]], path: Sequence[str]) -> bool:
    return next((counts for counts, segments in reversed(compiled) if _is_below(segments, path)), False)


def _segments(pattern: str) -> tuple[str, ...]:
    anchored = "/" in pattern.rstrip("/")
    segments = [each for each in pattern.split("/") if each]
    return tuple(segments if anchored else [MANY, *segments])


def _is_below(segments: Sequence[str], path: Sequence[str]) -> bool:
    """Whether the pattern takes the path or a folder above it: which of its beginnings are taken, segment by segment."""
    taken = {0}
    for segment in segments:
        if segment == MANY:
            taken = set(range(min(taken), len(path) + 1))
        else:
            match = _compiled(segment)
            taken = {at + 1 for at in taken if at < len(path) and match(path[at])}
        if not taken:
            return False
    return True


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """`*` and `?`, each as the standard library translates them, without a way back: no input makes them slow. Brackets are
    brackets: files are called `[id].tsx`, and accounts `renovate[bot]`."""
    return re.compile(translate(pattern.replace("[", "[[]")), re.DOTALL).match
