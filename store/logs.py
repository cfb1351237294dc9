"""The log store on files: one text per id, bounded, readable while it grows, kept after the environment is gone.

A log is `<id>.log` (its beginning) and, once that is full, two segments `<id>.end.0` and `<id>.end.1` that take turns, so that
the last lines are there however long the log became. Whoever writes holds a lock on the beginning: a reader sees from it
whether the log still grows, and a writer that was killed leaves nothing that would say so wrongly.
"""

import asyncio
import fcntl
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from store.terminal import plain_text

END_BYTES = 256 * 1024
"""What is kept of a cut log's end, at least (and at most twice that)."""
READ_BYTES = 1024 * 1024
"""Most that one `read` answers."""
FOLLOW_SECONDS = 0.25
"""Between two looks at a log that grows: short enough to feel live, long enough to cost nothing."""
LOG_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,200}){0,9}")
CUT = b"\n[catalyst: the log passed its limit of %d bytes; what follows here is its end]\n"


class FileLogs:
    """Implements activities.protocols.Logs, and reads for the API. `folder` may be shared by processes of one machine."""

    def __init__(self, folder: Path, max_bytes: int = 8 * 1024 * 1024) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    @contextmanager
    def open(self, log_id: str) -> Iterator["FileLog"]:
        """Begin the log anew. Raises ValueError for an id that is none; a full disk only loses what doesn't fit."""
        log = FileLog(self._path(log_id), self._max_bytes)
        try:
            yield log
        finally:
            log.close()

    def append(self, log_id: str, data: bytes) -> None:
        """Add to a log that nobody holds open, whoever began it; what passes the limit is dropped.

        Raises ValueError for an id that is none, OSError for a full disk.
        """
        path = self._path(log_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            if os.fstat(file.fileno()).st_size + len(data) <= self._max_bytes:
                file.write(data)

    def tail(self, log_id: str, lines: int) -> str:
        """The last lines as plain text; empty when there is no such log."""
        path = self._path(log_id)
        data = _end_of(path) or _last_bytes(path)
        return "\n".join(plain_text(data).splitlines()[-lines:]) if lines > 0 else ""

    def read(self, log_id: str, offset: int = 0) -> bytes:
        """The next bytes from an offset, at most 1 MiB; empty at the end for now, or when there is no such log."""
        try:
            with self._path(log_id).open("rb") as file:
                file.seek(offset)
                return file.read(READ_BYTES)
        except FileNotFoundError:
            return b""

    def is_open(self, log_id: str) -> bool:
        """Whether somebody is writing it."""
        try:
            with self._path(log_id).open("rb") as file:
                return _is_locked(file)
        except FileNotFoundError:
            return False

    def exists(self, log_id: str) -> bool:
        return self._path(log_id).exists()

    def content(self, log_id: str) -> Iterator[bytes]:
        """What there is of it now: its beginning, then the end of a cut one. Nothing when there is no such log."""
        offset = 0
        while data := self.read(log_id, offset):
            yield data
            offset += len(data)
        if end := _end_of(self._path(log_id)):
            yield end

    def offset_of_last(self, log_id: str, lines: int) -> int:
        """Where its last lines begin, for `follow`; at most 256 KiB before the end of what its beginning holds."""
        path = self._path(log_id)
        data = _last_bytes(path)
        kept = b"".join(data.splitlines(keepends=True)[-lines:])
        return path.stat().st_size - len(kept) if data else 0

    async def follow(self, log_id: str, offset: int = 0) -> AsyncIterator[bytes]:
        """The log from an offset and as it grows, then the end of a cut one; ends when its writer is done.

        A log that is begun anew meanwhile ends too: what followed it was another attempt's.
        """
        path = self._path(log_id)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(offset)
            while True:
                # Asked before reading: what is written between the two is then read in the next round.
                is_growing = _is_locked(file)
                while data := file.read(READ_BYTES):
                    yield data
                if not is_growing:
                    break
                await asyncio.sleep(FOLLOW_SECONDS)
            if end := _end_of(path):
                yield end

    def ids(self, prefix: str = "") -> list[str]:
        """Ids that begin with the prefix, sorted."""
        found = (str(path.relative_to(self._folder)).removesuffix(".log") for path in self._folder.rglob("*.log"))
        return sorted(log_id for log_id in found if log_id.startswith(prefix))

    def remove_older_than(self, days: float) -> int:
        """Drop logs that nobody has written to for so long; how many. Call it in a thread: it looks at every log."""
        limit = time.time() - days * 86_400
        old = [path for path in self._folder.rglob("*.log") if _written_at(path) < limit]
        for path in old:
            _remove(path)
        for folder, _, _ in os.walk(self._folder, topdown=False):
            if folder != str(self._folder):
                with suppress(OSError):  # not empty
                    os.rmdir(folder)
        return len(old)

    def _path(self, log_id: str) -> Path:
        if not LOG_ID.fullmatch(log_id):
            raise ValueError(f"{log_id[:100]!r} is no id of a log")
        return self._folder / f"{log_id}.log"


class FileLog:
    """Implements activities.protocols.LogWriter."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._room = max_bytes
        self._max_bytes = max_bytes
        self._end: BinaryIO | None = None
        self._end_room = 0
        self._turn = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        # A new file instead of an emptied one: a forgotten writer of the attempt before goes on in the old one, unseen.
        # Locked before it gets its name, so that no reader sees it unlocked and takes it for finished.
        new = path.with_suffix(f".new.{uuid.uuid4().hex}")
        self._head = new.open("xb", buffering=0)
        fcntl.flock(self._head, fcntl.LOCK_EX)
        _remove(path)
        new.rename(path)

    def write(self, data: bytes) -> None:
        # A build must not fail because its log can't be kept.
        with suppress(OSError, ValueError):
            head, rest = data[: self._room], data[self._room :]
            if head:
                self._head.write(head)
                self._room -= len(head)
            if rest:
                self._write_end(rest)

    def close(self) -> None:
        for file in (self._end, self._head):
            if file is not None:
                file.close()

    def _write_end(self, data: bytes) -> None:
        if self._end is None:
            self._head.write(CUT % self._max_bytes)
        while data:
            if not self._end_room:
                self._take_turns()
            assert self._end is not None
            part, data = data[: self._end_room], data[self._end_room :]
            self._end.write(part)
            self._end_room -= len(part)

    def _take_turns(self) -> None:
        if self._end is not None:
            self._end.close()
        self._end = _end_path(self._path, self._turn).open("wb", buffering=0)
        self._turn, self._end_room = 1 - self._turn, END_BYTES


def _end_path(path: Path, turn: int) -> Path:
    return path.with_suffix(f".end.{turn}")


def _end_of(path: Path) -> bytes:
    """Both segments, the older one first; empty when the log wasn't cut."""
    segments = []
    for turn in (0, 1):
        with suppress(FileNotFoundError):
            segment = _end_path(path, turn)
            segments.append((segment.stat().st_mtime_ns, segment.read_bytes()))
    return b"".join(data for _, data in sorted(segments))


def _last_bytes(path: Path) -> bytes:
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - END_BYTES))
        return file.read()
    return b""


def _is_locked(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _written_at(path: Path) -> float:
    files = [path, _end_path(path, 0), _end_path(path, 1)]
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def _remove(path: Path) -> None:
    for file in (path, _end_path(path, 0), _end_path(path, 1)):
        file.unlink(missing_ok=True)
