"""Two zips of the same content are the same bytes, whenever and in any order they were made."""

import zipfile
from pathlib import Path

from cloudformation.packing import rewrite_zip

OLD, NEW = (1999, 1, 2, 3, 4, 6), (2026, 11, 24, 18, 0, 0)


def make(path: Path, names: list[str], time: tuple[int, int, int, int, int, int]) -> bytes:
    with zipfile.ZipFile(path, "w") as target:
        for name in names:
            target.writestr(zipfile.ZipInfo(name, time), f"content of {name}")
    rewrite_zip(path)
    return path.read_bytes()


def test_order_and_time_of_files_leave_no_trace(tmp_path: Path) -> None:
    one = make(tmp_path / "one.zip", ["app.py", "chalicelib/core/run.py"], OLD)
    other = make(tmp_path / "other.zip", ["chalicelib/core/run.py", "app.py"], NEW)
    assert one == other


def test_other_content_makes_another_zip(tmp_path: Path) -> None:
    one = make(tmp_path / "one.zip", ["app.py"], OLD)
    other = make(tmp_path / "other.zip", ["app.pyi"], OLD)
    assert one != other


def test_what_python_compiled_here_is_left_out(tmp_path: Path) -> None:
    names = ["chalicelib/core/__pycache__/run.cpython-311.pyc", "chalicelib/", "app.py"]
    make(tmp_path / "one.zip", names, OLD)
    with zipfile.ZipFile(tmp_path / "one.zip") as packed:
        assert packed.namelist() == ["app.py"]
        assert packed.read("app.py") == b"content of app.py"
