"""A run that becomes NaN or infinite is told, and costs no other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.systems import OBLIQUE, toy
from thermo_ideal.dynamics import FixedLearningRate
from thermo_ideal.integrators import EulerMaruyama, Save, simulate

KEY = jax.random.key(33)
BAD = (1, 2)
SAVE = Save(positions=2, histogram=4, histograms={"radius": np.linspace(0, 4, 9)}, covariances=[("loss", "radius")])


def run(rate=1e30, num_steps=200, **change):
    """Four runs of which the third has another learning rate, and its steps grow by a factor each."""
    rates = np.full((2, 3), 0.1)
    rates[BAD] = rate
    integrator = EulerMaruyama(toy(FixedLearningRate(rates, 0.1), mean_direction=OBLIQUE))
    arguments = {"burn_in": 8, "stride": 2, "save": SAVE, "chunk_size": 32} | change
    return simulate(KEY, integrator, jnp.ones((2, 3, 3)), num_steps, **arguments)


def assert_same(one, other, but=()):
    keep = np.ones((2, 3), bool)
    keep[but] = not but
    np.testing.assert_array_equal(one.position[keep], other.position[keep])
    np.testing.assert_array_equal(one.samples[:, keep], other.samples[:, keep])
    np.testing.assert_array_equal(one.histogram.counts[:, keep], other.histogram.counts[:, keep])
    for name in one.moments:
        for of in ("mean", "variance", "minimum", "maximum", "standard_error", "autocorrelation_time"):
            a, b = (getattr(each, of)(name)[keep] for each in (one, other))
            np.testing.assert_array_equal(a, b, err_msg=f"{of} of {name}")
    np.testing.assert_array_equal(one.covariance("loss", "radius")[keep], other.covariance("loss", "radius")[keep])


@pytest.mark.parametrize("rate", [1e30, 25.0])
def test_the_others_go_on_with_the_same_bits(rate):
    """Within the first steps, and after some chunks: at `ηλ = 2.5` the radius grows by half in a step."""
    good, bad = run(0.1), run(rate)
    assert_same(good, bad, but=BAD)
    assert not good.diverged_at.any()
    assert good.divergences == {}
    assert np.count_nonzero(bad.diverged_at) == 1
    assert list(bad.divergences) == [BAD]
    assert "NaN: 1 of them" in repr(bad)


def test_the_step_is_that_of_the_first_number_that_is_not_finite():
    found = run(25.0, stride=1, save=1, burn_in=0)
    # The volume r²/2 is the first of what is measured to be infinite.
    with np.errstate(over="ignore"):
        volume = (np.linalg.norm(run_in_double(found), axis=-1) ** 2 / 2).astype(np.float32)
    step = 1 + int(np.argmax(~np.isfinite(volume)))
    assert found.diverged_at[BAD] == step > 32
    assert f"became NaN or infinite at step {step}; lower its learning rate" in found.divergences[BAD]
    assert "run (1, 2) (" in found.divergences[BAD]
    assert "learning_rate = 25" in found.divergences[BAD]
    after = np.isnan(found.samples[(slice(None), *BAD)]).any(axis=-1)
    np.testing.assert_array_equal(after, np.arange(1, 201) >= step)
    strided = run(25.0, stride=4, save=4).divergences[BAD]
    last = -(-step // 4) * 4
    assert f"between steps {last - 3} and {last};" in strided


def run_in_double(found):
    """Positions of the run that diverges, as far as they go; infinite beyond."""
    return np.nan_to_num(found.samples[(slice(None), *BAD)].astype(np.float64), nan=1e30)


def test_nothing_that_looks_like_a_number_is_left():
    bad = run()
    for name in bad.moments:
        for of in ("mean", "variance", "minimum", "maximum", "standard_error", "autocorrelation_time"):
            value = getattr(bad, of)(name)
            assert np.isnan(value[BAD]), (of, name)
            assert not np.isnan(value[0]).any(), (of, name)
    assert np.isnan(bad.covariance("loss", "radius")[BAD])
    assert np.isnan(bad.position[BAD]).all()
    assert bad.histogram.counts[(slice(None), *BAD)].sum() == 0
    quantile = bad.histogram.quantile(0.5)
    assert np.isnan(quantile[BAD])
    assert np.isfinite(quantile[0]).all()
    assert np.isnan(bad.histograms["radius"].density[(slice(None), *BAD)]).all()


def test_an_observable_of_ones_own_costs_itself_alone():
    """`log w₀` is NaN where `w₀ < 0`; what its run does is known all the same."""
    plain, own = run(0.1), run(0.1, observe={"log": lambda w: jnp.log(w[0]), "first": lambda w: w[0]})
    for name in plain.moments:
        np.testing.assert_array_equal(plain.mean(name), own.mean(name))
    assert not own.diverged_at.any()
    negative = own.minimum("first") < 0
    assert negative.any()
    np.testing.assert_array_equal(np.isnan(own.mean("log"))[negative], True)
    run_, reason = next(iter(own.divergences.items()))
    assert reason.startswith(f"observe['log'] of run {run_} (")
    with pytest.raises(FloatingPointError, match=r"observe\['log'\] of run"):
        run(0.1, observe={"log": lambda w: jnp.log(w[0])}, on_divergence="raise")


def test_it_is_kept_with_the_run(tmp_path):
    whole = run(25.0)
    half = run(25.0, 160)
    assert half.diverged_at[BAD] > 0
    file = tmp_path / "run.npz"
    run(25.0, 160, checkpoint=file)
    for again in (run(25.0, resume=half), run(25.0, checkpoint=file)):
        assert_same(whole, again)
        np.testing.assert_array_equal(whole.diverged_at, again.diverged_at)
        assert whole.divergences == again.divergences


def test_raise_is_the_other_choice(tmp_path):
    with pytest.raises(FloatingPointError, match=r"run \(1, 2\) \(.*learning_rate = 1e\+30.*\) became NaN"):
        run(on_divergence="raise")
    # What the others have done until then is not lost.
    file = tmp_path / "run.npz"
    with pytest.raises(FloatingPointError, match="became NaN"):
        run(25.0, on_divergence="raise", checkpoint=file)
    with pytest.raises(FloatingPointError, match="became NaN"):
        run(25.0, on_divergence="raise", checkpoint=file)
    assert_same(run(25.0), run(25.0, checkpoint=file))
    with pytest.raises(ValueError, match=r"on_divergence: got 'ignore', expected \"nan\" or \"raise\""):
        run(on_divergence="ignore")


def test_a_batch_of_which_none_is_left_ends():
    integrator = EulerMaruyama(toy(FixedLearningRate(np.array([1e30, 1e25]), 0.1), mean_direction=OBLIQUE))
    result = simulate(KEY, integrator, jnp.ones(3), 10**9, chunk_size=64)
    assert result.num_steps == 64
    assert (result.diverged_at > 0).all()
    assert len(result.divergences) == 2
    assert "nan" in repr(result)
