"""`thermo-ideal sweep`: a real process that is killed, and exit statuses."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.sweeps import content
from thermo_ideal.cli import main
from thermo_ideal.sweeps import Sweep, open_results, run

SPEC = """\
experiment = "stationary"
integrator = "zonal"
dimension = 1000
replicas = 16
num_steps = 400_000
stride = 4
block_points = 1

[[grids]]
protocol = "fixed-elr"
effective_learning_rate = [0.01, 0.02, 0.03, 0.04]
weight_decay = 0.1
"""
SHORT = SPEC.replace("400_000", "4000")


def status(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    return stop.value.code


@pytest.fixture
def short(tmp_path):
    (tmp_path / "short.toml").write_text(SHORT)
    return tmp_path / "short.toml"


def start(spec, folder):
    words = ["sweep", "run", str(spec), "--out", str(folder), "--checkpoint-interval", "0.05"]
    code = f"from thermo_ideal.cli import main; main({words!r})"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for_a_checkpoint(folder, process):
    until = time.monotonic() + 100
    while time.monotonic() < until and process.poll() is None:
        if any((folder / "checkpoints").glob("[0-9]*.npz")):
            return
        time.sleep(0.01)
    pytest.fail(f"no checkpoint: {process.stderr.read()}")


def test_a_process_that_is_terminated_and_one_that_is_killed(tmp_path):
    (tmp_path / "sweep.toml").write_text(SPEC)
    sweep, folder = Sweep.from_toml(SPEC), tmp_path / "run"
    run(sweep, tmp_path / "whole")
    with start(tmp_path / "sweep.toml", folder) as process:
        wait_for_a_checkpoint(folder, process)
        process.terminate()
        assert process.wait() == 75, process.stderr.read()
    assert status("sweep", "status", folder) == 3
    left = {path.name for path in (folder / "checkpoints").iterdir()}
    assert left
    with start(tmp_path / "sweep.toml", folder) as process:
        wait_for_a_checkpoint(folder, process)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    open_results(folder)
    run(sweep, folder)
    for name in ("results.zarr", "blocks.zarr"):
        assert content(folder / name) == content(tmp_path / "whole" / name)


def test_run_status_and_merge(short, tmp_path, capsys):
    out = tmp_path / "out"
    assert status("sweep", "run", short, "--out", out, "--shard", "1/2", "--json") == 3
    assert json.loads(capsys.readouterr().out)["shards"]["1-of-2"]["finished"] == 2
    assert status("sweep", "merge", short, "--out", out) == 3
    assert status("sweep", "run", short, "--out", out) == 0
    assert status("sweep", "status", out, "--json") == 0
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index("{") :])["complete"]
    assert status("sweep", "run", short, "--out", out, "--seed", "1") == 2
    assert "seed: 0 there, 1 here" in capsys.readouterr().err
    assert open_results(out)["fixed-elr"]["loss"].sizes == {
        "effective_learning_rate": 4,
        "weight_decay": 1,
        "replica": 16,
    }


def test_plan(short, capsys):
    assert status("sweep", "plan", short, "--seconds", "0.1", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["runs"], made["blocks"], made["steps"]) == (64, 4, 256_000)
    assert made["seconds"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nowhere.toml", "--out", "x"], "nowhere.toml"),
        (["run", "{spec}", "--out", "x", "--shard", "2"], "--shard: got 2, expected the number of the part"),
        (["run", "{spec}", "--out", "x", "--shard", "3/2"], "shard: got 3 of 2"),
        (["status", "nowhere"], "got no manifest.json"),
        (["merge", "{spec}", "--out", "nowhere"], "got no shard"),
        (["run", "{wrong}", "--out", "x"], "line 4: replicas: got -1"),
    ],
)
def test_refusals(words, message, short, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.toml").write_text(SHORT.replace("= 16", "= -1"))
    assert status("sweep", *(word.format(spec=short, wrong=tmp_path / "wrong.toml") for word in words)) == 2
    assert message in " ".join(capsys.readouterr().err.split())
