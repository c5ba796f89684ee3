"""`thermo-ideal advise`: its numbers are those of `advise`, groups are apart, its refusals help."""

import json

import numpy as np
import pytest

from thermo_ideal.cli import main
from thermo_ideal.dynamics import AdamW, FixedLearningRate, FixedSphere, HeavyBall, Hyperball, Nesterov
from thermo_ideal.thermodynamics import advise

SGD = "--params 11e6 --optimizer sgd --momentum 0.9 --lr 0.1 --wd 5e-4 --batch 128"
ADAMW = "--params 124e6 --optimizer adamw --lr 6e-4 --wd 0.1"


def status(words):
    with pytest.raises(SystemExit) as stop:
        main(["advise", *words.split()])
    return stop.value.code


@pytest.fixture
def record(capsys):
    def ask(words):
        assert status(f"{words} --json") == 0
        return json.loads(capsys.readouterr().out)

    return ask


@pytest.mark.parametrize(
    ("words", "protocol", "rule", "given"),
    [
        (f"{SGD} --norm 50", FixedLearningRate(0.1, 5e-4), HeavyBall(0.9), {"norm": 50.0, "batch": 128}),
        (
            f"{ADAMW} --beta1 0.8 --beta2 0.95 --independent --noise-trace 3 --curvature 2",
            *(FixedLearningRate(6e-4, 0.1), AdamW(0.8, 0.95, independent=True)),
            {"noise_trace": 3.0, "curvature": 2.0},
        ),
        ("--params 101 --optimizer nesterov --lr 0.1 --wd 5e-4", FixedLearningRate(0.1, 5e-4), Nesterov(0.9), {}),
        (
            "--params 101 --optimizer hyperball --lr 0.01 --norm 3 --momentum 0.5 --noise-trace 100",
            *(FixedSphere(0.01, 3.0), Hyperball(0.5), {"norm": 3.0, "noise_trace": 100.0}),
        ),
    ],
)
def test_numbers_are_those_of_advise(record, words, protocol, rule, given):
    found = record(words)
    expected = advise(protocol, rule, dimension=float(words.split()[1]), **given).to_dict()
    assert found.keys() == expected.keys()
    assert found["rows"].keys() == expected["rows"].keys()
    for word, row in expected["rows"].items():
        assert np.isclose(found["rows"][word]["value"], row["value"], rtol=1e-6), word
        assert found["rows"][word]["formula"] == row["formula"]
    assert any("clipping is outside" in text for text in found["assumptions"])


def test_a_schedule_with_a_warmup(record):
    """From 0 up to the learning rate, and as a cosine down to the last one."""
    found = record(f"{ADAMW} --schedule cosine --steps 6e5 --warmup 2000 --final-lr 6e-5")["schedule"]
    assert found["num_steps"] == 600_000
    steps = np.arange(2000, 600_000)
    rates = 6e-5 + 5.4e-4 * (1 + np.cos(np.pi * (steps - 2000) / 598_000)) / 2
    times = 2 * 0.1 * (rates.sum() + 6e-4 * 1000)
    assert np.isclose(found["relaxation_times"], times, rtol=1e-3)
    assert found["frozen_at"] is None
    assert np.isclose(found["last_stationary_radius"], np.sqrt(0.1), rtol=1e-4)


@pytest.mark.parametrize(("name", "mean"), [("constant", 1.0), ("linear", 0.5), ("wsd", 0.9)])
def test_schedules_by_name(record, name, mean):
    found = record(f"--params 101 --lr 0.1 --wd 0.01 --schedule {name} --steps 10000")["schedule"]
    assert np.isclose(found["relaxation_times"], 4 * 0.1 * 0.01 * 10_000 * mean, rtol=1e-3)


def test_groups_are_apart(record):
    words = "--lr 0.1 --wd 5e-4 --momentum 0.9"
    both = record(f"{words} --params a=864 b=36864 --norm a=2 b=5")
    assert list(both) == ["a", "b"]
    assert both["b"] == record(f"{words} --params 36864 --norm 5")
    assert both["a"]["rows"]["temperature"]["value"] != both["b"]["rows"]["temperature"]["value"]


def test_as_text(capsys):
    assert status(f"{SGD} --norm 50 --schedule cosine --steps 90e3") == 0
    text = capsys.readouterr().out
    for part in ("1.1364e-07", "λ ∝ η^-1, so λ = 0.001 at η = 0.05", "frozen from step", "adamw", "must be small"):
        assert part in text
    assert status("--params a=864 --lr 0.1 --wd 5e-4") == 0
    text = capsys.readouterr().out
    assert text.startswith("a\n")
    assert "cannot be said: temperature; give the noise trace" in " ".join(text.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "--params: got nothing, expected one number, or NAME=NUMBER"),
        ("--params 10 a=5 --lr 0.1 --wd 0.1", "--params: got a number and groups"),
        ("--params 2.5 --lr 0.1 --wd 0.1", "--params: got 2.5, expected a whole number ≥ 2"),
        ("--params a=5 a=6 --lr 0.1 --wd 0.1", "--params: got 'a=6', expected one NAME=NUMBER for each group"),
        ("--params 10 --wd 0.1", "--lr: got nothing, expected a number > 0; type thermo-ideal advise"),
        ("--params 10 --lr 0.1", "--wd: got nothing"),
        ("--params 10 --lr 0.1 --wd 0.1 --beta1 0.9", "--beta1: got one for --optimizer sgd, which takes --wd and"),
        ("--params 10 --lr 0.1 --wd 0.1 --norm x", "--norm: got 'x', expected a number > 0"),
        ("--params 10 --lr 0.1 --wd 0.1 --norm 0", "--norm: got 0, expected a number > 0"),
        ("--params a=9 b=9 --lr 0.1 --wd 0.1 --norm a=1", "--norm: got a=1, expected one for each of --params; type"),
        ("--params 10 --lr 0.1 --optimizer hyperball", "--norm: got nothing, expected one for each"),
        ("--params 10 --lr 0.1 --wd 0.1 --steps 10", "--schedule, --steps: got one without the other"),
        ("--params 10 --lr 0.1 --wd 0.1 --schedule linear --steps 5 --warmup 5", "--warmup: got 5, expected fewer"),
        ("--params 10 --lr 0.1 --wd 0.1 --momentum 1", "momentum: got 1.0, expected a number from 0 to below 1"),
    ],
)
def test_refusals(capsys, words, message):
    assert status(words) == 2
    assert message in " ".join(capsys.readouterr().err.split())
