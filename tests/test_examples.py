"""Every example in the documentation runs: docstrings and the README."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "thermo_ideal"
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    module = importlib.import_module(name)
    # DocTestFinder looks at functions that are defined in the module; type-checked ones keep their docstring.
    result = doctest.testmod(module)
    assert result.failed == 0


def public_names():
    for folder in sorted(PACKAGE.iterdir()):
        if (folder / "__init__.py").exists() and folder.name != "cli":
            module = importlib.import_module(f"thermo_ideal.{folder.name}")
            yield from ((f"{folder.name}.{name}", getattr(module, name)) for name in module.__all__)


@pytest.mark.parametrize(("name", "thing"), list(public_names()))
def test_public_names_have_a_docstring(name, thing):
    assert (thing.__doc__ or "").strip() if callable(thing) else True


def test_readme_example():
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 1
    assert len(blocks[0].strip().splitlines()) <= 10
    exec(blocks[0], {})


def test_readme_has_two_commands_and_ci_runs_the_second():
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"```sh\n(.*?)\n```", text, re.DOTALL)
    assert len(commands) == 2
    assert "thermo-ideal reproduce toy" in commands[0]
    assert "pytest" in commands[1]
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
