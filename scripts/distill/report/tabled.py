"""The report's tables beside the page: each as CSV, and as Parquet with the same rows, whose columns have types."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from distill.runtime.files import replacing, write_text
from distill.scores.csvs import NUMBERS, WHOLE

if TYPE_CHECKING:
    import pyarrow as pa


def parquet_of(name: str) -> str:
    """Return the name of the Parquet file that has the rows of a CSV file."""
    return f"{name.removesuffix('.csv')}.parquet"


def write_table(path: Path, text: str) -> None:
    """Write a file of the report; beside a table of CSV its rows as Parquet: whole numbers, numbers, and texts."""
    write_text(path, text)
    if path.suffix == ".csv":
        import pyarrow.parquet as pq

        with replacing(path.with_name(parquet_of(path.name))) as temporary:
            pq.write_table(typed(text), temporary, compression="zstd")


def typed(text: str) -> "pa.Table":
    """Return the rows of a CSV text; empty cells are null."""
    import pyarrow as pa
    from pyarrow import csv

    names = text.partition("\n")[0].split(",")
    types = {name: pa.int64() if name in WHOLE else pa.float64() if name in NUMBERS else pa.string() for name in names}
    return csv.read_csv(
        io.BytesIO(text.encode()), parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
    )  # fmt: skip
