"""`thermo-ideal simulate` and `thermo-ideal plan`: their numbers, files, refusals, and help that fits a screen."""

import csv
import io
import json
import re
import shlex

import numpy as np
import pytest

from tests.support.statistics import assert_rejects
from thermo_ideal.cli import main
from thermo_ideal.distributions import von_mises_fisher as vmf
from thermo_ideal.sweeps import open_results

COMMANDS = ["simulate", "plan", "state", "verify x", "sweep run x", "sweep plan x", "sweep status x", "reproduce toy"]
FREE = "--protocol fixed-elr --elr 0.02 0.05 --wd 0.1 --dim 50"  # as in the example of the help
SHORT = "--steps 4e4 --replicas 16"  # one program for all
SPHERE = "--protocol fixed-sphere --concentration 40 --radius 2 --dim 10"


def status(line):
    with pytest.raises(SystemExit) as stop:
        main(shlex.split(line))
    return stop.value.code


@pytest.fixture
def record(capsys):
    def ask(line):
        assert status(line) == 0
        return json.loads(capsys.readouterr().out)

    return ask


def assert_agrees(rows, expected):
    """Every measured quantity is within its error of what is expected."""
    for symbol in ("U", "S", "V", "T"):
        row = rows[symbol]
        assert row["standard_error"] > 0
        assert abs(row["simulated"] - row[expected]) < 5 * row["standard_error"], symbol


def test_simulated_systems_agree_with_the_exact_law_and_not_with_that_of_the_sde(record, tmp_path, capsys):
    out = tmp_path / "run.csv"
    found = record(f"simulate {FREE} {SHORT} --json --out {out}")
    assert (found["num_steps"], found["burn_in"]) == (40_000, 20_000)
    for system, rate in zip(found["systems"], (0.02, 0.05), strict=True):
        rows = system["quantities"]
        assert (system["effective_learning_rate"], system["weight_decay"]) == (rate, 0.1)
        assert_agrees(rows, "exact")
        assert np.isclose(rows["T"]["sde"], rate / 2)  # η_eff σ²/2
        assert np.isclose(rows["U"]["sde"], float(vmf.one_minus_mean_resultant_length(50, 2 / rate)), rtol=1e-6)
        assert np.isclose(rows["V"]["sde"], 24.5 * rate / 2 / 0.1)  # pV = RT
        assert np.allclose(list(rows["p"].values()), [0.1, 0, 0.1, 0.1, 0], rtol=1e-12)
        assert np.isclose(rows["T"]["z"], rows["V"]["z"])
    assert_rejects(assert_agrees, rows, "sde")
    with out.open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["simulated"]) for line in lines if line["quantity"] == "U"] == [
        system["quantities"]["U"]["simulated"] for system in found["systems"]
    ]
    before = out.read_bytes()
    assert status(f"simulate {FREE} --steps 1e3 --out {out}") == 2
    assert "--overwrite" in capsys.readouterr().err.replace("\n", " ")
    assert out.read_bytes() == before


def test_a_concentration_on_the_sphere_and_a_store(record, tmp_path):
    line = f"simulate {SPHERE} --steps 4e3 --replicas 8 --json"
    found = record(f"{line} --out {tmp_path / 'run.zarr'}")
    (system,) = found["systems"]
    rows = system["quantities"]
    assert np.isclose(system["effective_learning_rate"], 2 / 40)
    assert np.isclose(rows["T"]["sde"], 1 / 40)
    assert np.isclose(rows["p"]["sde"], 4.5 / 40 / 2)  # RT/V
    assert rows["V"]["simulated"] == 2.0
    assert abs(rows["p"]["z"]) < 5
    assert abs(rows["U"]["z"]) < 5
    data = open_results(tmp_path / "run.zarr")["fixed-sphere"]
    assert data["simulated"][list(data["quantity"].to_numpy()).index("U")] == rows["U"]["simulated"]
    assert data.attrs["num_steps"] == 4000
    assert record(line) == found
    assert record(f"{line} --seed 1") != found


def test_where_the_exact_law_is_not_known(monkeypatch, capsys):
    def fail(*_):
        raise ArithmeticError("steps so large")

    monkeypatch.setattr("thermo_ideal.experiments._systems.stationary_law", fail)
    assert status(f"simulate {FREE} {SHORT} --json") == 0
    printed = capsys.readouterr()
    row = json.loads(printed.out)["systems"][0]["quantities"]["U"]
    assert row["exact"] is None
    assert row["z"] is None
    assert row["simulated"] > 0
    assert "no exact law: steps so large" in printed.err


def test_the_plan_is_that_of_thermodynamics(record, capsys):
    line = "plan --protocol fixed-lr --lr 0.1 --wd 0.01 --dim 3 --seconds 0 --replicas 1"
    (row,) = record(f"{line} --json")["systems"]
    assert (row["num_steps"], row["sampling_interval"]) == (34_500, 32)  # as in the example of `plan`, a longer burn-in
    assert np.isclose(row["radius_time"], 1 / (4 * 0.1 * 0.01))
    errors = [record(f"{line} --loss-error {error} --json")["systems"][0] for error in (2e-5, 1e-5)]
    lengths = [row["num_steps"] - row["burn_in"] for row in errors]
    assert lengths[1] == pytest.approx(4 * lengths[0], rel=1e-3)
    four = line.replace("--replicas 1", "--replicas 4")
    more = record(f"{four} --loss-error 1e-5 --json")["systems"][0]
    assert more["num_steps"] == errors[0]["num_steps"]
    assert status(line) == 0
    assert "34,500 steps of each run" in capsys.readouterr().out


def test_time_and_memory_are_predicted(record):
    found = record(f"plan {SPHERE} --seconds 0.1 --json")
    assert found["seconds"] > 0
    assert 1e8 < found["bytes"] < 1e10


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("simulate", "--protocol: got nothing, expected one of fixed-lr, fixed-elr, fixed-sphere; type thermo-ideal"),
        ("plan --protocol x", "type thermo-ideal plan --protocol fixed-lr --lr 0.05"),
        (
            "simulate --protocol fixed-lr --dim 3",
            "got nothing, expected --lr, or --temperature or --concentration, and",
        ),
        (f"simulate {FREE} --temperature 0.1", "got --elr and --wd and --temperature, expected --elr, or"),
        (f"simulate {FREE} --sigma 0", "--sigma: got 0.0, expected a number > 0"),
        (f"simulate {FREE} --steps 2.5", '--steps: got 2.5, expected a whole number ≥ 1, as in 12 or 1e9, or "auto"'),
        (f"simulate {FREE} --steps 10", "--steps: got 10, expected at least 68"),
        (f"simulate {FREE} --replicas 1", "--replicas: got 1, expected a whole number ≥ 2"),
        (f"simulate {FREE} --seed 1e10", "--seed: got 10000000000, expected a whole number below 2^32"),
        (f"simulate {FREE} --out x.txt", "--out: got x.txt, expected a name that ends in .csv or .zarr"),
        (f"simulate {FREE} --out /dev/null/x.csv", "/dev/null"),
        ("simulate --protocol fixed-elr --elr 0.1 --wd -1 --dim 3", "--wd: got -1.0, expected a number > 0"),
        ("simulate --protocol fixed-elr --elr 0.1 --wd 0.1 --dim 1", "--dim: got 1, expected a whole number ≥ 2"),
        ("simulate --protocol fixed-elr --elr 0.1 --wd 0.1", "--dim: got nothing"),
        (f"plan --protocol fixed-elr --elr {'1 ' * 65}--wd 1 --dim 3", "got 65 systems, expected at most 64"),
        (f"plan {FREE} --loss-error -1", "--loss-error: got -1.0, expected a number > 0"),
        (f"plan {FREE} --replicas 0", "--replicas: got 0.0, expected a number > 0"),
        (f"plan {FREE} --seconds nan", "--seconds: got nan, expected a number ≥ 0"),
        (f"plan {SPHERE} --radius-error 1", "--radius-error: got one with fixed-sphere, expected none"),
    ],
)
def test_refusals(line, message, capsys):
    assert status(line) == 2
    assert message in re.sub(r"[│\s]+", " ", capsys.readouterr().err)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_screen(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert status(f"{command} --help") == 0
    assert len(capsys.readouterr().out.splitlines()) <= 30


@pytest.mark.parametrize("command", ["simulate", "plan"])
def test_the_example_of_the_help_works(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert status(f"{command} --help") == 0
    text = re.search(r"Example:\s+thermo-ideal\s+(.*?)\n *\n", capsys.readouterr().out, re.DOTALL)[1]
    quick = {"simulate": SHORT, "plan": "--seconds 0"}
    assert status(f"{' '.join(text.split())} {quick[command]}") == 0
    assert {"simulate": "d = 50", "plan": "steps of each run"}[command] in capsys.readouterr().out


def test_forty_columns_without_colour_in_ascii(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    assert status(f"simulate {SPHERE} --steps 4e3") == 0
    text = written.getvalue().decode("ascii")
    assert "\x1b" not in text
    assert "eta_eff" in text
    assert "\\u" not in text
    assert "..." not in text, "no digit is left out"
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 40
    assert {"U", "S", "V", "p", "T"} <= {line.strip("| ").split(" ")[0] for line in text.splitlines()}
