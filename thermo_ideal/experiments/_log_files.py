"""Files of training logs as columns: CSV, JSON lines, a JSON list, Hugging Face's trainer_state.json; also gzipped."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_MISSING = {"", "none", "null", "na", "n/a"}
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class LogTable:
    """The columns of a log as they are in the file.

    Args:
        source: the file's name, for errors.
        columns: numbers by the column's name; NaN where a cell is empty.
        text: of each column that has a cell which is no number, the first such line and what is there.
    """

    source: str
    columns: Mapping[str, np.ndarray]
    text: Mapping[str, tuple[int, str]]


def read_log(path: str | Path) -> LogTable:
    """Reads a log, whatever its form.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is empty, no text, or neither CSV nor JSON; with the file, the line and the column.
    """
    path = Path(path)
    text = _text(path)
    if not text.strip():
        raise ValueError(
            f"{path}: got an empty file, expected a header and rows, as in step,loss,weight_norm,grad_norm"
        )
    return _from_json(path, text) if text.lstrip()[0] in "{[" else _from_csv(path, text)


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return data.decode(encoding)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{path}: got a broken gzip file ({error}), expected a whole one; copy it once more"
        ) from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}, line {line}: got bytes that are no UTF-8 text, expected CSV or JSON") from error


def _from_csv(path: Path, text: str) -> LogTable:
    first = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=delimiter)
    try:
        rows, lines = [], []
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}; expected CSV with one row a line") from error
    header = [name.strip() for name in rows[0]]
    for name in header:
        if name and header.count(name) > 1:
            raise ValueError(
                f"{path}, line {lines[0]}: got column {name!r} {header.count(name)} times, expected names that differ; "
                f"rename one in the file, as in {name}_2"
            )
    rows, lines = rows[1:], lines[1:]
    for line, row in zip(lines, rows, strict=True):
        if len(row) == len(header):
            continue
        if line == lines[-1] and len(row) < len(header):  # the run was stopped while it wrote
            row.extend([""] * (len(header) - len(row)))
            continue
        raise ValueError(
            f"{path}, line {line}: got {len(row)} cells, expected {len(header)} separated by {delimiter!r} as in the "
            "header; quote names and cells that contain it"
        )
    cells = list(zip(*rows, strict=True)) or [()] * len(header)
    comma = delimiter != ","  # then 0,5 may be one half
    found = {name: _numbers(column, lines, comma) for name, column in zip(header, cells, strict=True) if name}
    return _table(path, found)


def _from_json(path: Path, text: str) -> LogTable:
    try:
        content = json.loads(text)
        lines = None
    except json.JSONDecodeError as whole:
        content, lines = [], []
        numbered = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
        for i, line in numbered:
            try:
                content.append(json.loads(line))
                lines.append(i)
            except json.JSONDecodeError as error:
                if i == numbered[-1][0] and content:  # the run was stopped while it wrote
                    break
                place = whole if i == numbered[0][0] else error
                at = place.lineno if place is whole else i
                raise ValueError(f"{path}, line {at}: {place.msg}, expected JSON, one object a line") from error
    if isinstance(content, dict):
        content = content.get("log_history", [content])
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ValueError(f"{path}: got JSON without rows, expected one object a line, a list of them, or log_history")
    flat = [_flat(row) for row in content]
    names = dict.fromkeys(name for row in flat for name in row)
    lines = lines or list(range(1, len(flat) + 1))
    return _table(path, {name: _numbers([row.get(name) for row in flat], lines, False) for name in names})


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}/")
        elif not isinstance(value, list | bool):
            found[f"{prefix}{name}"] = value
    return found


def _numbers(column: Any, lines: list[int], comma: bool) -> np.ndarray | tuple[int, str]:
    try:
        return np.array([np.nan if cell is None or cell == "" else float(cell) for cell in column])
    except (ValueError, OverflowError):
        values = np.full(len(column), np.nan)
    for i, (line, cell) in enumerate(zip(lines, column, strict=True)):
        word = "" if cell is None else str(cell).strip().lower()
        try:
            values[i] = np.nan if word in _MISSING else float(word.replace(",", ".") if comma else word)
        except (ValueError, OverflowError):
            return line, str(cell)
    return values


def _table(path: Path, found: Mapping[str, np.ndarray | tuple[int, str]]) -> LogTable:
    numbers = {name: column for name, column in found.items() if isinstance(column, np.ndarray)}
    text = {name: column for name, column in found.items() if not isinstance(column, np.ndarray)}
    numbers = {name: np.where(np.isfinite(column), column, np.nan) for name, column in numbers.items()}
    if not any(np.isfinite(column).any() for column in numbers.values()):
        name, (line, cell) = next(iter(text.items()), ("", (1, "")))
        came = f"line {line}, column {name!r}: got {cell!r}" if name else "got a header without rows"
        raise ValueError(f"{path}, {came}, expected at least one column of numbers, as in step,loss,weight_norm")
    return LogTable(str(path), numbers, text)
