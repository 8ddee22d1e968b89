"""The files of this example: in a folder, or under s3://bucket/prefix, whole or not at all."""

import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from pyarrow import fs


class Lake:
    """Tables by name and day."""

    def __init__(self, root: str) -> None:
        self.files: fs.FileSystem = fs.LocalFileSystem()
        self.root = str(Path(root).absolute())
        if "://" in root:
            self.files, self.root = fs.FileSystem.from_uri(root)

    def path(self, layer: str, name: str) -> str:
        """Where a file of a layer is."""
        return f"{self.root}/{layer}/{name}"

    def read_csv(self, layer: str, name: str) -> pa.Table:
        """The rows of a CSV file, every cell as the text that it is."""
        options = pc.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()))
        with self.files.open_input_stream(self.path(layer, name)) as stream:
            return pc.read_csv(stream, convert_options=options)

    def read(self, layer: str, name: str) -> pa.Table:
        """The rows of a parquet file."""
        return pq.read_table(self.path(layer, name), filesystem=self.files)

    def write(self, layer: str, name: str, table: pa.Table) -> int:
        """Write rows as parquet and count them; a job that dies half-way leaves no half a file."""
        path, partial = self.path(layer, name), self.path(layer, f"{name}.partial")
        if isinstance(self.files, fs.LocalFileSystem):
            self.files.create_dir(self.path(layer, ""), recursive=True)
        else:
            partial = path  # an object is there when it is whole, not before
        pq.write_table(table, partial, filesystem=self.files)
        if partial != path:
            self.files.move(partial, path)
        return int(table.num_rows)


COLUMNS = ("order", "customer", "country", "product", "quantity", "cents", "ordered_at")


def tell(**outputs: object) -> None:
    """Tell the scheduler what was found out: it shows it, and hands it to jobs that ask for it."""
    words = [f"{name}={value}" for name, value in outputs.items()]
    subprocess.run(["batch-job", "output", *words], check=True)  # noqa: S603, S607 - of our own
