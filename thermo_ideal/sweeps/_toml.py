"""TOML files, with the lines of what is in them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import tomli_w

from thermo_ideal.sweeps._problems import Problem, SweepError

_HEADER = "# A sweep of thermo_ideal. Run it by `thermo-ideal sweep run FILE --out DIR`.\n"


def write(table: Mapping[str, Any]) -> str:
    """The text of a file."""
    return _HEADER + tomli_w.dumps(table)


def read(text: str, source: str) -> tuple[dict[str, Any], dict[str, int]]:
    """What is in a file, and the lines that it is in, for `line_of`.

    Raises:
        SweepError: it is no TOML.
    """
    try:
        return tomllib.loads(text), _lines(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:  # or brackets or digits without end
        line = re.search(r"line (\d+)", str(error))
        raise SweepError([Problem("TOML", f"got {error}", int(line[1]) if line else None)], source) from error


def line_of(lines: Mapping[str, int], field: str) -> int | None:
    """The line of a field, or of the table that it should be in."""
    while field:
        if field in lines:
            return lines[field]
        field = re.sub(r"(\.|\[|^)[^.\[]*$", "", field)
    return None


_STRING = r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*"|\'\'\'.*?\'\'\'|\'[^\'\n]*\''
_TOKEN = re.compile(rf"{_STRING}|#[^\n]*|[\[\]{{}}\n]|[^\[\]{{}}\n\"'#]+|.", re.DOTALL)


def _lines(text: str) -> dict[str, int]:
    """The lines that keys and tables of a TOML file begin at, by their names, as in "grids[0].protocol"."""
    found: dict[str, int] = {}
    table, count = "", dict[str, int]()
    for line, statement in _statements(text.replace("\r\n", "\n")):
        header = re.fullmatch(r"(\[\[?)\s*(.*?)\s*\]\]?", statement, re.DOTALL)
        if header and "=" not in statement:
            name = _key(header[2])
            if header[1] == "[[":
                count[name] = count.get(name, -1) + 1
                name = f"{name}[{count[name]}]"
            table = f"{name}."
            found.setdefault(name, line)
            found.setdefault(re.sub(r"\[\d+\]$", "", name), line)
        elif "=" in statement:
            key = _key(statement.split("=", 1)[0])
            found.setdefault(table + key, line)
            found.setdefault(table + key.split(".")[0], line)
    return found


def _key(text: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in text.split("."))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Keys with their values, and headers, each with the line that it begins at."""
    line, begin, depth, parts = 1, 1, 0, list[str]()
    for token in [*_TOKEN.findall(text), "\n"]:
        if token == "\n" and depth == 0:
            if statement := "".join(parts).strip():
                yield begin, statement
            parts = []
        elif not token.startswith("#"):
            if not "".join(parts).strip():
                begin = line
            parts.append(token)
            depth += (token in "[{") - (token in "]}") if len(token) == 1 else 0
        line += token.count("\n")
