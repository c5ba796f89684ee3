"""Tables cell by cell, and figures point by point, against numbers worked out from the dataset alone."""

import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from tests.support.datasets import POINTS, REPLICAS, SAMPLES, exact_dataset, exact_law
from tests.support.statistics import assert_rejects
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.reports import _tables, toy_figures
from thermo_ideal.verification import (
    REQUIREMENTS,
    maxwell_sides,
    measured_potentials,
    scan_spacing,
    verify,
)
from thermo_ideal.verification._neighbour_calibration import neighbour_calibration

KINDS = (FixedEffectiveLearningRate, FixedLearningRate, FixedSphere)


@pytest.fixture(scope="module")
def world():
    """Datasets of the three protocols, the exact laws they were made of, their verdict and its figures."""
    made = {kind.name: exact_law(kind) for kind in KINDS}
    data = {kind.name: exact_dataset(kind, seed) for seed, kind in enumerate(KINDS)}
    tree = xr.DataTree.from_dict({f"/{name}": dataset for name, dataset in data.items()})
    verdict = verify(tree, protocols=KINDS, requirements=REQUIREMENTS[1:])
    return made, data, verdict, toy_figures(verdict)


def rates(data):
    """`η_eff` and `r` at every grid point, of `pV = RT` at d = 3, σ = 1: `r⁴ = η/λ`, or `r² = η_eff/λ`."""
    first, second = (data[name].to_numpy() for name in list(data.dims)[:2])
    first, second = np.meshgrid(first, second, indexing="ij")
    if data.attrs["protocol"] == "fixed-lr":
        return np.sqrt(first * second), (first / second) ** 0.25
    return first, second if data.attrs["protocol"] == "fixed-sphere" else np.sqrt(first / second)


def measured(data, symbol):
    """A quantity of each run."""
    values = {name: data[name].to_numpy() for name in data.data_vars}
    return {
        "U": lambda: values["loss"],
        "S_dir": lambda: values["direction_entropy"],
        "S_kNN": lambda: values["direction_entropy_knn"],
        "S": lambda: values["direction_entropy"] + 2 * values["log_radius"],
        "r": lambda: values["radius"],
        "p": lambda: values["effective_weight_decay"],
        "V": lambda: values["volume"],
        "Var L": lambda: (
            values["energy_variance"]
            + (values["loss"] - values["loss"].mean(axis=-1, keepdims=True)) ** 2 * REPLICAS / (REPLICAS - 1)
        ),
    }[symbol]()


def predicted(data, symbol):
    """Of the SDE: the von Mises–Fisher law at d = 3 in closed form."""
    eta, r = rates(data)
    T = eta / 2
    kappa = 1 / T
    energy = 1 - 1 / np.tanh(kappa) + T
    # Up to the constant, log Z = log(4π sinh κ/κ); the depth counts from the minimum.
    direction = np.log(2 * np.pi * T * -np.expm1(-2 * kappa)) + energy / T
    return {
        "U": energy,
        "S_dir": direction,
        "S_kNN": direction + bias(T),
        "Var L": T**2 - 4 * np.exp(-2 * kappa) / np.expm1(-2 * kappa) ** 2,
        "V": r**2 / 2,
        "S": direction + 2 * np.log(r),
        "r": r,
        "p": 2 * T / r**2,
    }[symbol]


def mean_and_error(values):
    return values.mean(axis=-1), values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])


def scores(values, exact):
    """Student's t of the replicas, as the normal score of the same probability."""
    mean, error = mean_and_error(values)
    t = (mean - exact) / error
    return np.sign(t) * stats.norm.isf(stats.t.sf(np.abs(t), values.shape[-1] - 1))


def bias(temperature):
    """Of nearest neighbours, on exact samples."""
    return neighbour_calibration(3, SAMPLES, temperature).at(temperature)[0]


def exact(law, symbol, temperature):
    return {
        "U": lambda: law.mean_loss,
        "S_dir": lambda: law.direction_entropy,
        "S_kNN": lambda: law.direction_entropy + bias(temperature),
        "S": lambda: law.direction_entropy + 2 * law.mean_log_radius,
        "r": lambda: law.mean_radius,
        "V": lambda: law.mean_volume,
        "p": lambda: law.pressure,
    }[symbol]()


def number(text):
    """The value and the error of what is printed as 0.0123(4) or 0.5."""
    value, digits, error = re.fullmatch(r"(-?\d+(?:\.(\d+))?)(?:\((\d+)\))?(?:e-?\d+)?", text).groups()
    power = float(text[text.index("e") + 1 :]) if "e" in text else 0.0
    return float(value) * 10**power, float(error or 0) * 10.0 ** (power - len(digits or ""))


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_the_cells_of_a_comparison(world, name):
    made, data, verdict, _ = world
    table = _tables.comparison_table(verdict.comparisons[name])
    heads = [column.header for column in table.columns]
    assert heads == ["", "simulated", "SDE", "discrete", "|Δ|", "max |Δ|", "rms z", "max", "|z|<4"]
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    mechanical = ["p"] if name == "fixed-sphere" else ["r", "V"]
    assert [row[0] for row in rows] == ["U", "Var L", "S_dir", "S_kNN", "S", *mechanical]
    middle = POINTS // 2, POINTS // 2
    for symbol, simulated, sde, discrete, median, largest, rms, most, share in rows:
        runs, theory = measured(data[name], symbol), predicted(data[name], symbol)
        if symbol == "Var L":  # whose exact value is not one of the law's
            law = verdict.comparisons[name].quantities[symbol].exact
        else:
            law = exact(made[name], symbol, rates(data[name])[0] / 2)
        value, error = (x[middle] for x in mean_and_error(runs))
        shown, shown_error = number(simulated)
        assert abs(shown - value) < 0.51 * error
        assert shown_error == pytest.approx(error, rel=0.5)
        assert float(sde) == pytest.approx(theory[middle], rel=1e-3)
        assert float(discrete) == pytest.approx(law[middle], rel=1e-3)
        apart = np.abs(runs.mean(axis=-1) - theory) / (1 if symbol.startswith("S") else theory)
        assert float(median) == pytest.approx(np.median(apart), abs=6e-5)
        assert float(largest) == pytest.approx(apart.max(), abs=6e-5)
        z = scores(runs, law)
        assert float(rms) == pytest.approx(np.sqrt((z**2).mean()), abs=6e-3)
        assert float(most) == pytest.approx(np.abs(z).max(), abs=6e-2)
        assert share == f"{(np.abs(z) < 4).mean():.0%}"


def test_the_cells_of_slopes_and_requirements(world):
    _, _, verdict, _ = world
    rows = list(zip(*(column.cells for column in _tables.slopes_table(verdict).columns), strict=True))
    slopes = [slope for found in verdict.slopes.values() for slope in found]
    assert len(rows) == len(slopes) == 5
    for slope, (name, found, paper, theory, discrete, z) in zip(slopes, rows, strict=True):
        assert name == slope.name
        assert (paper == "–") == (slope.paper is None)
        for text, value in ((found, (slope.value, slope.standard_error)), (paper, slope.paper)):
            if value is None:
                continue
            shown, error = number(text)
            assert shown == pytest.approx(value[0], abs=6e-5)
            assert error == pytest.approx(value[1], abs=6e-5)
        assert float(theory) == slope.theory
        assert float(discrete) == pytest.approx(slope.exact, abs=6e-5)
        assert float(z) == pytest.approx((slope.value - slope.theory) / slope.standard_error, abs=0.06)
    for name, expected in verdict.rows.items():
        table = _tables._requirements(name, expected)
        assert name in table.title
        for row, cells in zip(expected, zip(*(column.cells for column in table.columns), strict=True), strict=True):
            assert cells[1:] == (row.claim, row.measured, row.bound)
            assert ("pass" in cells[0]) == bool(row.passed)
            assert ("not asked" in cells[0]) == (not row.evaluated)


def drawn(container):
    """Positions, heights and half lengths of the bars of an error-bar plot."""
    line, _, (bars,) = container
    segments = np.array(bars.get_segments())
    return line.get_xdata(), line.get_ydata(), np.ptp(segments[..., 1], axis=1) / 2


def check_curves(ax, data, symbol, along, theory):
    """Every curve of a panel: theory as a line, measurements as points with bars, the other axis in the label."""
    names = list(data.dims)[:2]
    x, other = (data[names[i]].to_numpy() for i in (along, 1 - along))
    value, error = mean_and_error(measured(data, symbol))
    turn = (lambda array: array) if along == 1 else np.transpose
    lines = [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == POINTS]
    assert len(ax.containers) == len(lines) >= 4
    seen = set()
    for line, container in zip(lines, ax.containers, strict=True):
        row = int(np.argmin(np.abs(np.log(other) - np.log(float(container.get_label().split("=")[1])))))
        seen.add(row)
        np.testing.assert_allclose(line.get_xdata(), x)
        np.testing.assert_allclose(line.get_ydata(), turn(theory)[row], rtol=1e-5)
        positions, heights, bars = drawn(container)
        np.testing.assert_allclose(positions, x)
        np.testing.assert_allclose(heights, turn(value)[row], rtol=1e-9)
        np.testing.assert_allclose(bars, turn(error)[row], rtol=1e-6)
    assert {0, len(other) - 1} <= seen
    assert len(seen) == len(lines)


def test_the_points_of_the_equation_of_state_and_of_the_entropy(world):
    _, data, _, figures = world
    for ax, dataset in zip(figures["equation_of_state"].axes, data.values(), strict=True):
        symbol = "p" if dataset.attrs["protocol"] == "fixed-sphere" else "r"
        check_curves(ax, dataset, symbol, 1, predicted(dataset, symbol))
        assert (ax.get_title(), ax.get_xscale(), ax.get_yscale()) == (dataset.attrs["protocol"], "log", "log")
        assert_rejects(check_curves, ax, dataset, symbol, 1, 1.01 * predicted(dataset, symbol))
        assert_rejects(check_curves, ax, dataset, symbol, 0, predicted(dataset, symbol))
    for column, dataset in zip(np.reshape(figures["entropy"].axes, (2, 3)).T, data.values(), strict=True):
        for ax, along in zip(column, (1, 0), strict=True):
            check_curves(ax, dataset, "S", along, predicted(dataset, "S"))
            assert ax.get_ylabel() == "S"


def test_the_points_of_energy_and_entropy(world):
    made, data, _, figures = world
    panels = np.reshape(figures["energy_and_entropy"].axes, (2, 2)).T
    for column, symbol in zip(panels, ("U", "S_dir"), strict=True):
        for i, (name, dataset) in enumerate(data.items()):
            eta, _ = rates(dataset)
            order = np.argsort(eta, axis=None)
            theory = predicted(dataset, symbol).flat[order]
            law = exact(made[name], symbol, eta / 2).flat[order]
            value, error = (x.flat[order] for x in mean_and_error(measured(dataset, symbol)))
            x, heights, bars = drawn(column[0].containers[i])
            np.testing.assert_allclose(x, eta.flat[order], rtol=1e-5)
            np.testing.assert_allclose(np.sort(heights), np.sort(value), rtol=1e-9)
            np.testing.assert_allclose(np.sort(bars), np.sort(error), rtol=1e-6)
            assert column[0].containers[i].get_label() == name
            unit = theory if symbol == "U" else np.ones_like(theory)
            _, heights, bars = drawn(column[1].containers[i])
            np.testing.assert_allclose(np.sort(heights), np.sort((value - theory) / unit), rtol=1e-3, atol=1e-5)
            np.testing.assert_allclose(np.sort(bars), np.sort(error / unit), rtol=1e-4)
            line = [line for line in column[1].lines if len(line.get_xdata()) == order.size and line.get_lw() == 1][i]
            np.testing.assert_allclose(np.sort(line.get_ydata()), np.sort((law - theory) / unit), rtol=1e-3, atol=1e-5)


def test_the_markers_of_the_potentials(world):
    """Each at the state of the least potential, of what is measured."""
    _, data, verdict, figures = world
    for ax, (name, dataset) in zip(figures["potentials"].axes, data.items(), strict=False):
        assert ax.get_title() == name
        values = measured_potentials(verdict.comparisons[name])
        first, second = (dataset[axis].to_numpy() for axis in list(dataset.dims)[:2])
        middle = POINTS // 2
        if name == "fixed-sphere":
            at = np.arange(POINTS) * POINTS + middle
            least = values[np.ix_(at, at)].argmin(axis=1)
            (marks,) = ax.lines
            np.testing.assert_allclose(marks.get_xdata(), first)
            np.testing.assert_allclose(marks.get_ydata(), first[least])
        else:
            least = np.unravel_index(values[middle * POINTS + middle].argmin(), (POINTS, POINTS))
            own, mark = ax.lines
            assert (own.get_xdata()[0], own.get_ydata()[0]) == (second[middle], first[middle])
            assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (second[least[1]], first[least[0]])
            (mesh,) = ax.collections
            shown = np.asarray(mesh.get_array()).reshape(POINTS, POINTS)
            T = rates(dataset)[0][middle, middle] / 2
            surface = values[middle * POINTS + middle].reshape(POINTS, POINTS)
            np.testing.assert_allclose(shown, np.log10(1e-3 + (surface - surface.min()) / T), rtol=1e-5, atol=1e-6)


def check_sides(comparison):
    sides = maxwell_sides(comparison)
    assert sides.theory == 1.0  # R at d = 3
    for mean, exact in zip(sides.means, sides.exact_means, strict=True):
        assert exact == pytest.approx(1.0, abs=0.05)  # which SGD departs from with the size of its steps
        assert abs(mean.z_score(exact)) < 5
    assert abs(sides.z_score) < 5


@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_both_sides_of_the_maxwell_relations(world, name):
    """Against differences worked out by hand at one point, and not with an entropy, or volumes, that are not theirs."""
    _, data, verdict, figures = world
    comparison = verdict.comparisons[name]
    check_sides(comparison)
    sides, entropy = maxwell_sides(comparison), mean_and_error(measured(data[name], "S"))[0]
    x, y = (np.log(data[name][axis].to_numpy()) for axis in list(data[name].dims)[:2])
    by_x, by_y = (entropy[3, 2] - entropy[1, 2]) / (x[3] - x[1]), (entropy[2, 3] - entropy[2, 1]) / (y[3] - y[1])
    # At one temperature: η_eff stays, and V = r²/2; or λ is p; or η falls where λ = p grows.
    expected = {"fixed-sphere": by_y / 2, "fixed-elr": -by_y, "fixed-lr": by_x - by_y}[name]
    assert sides.entropy_side.value[1, 1] == pytest.approx(expected, rel=1e-5)  # powers are of single precision
    for symbol in ("S", "p" if name == "fixed-sphere" else "V"):
        of = comparison.quantities[symbol]
        values = of.simulated.values * 1.1 if symbol == "S" else of.simulated.values**1.1
        wrong = comparison.quantities | {symbol: replace(of, simulated=replace(of.simulated, values=values))}
        assert_rejects(check_sides, replace(comparison, quantities=wrong))
    ax = figures["maxwell_relations"].axes[list(data).index(name)]
    for container, side in zip(ax.containers, (sides.entropy_side, sides.mechanical_side), strict=True):
        np.testing.assert_allclose(drawn(container)[1], side.value.ravel())


def test_the_entropy_at_several_spacings(world):
    """Independent samples have one; what is called an entropy of a path that follows itself has not."""
    _, _, verdict, figures = world
    comparison = verdict.comparisons["fixed-elr"]
    scan = scan_spacing(comparison)
    assert scan.spacings == (1, 2, 5, 10, 20)
    assert scan.is_entropy
    followed = replace(comparison.measurements, depths=np.sort(comparison.measurements.depths, axis=-1))
    assert not scan_spacing(replace(comparison, measurements=followed)).is_entropy
    assert scan_spacing(replace(comparison, measurements=replace(followed, depths=None))) is None
    (ax,) = figures["spacing"].axes
    np.testing.assert_allclose(drawn(ax.containers[0])[1], scan.changes.value)


def test_the_maps_of_residuals_and_the_planes(world):
    _, data, verdict, figures = world
    maps = [ax for ax in figures["residuals"].axes if ax.collections and ax.get_title()]
    wanted = [quantity for one in verdict.comparisons.values() for quantity in one.quantities.values()]
    for ax, quantity in zip(maps, wanted, strict=True):
        shown = np.asarray(ax.collections[0].get_array()).reshape(POINTS, POINTS)
        np.testing.assert_allclose(shown, quantity.z_score)
    upper = figures["state_planes"].axes[:3]
    for ax, (name, dataset) in zip(upper, data.items(), strict=True):
        pressure = predicted(dataset, "p")
        for line in [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == POINTS]:
            rows = np.isclose(pressure, line.get_ydata(), rtol=1e-4).all(axis=1)
            volumes = predicted(dataset, "V")[rows]
            assert any(np.allclose(line.get_xdata(), volume, rtol=1e-4) for volume in volumes), name


def test_what_is_stored_beside_the_measurements(world):
    made, data, verdict, _ = world
    tree = xr.DataTree.from_dict({f"/{name}": dataset for name, dataset in data.items()})
    stored = verdict.beside(tree)
    assert stored.attrs["verdict"] == verdict.summary
    for name, dataset in data.items():
        found = stored[name].to_dataset()
        eta, _ = rates(dataset)
        np.testing.assert_allclose(found["temperature"], eta / 2, rtol=1e-6)
        assert found["stationary"].all()
        assert found["loss"].identical(dataset["loss"])
        mechanical = "effective_weight_decay" if name == "fixed-sphere" else "radius"
        words = {"U": "loss", "S_dir": "direction_entropy", "S_kNN": "direction_entropy_knn"}
        for symbol, word in (words | {"p" if name == "fixed-sphere" else "r": mechanical}).items():
            runs, law = measured(dataset, symbol), exact(made[name], symbol, eta / 2)
            np.testing.assert_allclose(found[f"{word}_theory"], predicted(dataset, symbol), rtol=1e-5)
            np.testing.assert_allclose(found[f"{word}_exact"], law, rtol=1e-6)
            np.testing.assert_allclose(found[f"{word}_z"], scores(runs, law), rtol=1e-3, atol=1e-3)
