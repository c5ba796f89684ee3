"""The command line: exit status, refusals, interruption."""

import json
import os
import subprocess
import sys

import pytest

from thermo_ideal._files import require_writable
from thermo_ideal.cli import main
from thermo_ideal.cli._types import ASCII, ascii_name, whole_number
from thermo_ideal.sweeps import open_results
from thermo_ideal.symbolic import TOPICS, VerificationError


def status(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code


@pytest.fixture
def canned(monkeypatch, quick_results):
    """The command without its minute of simulation."""
    monkeypatch.setattr("thermo_ideal.experiments.run_isotropic", lambda *_, **__: quick_results)


def test_rerun_refuses_without_overwrite(quick, capsys):
    before = (quick.folder / "verdict.txt").read_bytes()
    assert status("reproduce", "toy", "--out", str(quick.folder)) == 2
    assert "--overwrite" in capsys.readouterr().err.replace("\n", " ")
    assert (quick.folder / "verdict.txt").read_bytes() == before


def test_overwrite_replaces_ours_and_nothing_else(canned, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert status("reproduce", "toy", "--out", str(tmp_path)) == 0
    assert status("reproduce", "toy", "--out", str(tmp_path), "--overwrite") == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "results.zarr", "figures", "verdict.txt"}


def test_negative_control_fails_the_verdict(canned, tmp_path, capsys):
    assert status("reproduce", "toy", "--out", str(tmp_path), "--predicted-noise-scale", "1.1") == 1
    assert "FAILED" in capsys.readouterr().out


def test_interruption_leaves_nothing(monkeypatch, tmp_path, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("thermo_ideal.experiments._isotropic.simulate", interrupt)
    assert status("reproduce", "toy", "--out", str(tmp_path / "toy")) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not (tmp_path / "toy").exists()


def test_interruption_while_writing_leaves_nothing(canned, monkeypatch, tmp_path):
    import xarray as xr

    real = xr.DataTree.to_zarr

    def interrupt(self, store, **options):
        real(self, store, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(xr.DataTree, "to_zarr", interrupt)
    assert status("reproduce", "toy", "--out", str(tmp_path)) == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--predicted-noise-scale", "-1"], "--predicted-noise-scale: got"),
        (["--predicted-noise-scale", "inf"], "--predicted-noise-scale: got"),
        (["--seed", "-1"], "seed"),
        (["--seed", str(2**70)], "seed"),
        (["--profile", "huge"], "quick"),
        (["--seed", "x"], "seed"),
        (["--seed", "1.5"], "--seed: got 1.5, expected a whole number"),
        (["--seed", "nan"], "--seed: got nan, expected a whole number"),
    ],
)
def test_wrong_arguments(arguments, message, tmp_path, capsys):
    assert status("reproduce", "toy", "--out", str(tmp_path / "toy"), *arguments) not in (0, 1)
    printed = capsys.readouterr()
    assert message in printed.err + printed.out
    assert not (tmp_path / "toy").exists()


def test_a_file_for_out_is_refused_at_once(tmp_path, capsys):
    (tmp_path / "toy[bold]").write_text("mine")
    assert status("reproduce", "toy", "--out", str(tmp_path / "toy[bold]")) == 2
    printed = capsys.readouterr().err.replace("\n", "")
    assert "toy[bold]" in printed


@pytest.mark.parametrize("where", ["/proc/1/nowhere/toy", "/dev/null/toy", "/sys/toy"])
def test_a_folder_that_cannot_be_made_is_refused_before_the_run(where, monkeypatch, capsys):
    """Also where one is root, whom permissions do not tell."""
    monkeypatch.setattr("thermo_ideal.experiments.run_isotropic", lambda *_, **__: pytest.fail("ran"))
    assert status("reproduce", "toy", "--out", where) == 2
    assert where.split("/")[1] in capsys.readouterr().err


def test_trying_the_folder_leaves_nothing(tmp_path):
    require_writable(tmp_path / "deep" / "toy", ["a"], overwrite=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a").write_text("mine")
    with pytest.raises(FileExistsError):
        require_writable(tmp_path, ["a"], overwrite=False)
    require_writable(tmp_path, ["a"], overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_no_symbol_is_lost_in_any_stream(encoding):
    """Greek letters become their names where a terminal has none; JSON is the same everywhere."""
    text = subprocess.run(
        [
            sys.executable,
            "-c",
            "from thermo_ideal.cli import main; main(['derive', 'radius', '--protocol', 'fixed-lr'])",
        ],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )
    assert text.returncode == 0
    shown = text.stdout.decode(encoding)
    assert "?" not in shown
    assert ("the radius is deterministic: Itô's lemma" in shown) == (encoding != "ascii")


@pytest.mark.parametrize(
    ("character", "name"),
    [("η", "eta"), ("Δ", "Delta"), ("Ω", "Omega"), ("²", "^2"), ("₀", "_0"), ("−", "-"), ("ô", "o"), ("☃", "\\u2603")],
)
def test_what_stands_for_a_character_in_ascii(character, name):
    assert ascii_name(character) == name
    assert f"a{character}b".encode("ascii", ASCII) == f"a{name}b".encode()
    assert character.encode("utf-8", ASCII).decode() == character


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("1e9", 10**9),
        ("3.0", 3),
        ("1E3", 1000),
        ("12e-1", None),
        ("2.5", None),
        ("-1", None),
        ("1e400", None),
        *((text, None) for text in ("inf", "nan", "ten", "", "1")),
        ("1e300", 10**300),
        ("2", 2),
    ],
)
def test_whole_numbers(text, number):
    if number is not None:
        assert whole_number(text, 2) == number
        return
    with pytest.raises(ValueError, match=f"got {text}, expected a whole number ≥ 2"):
        whole_number(text, 2)


def test_help_needs_neither_jax_nor_sympy():
    code = (
        "import sys; from thermo_ideal.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'jax', 'sympy', 'matplotlib'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "reproduce" in result.stdout


def test_results_open(quick):
    assert set(open_results(quick.folder / "results.zarr").children) == {"fixed-elr", "fixed-lr", "fixed-sphere"}


def test_derive_prints_steps_and_result(capsys):
    assert status("derive", "radius", "--protocol", "fixed-lr") == 0
    text = capsys.readouterr().out
    assert "the radius is deterministic: Itô's lemma on |W|" in text
    assert "relaxation_rate    4*eta*lambda" in text
    assert status("derive", "radius", "--protocol", "fixed-lr", "--latex") == 0
    assert capsys.readouterr().out.startswith("\\begin{align*}")
    assert status("derive", "gas", "--markdown", "--dimension", "3") == 0
    assert "$$p = \\frac{T}{V}$$" in capsys.readouterr().out


def test_derive_as_json(capsys):
    assert status("derive", "maxwell", "--protocol", "fixed-elr", "--json", "--verify") == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert record["result"]["hyperparameters"]["text"] == "d(S)/d(log(lambda))|eta_eff = 1/2 - d/2"
    assert "residuals vanish" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["heat"], "topic: got 'heat', expected one of sgd"),
        (["radius"], "protocol: got None, expected one of fixed-lr"),
        (["gas", "--protocol", "fixed-lr"], "does not depend on the protocol"),
        (["radius", "--protocol", "fixed-lr", "--json", "--latex"], "more than one of --latex"),
        (["radius", "--protocol", "fixed-lr", "--dimension", "1"], "dimension: got 1"),
        (
            ["radius", "--protocol", "fixed-lr", "--dimension", "2.5"],
            "--dimension: got 2.5, expected a whole number ≥ 2",
        ),
        (["radius", "--protocol", "fixed-lr", "--dimension", "inf"], "--dimension: got inf, expected a whole number"),
    ],
)
def test_derive_refuses(capsys, arguments, message):
    assert status("derive", *arguments) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_derive_fails_where_a_step_does(capsys, monkeypatch):
    def fail(self):
        raise VerificationError("step 3 fails")

    monkeypatch.setattr("thermo_ideal.symbolic.Derivation.verify", fail)
    assert status("derive", "gas", "--verify") == 1
    assert "step 3 fails" in capsys.readouterr().err


def test_help_names_every_topic(capsys):
    assert status("derive", "--help") == 0
    words = capsys.readouterr().out.replace("│", " ").split()
    assert set(TOPICS) <= {word.strip(",.") for word in words}


def test_a_reader_that_goes_away_is_no_error():
    command = [
        sys.executable,
        "-c",
        "from thermo_ideal.cli import main; main(['derive', 'sgd', '--protocol', 'fixed-lr'])",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
