"""Parquet, a block of rows at a time, of types that the tables know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catalyst.data.formats.chunks import RECORD_BYTES, decoded, lost_row
from catalyst.data.formats.content import Content
from catalyst.data.formats.opened import Opened
from catalyst.data.formats.tables import BROKEN
from catalyst.data.frames import json_text, known_frame
from catalyst.data.given import Given
from catalyst.data.messages import listed, shown
from catalyst.data.stamps import zone_checked
from catalyst.errors import ImportFileError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet as pq

FORMAT = "parquet"
MAGIC = b"PAR1"

_BLOCK_BYTES = 16 * 2**20
_MOST_ROWS = 131_072
_MOST_COLUMNS = 20_000
_BUFFER_BYTES = 2**20


def open_parquet(content: Content, table: str, notes: Sequence[str]) -> Opened:
    """Open a Parquet file.

    Nested values are kept as JSON text, binary ones as text if they are UTF-8, else in hexadecimal
    digits.

    Raises
    ------
    ImportFileError
        If it is packed or no Parquet file.
    """
    file = str(content.path)
    if content.packing != "plain":
        raise ImportFileError(
            f"{shown(file)} is a packed Parquet file; unpack it, Parquet is compressed inside"
        )

    def read() -> Iterator[Given]:
        import polars as pl
        import pyarrow as pa

        # What a damaged file makes a reader stumble over is not always said as an Arrow error.
        damage = (pa.ArrowException, pl.exceptions.PolarsError, OSError, ValueError, KeyError)
        try:
            yield from _blocks(content, file, lists=table == "news")
        except damage as error:
            reason = shown(str(error).splitlines()[0] if str(error) else type(error).__name__)
            raise ImportFileError(f"{shown(file)} can't be read as Parquet: {reason}") from None

    return Opened(file, FORMAT, content.size_bytes, tuple(notes), read)


def _blocks(content: Content, file: str, *, lists: bool) -> Iterator[Given]:
    from pyarrow import parquet as pq

    metadata = pq.read_metadata(content.path)
    with pq.ParquetFile(
        content.path,
        metadata=metadata,
        read_dictionary=_texts_stored_once(metadata),
        # A part of a column at a time, so that a huge row group is not held whole.
        pre_buffer=False,
        buffer_size=_BUFFER_BYTES,
        # Years beyond 2262 would wrap around in nanoseconds.
        coerce_int96_timestamp_unit="us",
        page_checksum_verification=True,
    ) as source:
        schema = source.schema_arrow
        different = len(set(schema.names))
        if len(schema.names) > _MOST_COLUMNS or different < len(schema.names):
            raise ImportFileError(
                f"{shown(file)} has {len(schema.names):,} columns with {different:,} different "
                f"names; expected each name once and at most {_MOST_COLUMNS:,}"
            )
        notes = _notes(schema)
        rows = metadata.num_rows
        line = 1
        for group in range(metadata.num_row_groups):
            n_rows = _batch_rows(metadata.row_group(group))
            for batch in source.iter_batches(n_rows, row_groups=[group], use_threads=False):
                for part in _parts(batch):
                    end_byte = content.size_bytes * (line - 1 + part.num_rows) // rows
                    yield _given(part, line, file, notes, end_byte, lists=lists)
                    line += part.num_rows
        if line == 1:
            said = (*notes, "a file without rows")
            end_byte = content.size_bytes
            yield _given(schema.empty_table(), 1, file, said, end_byte, lists=lists)


def _texts_stored_once(metadata: pq.FileMetaData) -> list[str]:
    """Name the columns of texts that the file stores once each: these may expand without bound."""
    found: dict[str, list[int]] = {}
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            if column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page:
                found.setdefault(column.path_in_schema, []).append(column.total_uncompressed_size)
    return sorted(
        name
        for name, sizes in found.items()
        # A larger one holds texts of their own as well, and their dictionary would be as large.
        if "." not in name and max(sizes) <= _BLOCK_BYTES
    )


def _batch_rows(row_group: pq.RowGroupMetaData) -> int:
    mean_bytes = row_group.total_byte_size // max(row_group.num_rows, 1)
    return int(np.clip(_BLOCK_BYTES // max(mean_bytes, 1), 1, _MOST_ROWS))


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows > 1 and _n_bytes(batch) > _BLOCK_BYTES:
        half = batch.num_rows // 2
        yield from _parts(batch.slice(0, half))
        yield from _parts(batch.slice(half))
    elif batch.num_rows:
        yield batch


def _n_bytes(batch: pa.RecordBatch) -> int:
    import pyarrow as pa
    from pyarrow import compute as pc

    total = 0
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
            total += pc.sum(lengths).as_py() or 0
        else:
            total += column.nbytes
    return int(total)


def _given(
    part: pa.RecordBatch | pa.Table,
    line: int,
    file: str,
    notes: Sequence[str],
    end_byte: int,
    *,
    lists: bool,
) -> Given:
    import polars as pl
    import pyarrow as pa

    columns = [_known(column) for column in part.columns]
    frame = pl.DataFrame(pa.table(columns, names=part.schema.names))
    frame = known_frame(frame, lists=lists)
    lines = np.arange(line, line + frame.height, dtype=np.int64)
    broken: list[tuple[int, str, str]] = []
    if _has_long_rows(part):
        texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
        sizes = frame.select(pl.sum_horizontal(pl.col(texts).str.len_bytes())).to_series()
        long = (sizes > RECORD_BYTES).fill_null(value=False).to_numpy()
        for place in np.flatnonzero(long).tolist():
            row = json.dumps(frame.row(place), ensure_ascii=False, default=str)
            broken.append((int(lines[place]), BROKEN, lost_row(row.encode())))
        frame, lines = frame.filter(pl.Series(~long)), lines[~long]
    return Given(frame, file, lines, broken, tuple(notes), end_byte)


def _has_long_rows(part: pa.RecordBatch | pa.Table) -> bool:
    return isinstance(part.num_rows, int) and part.num_rows > 0 and part.nbytes > RECORD_BYTES


def _notes(schema: pa.Schema) -> tuple[str, ...]:
    nested = [field.name for field in schema if _is_nested(field.type)]
    if not nested:
        return ()
    return (f"nested columns are kept as JSON text: {listed(nested)}",)


def _is_nested(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind):
        return not _is_text(kind.value_type)
    return bool(types.is_nested(kind))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _known(column: Any) -> Any:  # noqa: ANN401 - an Arrow array or chunked array
    import pyarrow as pa

    types = pa.types
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if _is_text(kind) or types.is_null(kind):
        return _sound_text(column)
    if _is_nested(kind) or types.is_decimal256(kind):
        values = [None if value is None else json_text(value) for value in column.to_pylist()]
        return pa.array(values, pa.large_string())
    if types.is_float16(kind):
        return column.cast(pa.float32())
    if types.is_timestamp(kind) and kind.tz is not None and not _is_zone(kind.tz):
        return column.cast(pa.timestamp(kind.unit, "UTC"))
    return column


def _sound_text(column: Any) -> Any:  # noqa: ANN401
    import pyarrow as pa

    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        as_bytes = column.cast(pa.large_binary())
        texts = [None if value is None else decoded(value) for value in as_bytes.to_pylist()]
        return pa.array(texts, pa.large_string())
    return column


def _is_zone(name: str) -> bool:
    try:
        zone_checked(name)
    except ImportFileError:
        return False
    return True
