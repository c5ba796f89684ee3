"""Public names of a folder that load the file they are in when they are first asked for (PEP 562)."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, files: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose files import more than most of its users need.

    Args:
        package: its name.
        files: the public names in each file, by the name of the file.

    Returns:
        A function that imports a name from its file, and raises AttributeError for any other.

    Example:
        >>> get = lazily("thermo_ideal", {"_display": ("span",)})
        >>> get("span")([1.0, 2.0])
        '1 … 2'
    """
    places = {name: file for file, names in files.items() for name in names}

    def attribute(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {', '.join(sorted(places))}")
        return getattr(importlib.import_module(f"{package}.{places[name]}"), name)

    return attribute
