"""`thermo-ideal analyse`: one JSON object, files in a folder, and refusals that say what to type."""

import json

import pytest

from thermo_ideal.cli import main


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    rows = (f"{10 * i},2.5,{3 + i % 7 / 10},{1 + i % 5 / 10}" for i in range(200))
    path.write_text("\n".join(["step,params/l2,grad_norm,loss", *rows]))
    return path


def status(*words):
    with pytest.raises(SystemExit) as stop:
        main(["analyse", *map(str, words)])
    return stop.value.code


def test_json_and_folder(log, tmp_path, capsys):
    options = ["--columns", "weight_norm=params/l2", "--lr", 0.1, "--wd", 0.05, "--momentum", 0.5, "--batch", 128]
    assert status(log, *options, "--json", "--out", tmp_path / "gas") == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert text.isascii()
    assert found["columns"]["weight_norm"] == "params/l2"
    assert json.loads((tmp_path / "gas" / "report.json").read_text()) == found
    assert (tmp_path / "gas" / "figure.png").stat().st_size > 1000
    assert "pV/RT" in (tmp_path / "gas" / "report.txt").read_text(encoding="utf-8")
    assert status(log, *options, "--out", tmp_path / "gas") == 2
    assert "--overwrite" in capsys.readouterr().err


def test_table(log, capsys):
    assert status(log, "--columns", "weight_norm=params/l2", "--lr", 0.1, "--wd", 0.05) == 0
    printed = capsys.readouterr().out
    assert "compressibility" in printed
    assert "cannot be said" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--columns", "weight_norm"], "--columns weight_norm=weight_norm"),
        (["--columns", "weight_norm=a", "weight_norm=b"], "got weight_norm twice"),
        (["--columns", "weight_norm=params/l1"], "--columns weight_norm=params/l2"),
        (["--momentum", "1"], "--momentum 0.9"),
    ],
)
def test_refusals(log, words, message, capsys):
    assert status(log, *words) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert status(tmp_path / "none.csv") == 2
    assert "none.csv" in capsys.readouterr().err.replace("\n", "")
