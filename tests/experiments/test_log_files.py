"""Logs in the forms that people have, and files that are none: each is read, or refused with the line to type."""

import gzip
import json
import time

import numpy as np
import pytest

from thermo_ideal.experiments import analyse_log
from thermo_ideal.experiments._log_stationarity import stationarity

LIGHTNING = """epoch,grad_2.0_norm_total,lr-SGD,step,train_loss,val_loss,weight_norm
0,2.31,0.1,49,1.92,,18.31
0,1.87,0.1,99,1.55,,18.12
0,,,99,,1.48,
1,1.66,0.1,149,1.31,,17.90
1,nan,0.1,199,1.22,,17.71
1,,,199,,1.25,
"""
TRAINER = {
    "log_history": [
        *(
            {"epoch": i / 8, "grad_norm": 5.0 + i % 3, "learning_rate": 1e-5 / (i + 1), "loss": 1.0, "step": 5 * i}
            for i in range(20)
        ),
        {"epoch": 2.0, "eval_loss": 0.03, "step": 80},
    ],
    "max_steps": 80,
}
HEADER = "step,weight_norm,grad_norm\n"
ROWS = "".join(f"{i},{2 + i % 2 / 10},{3 + i % 3 / 10}\n" for i in range(40))


@pytest.fixture
def log(tmp_path):
    def write(content, name="log.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_lightning(log):
    found = analyse_log(log(LIGHTNING), weight_decay=5e-4)
    assert found.columns["gradient_norm"] == "grad_2.0_norm_total"
    assert found.columns["learning_rate"] == "lr-SGD"
    series = found["all"].series
    assert series.step.values.tolist() == [49, 99, 149, 199]
    np.testing.assert_array_equal(series.gradient_norm, [2.31, 1.87, 1.66, np.nan])
    assert found["all"].regime == "unknown"


def test_hugging_face(log):
    found = analyse_log(log(json.dumps(TRAINER), "trainer_state.json"), weight_decay=0.01)
    assert found["all"].series.sizes["step"] == 20
    assert any("weight_norm" in sentence for sentence in found["all"].missing)
    assert any("schedule" in sentence for sentence in found["all"].missing)


def test_json_lines_with_slashes_nesting_and_a_torn_last_line(log):
    rows = [{"_step": i, "train": {"loss": 1.0}, "train/grad_norm": 1.0 + i % 2, "params/l2": 2.0} for i in range(30)]
    text = "\n".join(map(json.dumps, rows)) + '\n{"_step": 30, "tr'
    found = analyse_log(log(text, "log.jsonl"), columns={"weight_norm": "params/l2"})
    assert found.columns == {
        "weight_norm": "params/l2",
        "step": "_step",
        "loss": "train/loss",
        "gradient_norm": "train/grad_norm",
    }
    with pytest.raises(ValueError, match=r"line 2: .*expected JSON"):
        analyse_log(log('{"step": 1}\noops\n{"step": 2}\n', "log.jsonl"))


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + HEADER + ROWS).encode(),
        gzip.compress((HEADER + ROWS).encode()),
        (HEADER + ROWS).replace(",", "\t").encode(),
        (HEADER + ROWS).replace(",", ";").replace(".", ",").encode(),
        (HEADER + ROWS).replace("\n", "\r\n").encode(),
        (HEADER + ROWS).encode("utf-16"),
        (HEADER + ROWS + "40,2.0").encode(),
    ],
    ids=["BOM", "gzip", "tabs", "decimal commas", "CRLF", "UTF-16", "torn last line"],
)
def test_the_same_log_in_other_clothes(log, content):
    series = analyse_log(log(content))["all"].series.isel(step=slice(40))
    np.testing.assert_allclose(series.weight_norm, [2 + i % 2 / 10 for i in range(40)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty file"),
        (HEADER, "got a header without rows"),
        ("step,loss\na,b\n", "line 2, column 'step': got 'a'"),
        ("step,loss,loss\n1,2,3\n", "line 1: got column 'loss' 2 times"),
        ("step,loss\n1,2,3\n4,5\n", "line 2: got 3 cells, expected 2"),
        ("step,loss\n1,2\n2,oops\n", "line 3, column 'loss': got 'oops'"),
        ("step,x\n1,2\n", "--columns weight_norm=step"),
        ("step,train/loss,train_loss\n1,2,3\n", "--columns loss=train/loss"),
        ("step,weight_norm\n1,-2\n", "expected norms >= 0"),
        ("[1, 2]", "JSON without rows"),
        (b"\x1f\x8b\x00\x00", "broken gzip"),
        (b"step\n\xff\xfe\xfa", "line 2: got bytes"),
    ],
)
def test_what_is_no_log_is_refused(log, content, message):
    with pytest.raises(ValueError, match=r"log\.csv") as error:
        analyse_log(log(content))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"weight_norm": "weight_nrom"}}, "--columns weight_norm=weight_norm"),
        ({"columns": {"radius": "weight_norm"}}, "expected one of step, epoch"),
        ({"groups": {"weight_norm": "weight_norm"}}, "--groups weight_norm=norm/{}"),
        ({"groups": {"weight_norm": "x/{}"}}, "got no column that fits"),
        ({"learning_rate": float("nan")}, "--lr 0.1"),
        ({"weight_decay": -1.0}, "--wd 5e-4"),
        ({"momentum": 1.0}, "--momentum 0.9"),
        ({"dimension": 1}, "--dim 43692"),
    ],
)
def test_options_out_of_range_are_refused(log, options, message):
    with pytest.raises(ValueError, match="got") as error:
        analyse_log(log(HEADER + ROWS), **options)
    assert message in str(error.value)


def test_a_restart_counts_from_its_first_step(log):
    text = HEADER + "".join(f"{i},2,3\n" for i in range(30)) + "".join(f"{i},4,5\n" for i in range(20, 40))
    found = analyse_log(log(text))
    assert found["all"].series.weight_norm.values.tolist() == [2.0] * 20 + [4.0] * 20
    assert any("10 rows that a restart repeats" in note for note in found.notes)


def test_processes_are_averaged_by_squares(log):
    found = analyse_log(log(HEADER + "0,2,3\n0,2,4\n1,2,3\n1,2,4\n"))
    np.testing.assert_allclose(found["all"].series.gradient_norm, np.sqrt(12.5))
    assert "rows of one step" in found.notes[0]


def test_epochs_only(log):
    text = "epoch,weight_norm,grad_norm\n" + "".join(f"{i},2,{3 + i % 2}\n" for i in range(40))
    found = analyse_log(log(text), learning_rate=0.1, weight_decay=0.1)
    assert any("--steps-per-epoch" in sentence for sentence in found["all"].missing)
    found = analyse_log(log(text), learning_rate=0.1, weight_decay=0.1, steps_per_epoch=100)
    assert found["all"].series.step.values[-1] == 3900


def test_one_row_says_what_it_needs(log):
    gas = analyse_log(log(HEADER + "1,2,3\n"), learning_rate=0.1, weight_decay=0.1)["all"]
    assert gas.regime == "unknown"
    assert any("at least 4 rows" in sentence for sentence in gas.missing)


def test_a_million_rows_take_seconds(log):
    rng = np.random.default_rng(0)
    lines = [f"{i},2.5,{g:.6g}" for i, g in enumerate(rng.gamma(25.0, 0.1, 10**6))]
    path = log(HEADER + "\n".join(lines))
    started = time.process_time()
    found = analyse_log(path, learning_rate=0.1, weight_decay=0.05)
    assert time.process_time() - started < 15
    assert found["all"].regime == "stationary"


def test_equilibration_keeps_its_level_and_sees_a_drift():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(300, 400))
    accepted = [stationarity(row).stationary for row in noise]
    assert np.mean(accepted) > 0.98
    drifting = [stationarity(row + np.linspace(0, 6, 400)).stationary for row in noise]
    assert np.mean(drifting) < 0.1  # a power, by design no level
    start = stationarity(noise[0] + 30 * np.exp(-np.arange(400) / 20)).start
    assert 40 <= start <= 160
