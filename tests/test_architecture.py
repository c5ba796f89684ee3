"""The law of the house, enforced."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "thermo_ideal"
FILES = sorted(PACKAGE.rglob("*.py"))
# A file imports only from folders on a lower floor. Neighbours share a floor and do not import each other.
FLOORS = {
    "symbolic": 0,
    "numerics": 1,
    "special": 2,
    "distributions": 3,
    "dynamics": 4,
    "thermodynamics": 5,
    "integrators": 5,
    "estimators": 6,
    "verification": 7,
    "sweeps": 8,
    "testing": 8,
    "networks": 9,
    "experiments": 10,
    "reports": 11,
    "cli": 12,
}
GROUND = {"_arguments", "_compilation", "_dictionary", "_display", "_expressions", "_files"}  # below every floor


def folder(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imports(source: str) -> set[str]:
    """The parts of the package that a module imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [node.module or ""]
            if node.module == "thermo_ideal":
                names = [f"thermo_ideal.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("thermo_ideal.")}
    return found


def check_floors(modules: dict[str, tuple[str, str]]) -> None:
    """`modules`: file name to (folder, source)."""
    for name, (own, source) in modules.items():
        if own == "__init__":
            assert not imports(source), f"{name} must import lazily"
            continue
        for other in imports(source) - {own}:
            if own in GROUND:
                raise AssertionError(f"{name} is below every floor and imports {other}")
            lower = other in GROUND or FLOORS[other] < FLOORS[own]
            assert lower, f"{name} on floor {FLOORS[own]} imports {other} on floor {FLOORS[other]}"


def test_floors_import_downwards():
    check_floors({str(path): (folder(path), path.read_text()) for path in FILES})


def test_an_upward_import_is_caught():
    with pytest.raises(AssertionError, match="floor"):
        check_floors({"planted": ("special", "from thermo_ideal.dynamics import SGD")})
    with pytest.raises(AssertionError, match="floor"):
        check_floors({"planted": ("integrators", "import thermo_ideal.thermodynamics")})


def test_every_folder_has_a_floor():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(FLOORS)


def test_no_cycles_within_a_folder():
    """Modules of one folder import each other without a cycle."""
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES}
    graph: dict[str, set[str]] = {name: set() for name in names.values()}
    for path, name in names.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "") in graph:
                modules = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[name] |= {module if module in graph else node.module for module in modules}
    done = {"thermo_ideal"}
    while remaining := graph.keys() - done:
        free = {name for name in remaining if not graph[name] - done}
        assert free, f"import cycle among {sorted(remaining)}"
        done |= free


@pytest.mark.parametrize(
    "path",
    [path for path in ROOT.rglob("*.py") if ".venv" not in path.parts],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_file_over_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py" and p.parent != PACKAGE], ids=str)
def test_init_lists_public_names_and_nothing_else(path):
    body = ast.parse(path.read_text()).body
    kinds = [type(node) for node in body]
    assert kinds[0] is ast.Expr, "a docstring first"
    assert set(kinds[1:-1]) <= {ast.ImportFrom}
    assert isinstance(body[-1], ast.Assign)
    assert body[-1].targets[0].id == "__all__"


def test_no_vague_names():
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in FILES if path.stem.strip("_") in vague]


def contracts() -> set[str]:
    """Exported abstract classes and the exported classes that stand on them, by name."""
    found = {}
    for folder in sorted(set(FLOORS) - {"cli"}):
        module = importlib.import_module(f"thermo_ideal.{folder}")
        found |= {name: getattr(module, name) for name in module.__all__ if isinstance(getattr(module, name), type)}
    abstract = [thing for name, thing in found.items() if name.startswith("Abstract")]
    return {name for name, thing in found.items() if issubclass(thing, tuple(abstract))}


def type_tests(source: str, names: set[str]) -> list[int]:
    """Lines where the type of an object of a contract is asked for other than to raise."""
    tree = ast.parse(source)
    guarded = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            guarded |= {id(part) for part in ast.walk(node.test)}
    lines = []
    for node in ast.walk(tree):
        asked = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass")
        if (asked and id(node) not in guarded) or isinstance(node, ast.MatchClass):
            mentioned = node.cls if isinstance(node, ast.MatchClass) else node.args[1]
            if any(getattr(part, "id", getattr(part, "attr", "")) in names for part in ast.walk(mentioned)):
                lines.append(node.lineno if isinstance(node, ast.Call) else node.cls.lineno)
    return lines


def test_what_is_asked_of_an_object_is_a_method_of_it():
    """No ladder of types with a default branch: a class of a user would take the default in silence."""
    names = contracts()
    assert {"AbstractProtocol", "FixedSphere", "AbstractZonalLoss", "IsotropicNoise", "VonMisesFisher"} <= names
    found = {str(path.relative_to(PACKAGE)): type_tests(path.read_text(), names) for path in FILES}
    assert not {path: lines for path, lines in found.items() if lines}


def test_a_type_ladder_is_caught():
    names = {"FixedSphere"}
    assert type_tests("if isinstance(p, FixedSphere):\n    x = 1\nelse:\n    x = 2", names) == [1]
    assert type_tests("x = 1 if isinstance(p, dynamics.FixedSphere) else 2", names) == [1]
    assert type_tests("match p:\n    case FixedSphere():\n        x = 1", names) == [2]
    assert not type_tests("if not isinstance(p, FixedSphere):\n    raise ValueError('p')", names)


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_symbolic_imports_with_jax_blocked():
    code = (
        "import sys; sys.modules['jax'] = sys.modules['jaxlib'] = None\n"
        "from thermo_ideal import symbolic\n"
        "print(symbolic.derive('fixed-elr').result['temperature'])"
    )
    assert run(code) == "eta_eff*sigma**2/2"


def test_blocking_jax_is_noticed_elsewhere():
    code = "import sys; sys.modules['jax'] = None\nimport thermo_ideal\nthermo_ideal.dynamics"
    with pytest.raises(AssertionError):
        run(code)


def test_import_is_lazy():
    code = "import sys, thermo_ideal; print(*({'jax', 'sympy', 'numpy'} & set(sys.modules)))"
    assert run(code) == ""


def test_x64_is_left_alone():
    names = ", ".join(sorted(set(FLOORS) - {"cli"}))
    assert run(f"from thermo_ideal import {names}\nimport jax; print(jax.config.jax_enable_x64)") == "False"


def test_unknown_attribute_names_what_there_is():
    import thermo_ideal

    with pytest.raises(AttributeError, match="symbolic"):
        _ = thermo_ideal.thermo
    assert "symbolic" in dir(thermo_ideal)
