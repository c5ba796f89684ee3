"""Every public name has the sections that the README promises, and its examples run."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import thermo_ideal

PACKAGE = Path(thermo_ideal.__file__).parent
# Folders, and the files that are public themselves.
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name == "__init__.py" or not path.name.startswith("_")
]
# Floors whose functions are formulas, which have a source.
FORMULAS = {"special", "distributions"}


def public():
    """Every name of an export list once, with the object."""
    found = {}
    for path in MODULES[1:]:
        module = importlib.import_module(path)
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isroutine(thing) or hasattr(thing, "__wrapped__"):
                found.setdefault(id(thing), (f"{path}.{name}", thing))
    return list(found.values())


def own_methods(cls):
    """Public methods and properties that a class of the package defines itself."""
    for name, member in vars(cls).items():
        if name.startswith("_") or isinstance(member, type):
            continue
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if inspect.isfunction(inspect.unwrap(function)) if callable(function) else False:
            yield name, inspect.unwrap(function), isinstance(member, property)


def parameters(function):
    skipped = ("self", "cls", "args", "kwargs")
    return [name for name in inspect.signature(function).parameters if name not in skipped]


def tree(function):
    source = inspect.cleandoc("\n" + inspect.getsource(function))
    return ast.parse(re.sub(r"(?m)^\s*", "", source, count=1) if source[0] == " " else source)


def raises_value_error(function):
    try:
        body = tree(function)
    except OSError:  # a dataclass has written it
        return False
    for node in ast.walk(body):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = node.exc.func
            if isinstance(name, ast.Name) and name.id == "ValueError":
                return True
    return False


def returns_something(function):
    annotation = inspect.signature(function).return_annotation
    return annotation not in (None, "None", inspect.Signature.empty)


def missing(function, doc):
    """The sections that a public function lacks."""
    lacks = []
    if not (doc or "").strip():
        return ["a docstring"]
    if parameters(function) and "Args:" not in doc:
        lacks.append("Args:")
    if raises_value_error(function) and "Raises" not in doc:
        lacks.append("Raises:")
    return lacks


PUBLIC = public()


def test_there_are_public_names():
    assert len(PUBLIC) > 150


@pytest.mark.parametrize(("name", "thing"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_public_names_have_their_sections(name, thing):
    doc = inspect.getdoc(thing) or ""
    assert doc.split("\n")[0].strip(), "a summary first"
    assert ">>>" in doc, f"{name}: no example that runs"
    if not inspect.isclass(thing):
        function = inspect.unwrap(thing)
        lacks = missing(function, doc)
        lacks += ["Returns:"] if returns_something(function) and "Returns:" not in doc else []
        lacks += ["Source:"] if name.split(".")[1] in FORMULAS and "Source:" not in doc else []
        assert not lacks, f"{name}: no {', '.join(lacks)}"
        return
    constructor = vars(thing).get("__init__")
    if inspect.isfunction(constructor) and raises_value_error(constructor):
        assert "Raises:" in doc, f"{name}: no Raises:"
    for method, function, is_property in own_methods(thing):
        own = inspect.getdoc(getattr(thing, method)) if not is_property else inspect.getdoc(vars(thing)[method])
        assert (own or "").strip(), f"{name}.{method}: no docstring"
        documented = any("Args:" in (inspect.getdoc(vars(base).get(method)) or "") for base in thing.__mro__)
        if not is_property and parameters(function):
            assert documented, f"{name}.{method}: no Args:"


def test_a_docstring_without_a_section_is_noticed():
    def bare(x):
        """Something."""
        if x < 0:
            raise ValueError("x")
        return x

    assert missing(bare, bare.__doc__) == ["Args:", "Raises:"]
