"""Every example in the documentation runs: docstrings and the README."""

import doctest
import importlib.util
import re
from pathlib import Path

import jax
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


def load(name):
    """An example as a module, not run."""
    specification = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_every_example_is_run_here():
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == {
        "anisotropy",
        "entropy_or_step_length",
        "own_network",
        "processes",
        "property_tests_of_a_gas",
    }


def test_example_of_property_tests():
    """All laws of the right gas hold; the wrong entropy is found where entropies come in, at the simplest state."""
    example = load("property_tests_of_a_gas")
    laws = {law.name: law for law in example.laws_of(example.TwoValleys())}
    assert example.failures(example.TwoValleys(), [laws["C_V by F"], laws["Maxwell, F"]], 1) == {}
    (found,) = example.failures(example.WrongEntropy(), [laws["C_V by F"]], 1).values()
    assert found.endswith("at T = 1, V = 1")


def test_example_of_processes(capsys):
    example = load("processes")
    assert example.carnot_cycles(durations=(400,), replicas=16).row_count == 1
    assert example.schedules(duration=400, replicas=16).row_count == 5
    assert "0.5000 = 1 − T_cold/T_hot" in capsys.readouterr().out


def test_example_of_entropies(tmp_path):
    """The walk's entropy is 1500 nats off; with the loss it grows with the spacing, and is the entropy of neither."""
    example = load("entropy_or_step_length")
    _, walk = example.scan(False, [(1e-3, 1)], samples=400)
    assert abs(walk[0, 3] - -842) < 1
    assert abs(walk[0, 1] / walk[0, 2] - 1) < 0.05
    table, gas = example.scan(True, [(1e-2, 1), (1e-2, 5)], samples=200)
    assert table.row_count == 2
    assert gas[1, 1] - gas[0, 1] > 100
    assert gas[0, 3] == gas[1, 3]
    example.draw(gas, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_example_of_anisotropy(capsys):
    example = load("anisotropy")
    noises = [example.spiked_noise(ratio, 3, trace=2.0) for ratio in (1.0, 0.6)]
    data = example.anisotropy_scan(jax.random.key(0), noises, (0.05, 0.1), samples=50)
    found = example.diagnose_anisotropy(data)
    for show in (example.print_points, example.print_relations):
        show(found)
    example.print_cold_laws()
    assert "like its inverse" in capsys.readouterr().out


def test_example_of_a_network(capsys):
    example = load("own_network")
    groups, meter = example.train(num_steps=330, burn_in=30)
    assert groups.violation.max() < 1e-5
    example.print_verdict(meter)
    assert capsys.readouterr().out.count("discrete = ") == 3


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
