"""TOML files, with the lines of what is in them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from json import dumps
from typing import Any

from thermo_ideal.sweeps._problems import Problem, SweepError

_HEADER = "# A sweep of thermo_ideal. Run it by `thermo-ideal sweep run FILE --out DIR`.\n"


def write(table: Mapping[str, Any]) -> str:
    """The text of a file: plain keys, then tables, then lists of tables, whose own values stand on one line each."""
    plain = {name: value for name, value in table.items() if name not in ("options", "grids")}
    parts = [_HEADER, _section(plain)]
    if "options" in table:
        parts.append("\n[options]\n" + _section(table["options"]))
    parts += ["\n[[grids]]\n" + _section(grid) for grid in table["grids"]]
    return "".join(parts)


def _section(table: Mapping[str, Any]) -> str:
    return "".join(f"{_key_text(name)} = {_value_text(value)}\n" for name, value in table.items())


def _key_text(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value_text(name)


def _value_text(value: Any) -> str:
    if isinstance(value, str):
        # As in JSON, but that TOML has no code for half a character and escapes one more control character.
        return dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(_value_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key_text(name)} = {_value_text(x)}' for name, x in value.items())} }}"
    return dumps(value)


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

_BEFORE_EQUALS = re.compile(rf"((?:{_STRING}|[^=\"'])*)=", re.DOTALL)


def _lines(text: str) -> dict[str, int]:
    """The lines that keys and tables of a TOML file begin at, by their names, as in "grids[0].protocol"."""
    found: dict[str, int] = {}
    table, count = "", dict[str, int]()
    for line, statement in _statements(text.replace("\r\n", "\n")):
        header = re.fullmatch(r"(\[\[?)\s*(.*?)\s*\]\]?", statement, re.DOTALL)
        if header:  # no key begins with a bracket
            first, *rest = _key(header[2]).split(".")
            if header[1] == "[[" and not rest:
                count[first] = count.get(first, -1) + 1
            found.setdefault(first, line)
            table = ".".join([f"{first}[{count[first]}]" if first in count else first, *rest]) + "."
            _note(found, table, line)
        elif key := _BEFORE_EQUALS.match(statement):
            _note(found, table + _key(key[1]) + ".", line)
    return found


def _note(found: dict[str, int], name: str, line: int) -> None:
    """Files the line of a name that ends in a dot, and of the tables that it is in, unless they began before."""
    for end in re.finditer(r"\.", name):
        found.setdefault(name[: end.start()], line)


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
