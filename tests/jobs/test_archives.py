"""Archives unpack to plain files below one directory, or not at all."""

import io
import stat
import struct
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from fetch_and_run.archives import FREE_BYTES, MAX_BYTES, MAX_FILES, unpack
from fetch_and_run.exits import Exit, JobError
from tests.simulation.chance import Chance

REGULAR, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
SPECIAL = [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, 0o150000]
CLIMBING = [
    "..", "../x", "../../x", "a/../x", "a/../../x", "a/..", "./x", "a/./x", "/x", "//x", "a//x",
    "/etc/passwd", "C:x", "C:/x", "C:\\x", "..\\x", "a\\..\\x", "\\\\host\\x", "", "/", ".", "x\n",
    "x\x1b[2J", "\u202ex", "a/" * 600 + "x", "n" * 256, "x\x7f", "~\x00", " /../x",
    "a/b/../../../x",
]  # fmt: skip
BENEATH = ["{}", "deep/{}", "a/b/c/{}", "{}/more", "{}/", "x/{}/y"]


def entry(name: str, mode: int = REGULAR) -> ZipInfo:
    info = ZipInfo("placeholder")
    info.filename = name
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def archive(entries: Iterable[tuple[ZipInfo, bytes]], method: int = ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w", method) as zipped:
        for info, content in entries:
            zipped.writestr(info, content, compress_type=method)
    return made.getvalue()


def unpacked(content: bytes, tmp_path: Path, name: str = "0") -> dict[str, str]:
    """What is below the directory afterwards; nothing else may have come to be."""
    around = tmp_path / name
    directory = around / "in" / "files"
    directory.mkdir(parents=True)
    packed = around / "packed"
    packed.write_bytes(content)
    try:
        unpack(packed, directory)
    finally:
        assert {each.name for each in around.iterdir()} == {"in", "packed"}
        assert [each.name for each in directory.parent.iterdir()] == ["files"]
        found = sorted(each for each in directory.rglob("*") if not each.is_dir())
        assert all(stat.S_ISREG(each.lstat().st_mode) for each in found)
    return {str(each.relative_to(directory)): each.read_bytes().decode("latin-1") for each in found}


def refused(content: bytes, tmp_path: Path, name: str = "0") -> str:
    with pytest.raises(JobError) as raised:
        unpacked(content, tmp_path, name)
    assert raised.value.code is Exit.REFUSED
    assert not any((tmp_path / name / "in" / "files").iterdir())
    return raised.value.reason


def test_files_are_unpacked_and_may_be_run_if_they_might_be_in_the_archive(tmp_path: Path) -> None:
    content = archive(
        [
            (entry("bin/", DIRECTORY), b""),
            (entry("bin/run.sh", stat.S_IFREG | 0o6755), b"go"),
            (entry("deep/er/name é.txt"), b"text"),
            (entry("made on another system", 0), b"dos"),
        ]
    )
    assert unpacked(content, tmp_path) == {
        "bin/run.sh": "go",
        "deep/er/name é.txt": "text",
        "made on another system": "dos",
    }
    files = tmp_path / "0" / "in" / "files"
    assert stat.S_IMODE((files / "bin/run.sh").stat().st_mode) == 0o700
    assert stat.S_IMODE((files / "deep/er/name é.txt").stat().st_mode) == 0o600


def test_f48_no_name_leads_out_of_the_directory(tmp_path: Path) -> None:
    innocent = {"deep/", "a/b/c/"}  # what becomes of a name with nothing in it
    drives = ("C:x", "C:/x")  # lead somewhere at the beginning of a name alone
    names = {form.format(name) for form, name in product(BENEATH, CLIMBING) if name not in drives}
    names = (names | {*drives}) - innocent
    assert len(names) > 150
    for number, name in enumerate(sorted(names)):
        refused(archive([(entry("first"), b"1"), (entry(name), b"2")]), tmp_path, str(number))


@pytest.mark.parametrize("kind", SPECIAL, ids=oct)
def test_f48_neither_links_nor_devices_are_made(tmp_path: Path, kind: int) -> None:
    content = archive([(entry("x", kind | 0o777), b"/etc/passwd"), (entry("x/y"), b"")])
    assert "'x' is a link or a device" in refused(content, tmp_path)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("a", REGULAR), ("a", REGULAR)], "two entries of one name"),
        ([("a", REGULAR), ("a/", DIRECTORY)], "two entries of one name"),
        ([("a/", DIRECTORY), ("a/", DIRECTORY)], "two entries of one name"),
        ([("a/b", REGULAR), ("a", REGULAR)], "'a/b' is below a file"),
        ([("a", REGULAR), ("a/b/c/d", REGULAR)], "'a/b/c/d' is below a file"),
        ([("a", DIRECTORY)], "by its name or by its mode, not by both"),
        ([("a/", REGULAR)], "by its name or by its mode, not by both"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_that_contradict_each_other_are_refused(
    tmp_path: Path, entries: list[tuple[str, int]], words: str
) -> None:
    content = archive([(entry(name, mode), b"") for name, mode in entries])
    assert words in refused(content, tmp_path)


def test_f48_a_bomb_is_seen_by_what_it_says_it_unpacks_to(tmp_path: Path) -> None:
    content = archive([(entry("zeros"), bytes(FREE_BYTES + 1))])
    assert "more than 200 times its size" in refused(content, tmp_path)


def test_a_little_that_was_packed_well_is_no_bomb(tmp_path: Path) -> None:
    content = archive([(entry("zeros"), bytes(2_000_000))])
    assert len(content) * 200 < 2_000_000
    assert len(unpacked(content, tmp_path)["zeros"]) == 2_000_000


def test_a_bomb_that_lies_about_what_it_unpacks_to_is_damaged(tmp_path: Path) -> None:
    content = archive([(entry("zeros"), bytes(1000))])
    lying = content.replace(struct.pack("<L", 1000), struct.pack("<L", 10))
    assert lying != content
    with pytest.raises(JobError, match="no whole zip archive"):
        unpacked(lying, tmp_path)


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    content = archive([(entry(str(number)), b"x") for number in range(2)])
    half = struct.pack("<L", MAX_BYTES // 2 + 1)
    large = content.replace(struct.pack("<LL", 3, 1), struct.pack("<L", 3) + half)
    assert f"at most {MAX_BYTES} are unpacked" in refused(large, tmp_path)


def test_more_files_than_anybody_needs_are_refused(tmp_path: Path) -> None:
    content = archive([(entry(str(number)), b"") for number in range(MAX_FILES + 1)])
    assert f"it has {MAX_FILES + 1} files" in refused(content, tmp_path)


def test_a_table_of_contents_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    content = archive([(entry("d" * 250 + str(number)), b"") for number in range(30_000)])
    assert "table of contents is longer" in refused(content, tmp_path)


def test_what_is_packed_in_another_way_is_refused(tmp_path: Path) -> None:
    content = archive([(entry("a"), b"abc")], ZIP_BZIP2)
    assert "neither stored nor deflated" in refused(content, tmp_path)


def test_what_is_encrypted_is_refused(tmp_path: Path) -> None:
    content = bytearray(archive([(entry("a"), b"abc")]))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "is encrypted" in refused(bytes(content), tmp_path)


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"PK\x05\x06", b"\x1f\x8b" * 50])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "no whole zip archive" in refused(content, tmp_path)


def test_f48_a_thousand_damaged_archives_are_unpacked_inside_or_refused(tmp_path: Path) -> None:
    whole = archive([(entry("a/b"), b"hello" * 20), (entry("run.sh"), b"#!/bin/sh\n")])
    chance = Chance("archives")
    outcomes: Counter[str] = Counter()
    for number in range(1000):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if number % 5 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        outcomes[outcome(bytes(damaged), tmp_path, str(number))] += 1
    assert outcomes["unpacked"] > 50
    assert outcomes["refused"] > 500
    assert set(outcomes) == {"unpacked", "refused"}


def outcome(content: bytes, tmp_path: Path, name: str) -> str:
    try:
        unpacked(content, tmp_path, name)
    except JobError as error:
        return "refused" if error.code is Exit.REFUSED else error.reason
    return "unpacked"
