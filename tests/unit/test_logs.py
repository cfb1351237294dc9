"""The log store: bounded, readable while it grows, confined to its folder."""

import asyncio
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from store.logs import END_BYTES, FileLogs
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
def logs(tmp_path: Path) -> FileLogs:
    return FileLogs(tmp_path, max_bytes=1000)


def test_read_while_it_grows(logs: FileLogs) -> None:
    with logs.open("rollout/ns/abc/1/build") as log:
        log.write(b"one\n")
        assert logs.read("rollout/ns/abc/1/build") == b"one\n" and logs.is_open("rollout/ns/abc/1/build")
        log.write(b"two\n")
        assert logs.read("rollout/ns/abc/1/build", 4) == b"two\n"
    assert not logs.is_open("rollout/ns/abc/1/build")
    assert logs.ids("rollout/ns/") == ["rollout/ns/abc/1/build"] and logs.ids("other") == []


def test_opened_again_begins_anew_and_ignores_the_old_writer(logs: FileLogs) -> None:
    with logs.open("a") as old:
        old.write(b"old")
        with logs.open("a") as new:
            new.write(b"new")
            old.write(b"ghost")
        assert logs.read("a") == b"new" and not logs.is_open("a")


@pytest.mark.parametrize("times", [3, 40, 200])
def test_a_long_log_keeps_beginning_and_end(logs: FileLogs, times: int) -> None:
    with logs.open("a") as log:
        log.write(b"first\n")
        for number in range(times):
            log.write(b"x" * 9999 + b"\n%d\n" % number)
        log.write(b"last\n")
    assert logs.read("a").startswith(b"first\n") and b"passed its limit of 1000 bytes" in logs.read("a")
    assert logs.tail("a", 2) == f"{times - 1}\nlast"


def test_disk_use_is_bounded(logs: FileLogs, tmp_path: Path) -> None:
    with logs.open("a") as log:
        for _ in range(100):
            log.write(b"x" * 50_000)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 1100 + 2 * END_BYTES


def test_tail_is_plain_text(logs: FileLogs) -> None:
    with logs.open("a") as log:
        log.write(b"\x1b[31mred\x1b[0m\r\n10%\r50%\r100%\n\x1b]0;title\x07bell\x07\x00\n\xe2\x80\xaeturned\n\xffbad\n")
    assert logs.tail("a", 10) == "red\n100%\nbell\nturned\n\ufffdbad"
    assert logs.tail("a", 0) == "" and logs.tail("nothing", 5) == "" and logs.read("nothing") == b""


@pytest.mark.parametrize(
    "log_id", ["", "../x", "a/../../x", "/etc/passwd", "a//b", ".x", "a/.", "a\n", "a\0", "a" * 300]
)
def test_ids_stay_in_the_folder(logs: FileLogs, log_id: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        logs.read(log_id)


def test_a_full_disk_fails_no_build(tmp_path: Path) -> None:
    with FileLogs(tmp_path).open("a") as log:
        log._head.close()
        log.write(b"lost")


async def test_follow_ends_with_its_writer(logs: FileLogs) -> None:
    with logs.open("a") as log:
        log.write(b"one ")
        following = asyncio.create_task(_collect(logs, "a"))
        await asyncio.sleep(0.05)
        log.write(b"two")
    assert await asyncio.wait_for(following, PATIENCE_SECONDS) == b"one two"
    assert await _collect(logs, "nothing") == b""


async def test_follow_shows_the_end_of_a_cut_log(logs: FileLogs) -> None:
    with logs.open("a") as log:
        log.write(b"x" * 2000 + b"the end")
    assert (await _collect(logs, "a")).endswith(b"the end")


async def _collect(logs: FileLogs, log_id: str) -> bytes:
    return b"".join([chunk async for chunk in logs.follow(log_id)])


def _write_and_wait(folder: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with FileLogs(folder).open("a") as log:
        log.write(b"x")
        ready.set()
        time.sleep(60)


async def test_a_killed_writer_leaves_no_open_log(logs: FileLogs, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    writer = context.Process(target=_write_and_wait, args=(tmp_path, ready))
    writer.start()
    assert await asyncio.to_thread(ready.wait, 20) and logs.is_open("a")
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join()
    assert not logs.is_open("a") and await _collect(logs, "a") == b"x"


def test_old_logs_are_dropped(logs: FileLogs, tmp_path: Path) -> None:
    for name in ("old/a", "new/a"):
        with logs.open(name) as log:
            log.write(b"x" * 2000)
    for file in (tmp_path / "old").iterdir():
        os.utime(file, (0, 0))
    assert logs.remove_older_than(days=30) == 1
    assert logs.ids() == ["new/a"] and not (tmp_path / "old").exists()


def test_lines_are_added_by_whoever_comes_until_it_is_full(logs: FileLogs) -> None:
    for number in range(200):
        logs.append("ns/1/egress", b"line %d\n" % number)
    lines = logs.tail("ns/1/egress", 1000).splitlines()
    assert lines == [f"line {number}" for number in range(len(lines))] and 100 < len(lines) < 150
    assert not logs.is_open("ns/1/egress") and b"".join(logs.content("ns/1/egress")).endswith(b"\n")
    with pytest.raises(ValueError, match="no id of a log"):
        logs.append("../x", b"line")
