"""What an estimate is and how it prints; the results of estimators print as numbers."""

import jax.numpy as jnp
import numpy as np
import pytest

from thermo_ideal.dynamics import AnisotropicNoise
from thermo_ideal.estimators import Estimate, WorkRecord, crooks, isotropy, slow_limit
from thermo_ideal.estimators._estimate import with_error

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.0050312, 0.000042, "0.00503(4)"),
        (-2.4521, 0.0123, "-2.45(1)"),
        (123.4, 2.0, "123(2)"),
        (1.0, 0.0, "1"),
        (1.0, np.nan, "1"),
        (2.4521, 0.0096, "2.45(1)"),
        (1234.0, 30.0, "1234(30)"),
        (5.0312e-9, 4.2e-11, "5.03(4)e-9"),
        (0.123456789, 3e-9, "0.123456789(3)"),
        (0.0, 2e-12, "0(2)e-12"),
    ],
)
def test_with_error(value, error, text):
    assert with_error(value, error) == text


def of(*means, replicas=8):
    """Estimates with these means and the standard errors 0.01."""
    apart = np.arange(replicas) - (replicas - 1) / 2
    apart = apart / apart.std(ddof=1) * 0.01 * replicas**0.5
    return Estimate(np.array(means)[..., None] + apart)


def test_print():
    one = of(0.51234)
    assert np.isclose(one.values.mean(), 0.51234)
    one = Estimate(one.values[0])
    assert str(one) == f"{one}" == "0.51(1)"
    assert repr(one) == "Estimate(0.51(1), replicas=8)"
    assert str(of(1.0, 2.0)) == "[1.00(1), 2.00(1)]"
    grid = Estimate(np.stack([of(1.0, 2.0).values, of(3.0, 4.0).values]))
    assert repr(grid) == "Estimate([[1.00(1), 2.00(1)],\n          [3.00(1), 4.00(1)]], replicas=8)"
    many = of(*range(1000))
    assert repr(many) == "Estimate(0.00(1) … 999.00(1), shape (1000,), replicas=8)"


def test_in_a_notebook():
    assert of(1.0, 2.0)._repr_html_().endswith("<tr><td>1.00(1)</td><td>2.00(1)</td></tr></table>")
    assert "999.00(1)" in of(*range(1000))._repr_html_()
    assert len(of(*range(1000))._repr_html_()) < 200


def test_iteration_is_over_the_first_axis_of_the_grid():
    grid = Estimate(GENERATOR.normal(size=(3, 4, 5)))
    parts = list(grid)
    assert len(parts) == 3
    assert all(part.value.shape == (4,) and part.replicas == 5 for part in parts)
    np.testing.assert_array_equal([part.standard_error for part in parts], grid.standard_error)
    with pytest.raises(ValueError, match=r"estimate: got shape \(\)"):
        list(Estimate(np.arange(3.0)))


def test_one_grid_is_as_good_as_a_list():
    tau = np.array([1.0, 2.0, 4.0, 8.0])
    values = Estimate(0.5 + 3 / tau[:, None] + GENERATOR.normal(scale=0.1, size=(4, 100)))
    grid, single = slow_limit(tau, values), slow_limit(tau, list(values))
    np.testing.assert_array_equal(grid.coefficients, single.coefficients)
    text = str(slow_limit(tau, values, powers=(1, 2), dt=None))
    for term in (0, 1, 2):
        assert with_error(grid.value(term), grid.standard_error(term)) in text
    assert "/τ +" in text
    assert "/τ^2, χ² = " in text
    assert "(degrees of freedom: 1)" in text


def test_results_print_as_numbers():
    found = isotropy(AnisotropicNoise(jnp.array([9.0, 3.0, 1.0])), jnp.eye(3))
    assert str(found) == repr(found)
    for part in ("at 3 directions, d = 3", "τ = 4 … 12 loss^2", "PR = 0.6098 … 0.8"):
        assert part in str(found)
    relation = crooks(GENERATOR.normal(3.0, 1.0, 400), GENERATOR.normal(-2.0, 1.0, 200))
    assert str(relation) == f"Crooks: Δφ = {relation.difference} from 400 forward and 200 reverse works"
    names = ("loss", "radius", "temperature", "pressure", "heat", "entropy_flow", "control_work", "reduced_work")
    series = dict.fromkeys(names, np.ones((3, 2, 4)))
    record = WorkRecord(
        time=np.arange(3.0),
        position=np.ones((3, 2, 4, 2)),
        work=GENERATOR.normal(size=(3, 2, 4)),
        precision=1e-7,
        **series,
    )
    text = str(record)
    assert text.startswith("WorkRecord of 8 trajectories, shape (2, 4), at 3 times from 0 to 2 steps")
    assert f"W = {record.mean('work').values[-1].mean(-1)[0]:.0f}"[:3] in text
    assert "Q = [1, 1] loss" in text
    alone = {name: x[..., 0, 0] for name, x in series.items()}
    single = WorkRecord(time=np.arange(3.0), position=np.ones((3, 2)), work=np.zeros(3), precision=1e-7, **alone)
    assert "W = 0 loss" in str(single)  # without replicas there is no error
    for result in (found, relation, record, single):
        assert "array(" not in repr(result)
        assert len(repr(result)) < 400
