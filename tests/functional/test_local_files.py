"""Files that arrive on this machine."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.local.files import SETTLE, LocalFiles
from chalicelib.local.memory_queue import VirtualClock

EVER = datetime(1970, 1, 1, tzinfo=UTC)


def arrived(path: Path) -> datetime:
    """When the file came there or was changed, to the microsecond after it."""
    microseconds = -(-path.stat().st_ctime_ns // 1000)
    return EVER + timedelta(microseconds=microseconds)


def put(path: Path, text: str = "x") -> datetime:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return arrived(path)


def later(moment: datetime, seconds: float = 0) -> VirtualClock:
    return VirtualClock(moment + SETTLE + timedelta(seconds=seconds))


def names(files: LocalFiles, pattern: str, after: datetime = EVER) -> list[str]:
    return [Path(each.path).name for each in files.arrived(pattern, after)]


def test_a_file_has_arrived_when_nobody_has_touched_it_for_a_while(tmp_path: Path) -> None:
    at = put(tmp_path / "in" / "a.csv")
    clock = later(at, seconds=-0.001)
    files = LocalFiles(tmp_path, clock)
    assert names(files, "in/*.csv") == []
    clock.advance(0.001)
    assert names(files, "in/*.csv") == ["a.csv"]
    assert names(files, "in/*.csv", after=at) == []


def test_a_file_that_is_written_again_arrives_again(tmp_path: Path) -> None:
    first = put(tmp_path / "a.csv")
    second = put(tmp_path / "a.csv", "more")
    files = LocalFiles(tmp_path, later(max(first, second)))
    assert [each.at for each in files.arrived("*.csv", EVER)] == [second]


def test_a_file_with_an_old_date_arrives_when_it_is_moved_there(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere.csv")
    os.utime(tmp_path / "elsewhere.csv", (0, 0))
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere.csv").rename(tmp_path / "in" / "a.csv")
    at = arrived(tmp_path / "in" / "a.csv")
    files = LocalFiles(tmp_path, later(at))
    assert [each.at for each in files.arrived("in/*.csv", EVER)] == [at]


def test_only_files_of_the_pattern_arrive_hidden_ones_and_directories_do_not(
    tmp_path: Path,
) -> None:
    moments = [put(tmp_path / "in" / name) for name in ("b.csv", "a.csv", "c.txt", ".d.csv")]
    (tmp_path / "in" / "dir.csv").mkdir()
    (tmp_path / "in" / "gone.csv").symlink_to("nowhere")
    files = LocalFiles(tmp_path, later(max(moments), seconds=60))
    assert sorted(names(files, "in/*.csv")) == ["a.csv", "b.csv"]
    assert names(files, str(tmp_path / "in" / "?.txt")) == ["c.txt"]


def test_files_come_in_the_order_of_their_arrival(tmp_path: Path) -> None:
    moments = [put(tmp_path / f"{name}.csv") for name in "cab"]
    files = LocalFiles(tmp_path, later(max(moments)))
    found = files.arrived("*.csv", EVER)
    assert [each.at for each in found] == sorted(moments)


def test_what_touches_a_file_is_what_the_page_says(tmp_path: Path) -> None:
    put(tmp_path / "new" / "a.csv")
    (tmp_path / "in").mkdir()
    before = put(tmp_path / "in" / "b.csv")
    (tmp_path / "new").rename(tmp_path / "in" / "new")
    files = LocalFiles(tmp_path, later(before, seconds=60))
    assert names(files, "in/*/*.csv", after=before) == []
    for touch in (lambda path: path.chmod(0o600), lambda path: os.link(path, tmp_path / "link")):
        last = arrived(tmp_path / "in" / "b.csv")
        while arrived(tmp_path / "in" / "b.csv") == last:  # a clock of a kernel has coarse steps
            (tmp_path / "link").unlink(missing_ok=True)
            touch(tmp_path / "in" / "b.csv")
        assert names(files, "in/*.csv", after=last) == ["b.csv"]
