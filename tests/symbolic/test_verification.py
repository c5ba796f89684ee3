"""What a verification must reject, case by case: each of these passed once, or could where a check looks too little."""

import dataclasses
import functools

import pytest
import sympy as sp

from thermo_ideal import symbolic
from thermo_ideal.symbolic import TOPICS, VerificationError, discrete_radius
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._random_point import RandomPoint
from thermo_ideal.symbolic.derivations._sphere import LAPLACIAN

derivation = functools.cache(symbolic.derivation)
PROTOCOLS = ["fixed-lr", "fixed-elr", "fixed-sphere"]
PARTS_OF_SGD = {"radius", "direction", "temperature", "equation-of-state"}
WHOLE = [
    (topic, protocol)
    for topic, entry in TOPICS.items()
    if topic not in PARTS_OF_SGD
    for protocol in entry.protocols or (None,)
]
T = n.TEMPERATURE
# A symbol that cancels at d = 3: with a number in its place the equation is the same.
CANCELLED = {
    ("zonal", "fixed-sphere", "next_overlap", n.RADIUS),
    ("von-mises-fisher", None, "heat_capacity_volume_low", T),
}


def alone(derived, name, right):
    """The step of that name with another right side, and nothing else."""
    step = derived[name]
    step = dataclasses.replace(step, equation=sp.Eq(step.equation.lhs, right, evaluate=False), uses=())
    return dataclasses.replace(derived, steps=(step,), result={})


def check_rejected(derived, name, right, where="fails at d = "):
    with pytest.raises(VerificationError, match=where):
        alone(derived, name, right).verify()


@pytest.mark.parametrize("extra", ["7", "T", "dT**2", "dT*dV", "dp", "dmu", "log(2)", "R*dT/1000"])
def test_a_differential_has_no_other_terms(extra):
    derived = derivation("response")
    symbols = {s.name: s for s in derived["gibbs_duhem"].equation.free_symbols} | {"T": T, "dV": sp.Symbol("dV")}
    right = derived["gibbs_duhem"].equation.rhs + sp.sympify(extra, locals=symbols)
    assert alone(derived, "gibbs_duhem", derived["gibbs_duhem"].equation.rhs).verify() > 0
    check_rejected(derived, "gibbs_duhem", right)


def test_an_unstable_fixed_point_of_the_discrete_radius_is_rejected():
    derived = discrete_radius("fixed-elr")
    stable = derived.result["balance"]
    rate, decay = n.EFFECTIVE_LEARNING_RATE, n.WEIGHT_DECAY
    unstable = 2 / (rate * decay) - stable
    # It is positive, and the second moment is constant there; only that steps lead away from it tells it apart.
    moment = derived.result["second_moment"].subs(n.RADIUS, sp.sqrt(unstable))
    assert sp.simplify(sp.expand(moment - unstable)) == 0
    check_rejected(derived, "balance", unstable)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("term", ["x**6", "x**9/1000", "1/x", "sin(x)", "exp(-1/x)"])
def test_a_series_in_the_learning_rate_has_no_other_terms(protocol, term):
    derived = derivation("discrete", protocol)
    rate = n.LEARNING_RATE if protocol == "fixed-lr" else n.EFFECTIVE_LEARNING_RATE
    check_rejected(derived, "series", derived.result["series"] + sp.sympify(term).subs(sp.Symbol("x"), rate))


def test_a_series_is_not_that_of_the_other_root():
    """`r = 0` solves the equation of the fixed point to every order."""
    derived = derivation("discrete", "fixed-elr")
    check_rejected(derived, "series", n.EFFECTIVE_LEARNING_RATE**6)


@pytest.mark.parametrize("quantity", ["internal_energy", "heat_capacity_volume", "direction_entropy"])
@pytest.mark.parametrize(("end", "term"), [("low", T**7), ("low", T * sp.log(T)), ("high", T**-9), ("high", sp.log(T))])
def test_a_series_in_the_temperature_has_no_other_terms(quantity, end, term):
    derived = derivation("von-mises-fisher")
    check_rejected(derived, f"{quantity}_{end}", derived.result[f"{quantity}_{end}"] + term)


@pytest.mark.parametrize(("topic", "protocol"), WHOLE)
def test_a_number_in_the_place_of_a_symbol_is_rejected(topic, protocol):
    """The value of the symbol at the first point, where the equation holds; it fails at the second."""
    derived = derivation(topic, protocol)
    derived = dataclasses.replace(derived, numerical_check=functools.cache(derived.numerical_check))
    values, count = RandomPoint(3, 0).values, 0
    for step in derived.steps:
        for symbol in sorted(step.equation.rhs.free_symbols & values.keys() - {n.MOMENTUM_FACTOR}, key=str):
            if (topic, protocol, step.name, symbol) in CANCELLED:
                assert sp.simplify(sp.diff(step.equation.rhs.subs(n.DIMENSION, 3), symbol)) == 0
                continue
            right = step.equation.rhs.subs(symbol, values[symbol])
            with pytest.raises(VerificationError, match="fails at d = 3"):
                alone(derived, step.name, right).verify((3,))
            count += 1
    assert count >= 2


def test_points_are_random_and_can_be_repeated():
    first, second = RandomPoint(3, 0), RandomPoint(3, 1)
    assert first.values == RandomPoint(3, 0).values
    assert all(first.values[symbol] != second.values[symbol] for symbol in first.values)
    for point in (first, second):
        assert len(set(point.values.values())) == len(point.values)
    derived = derivation("equation-of-state", "fixed-elr")
    assert derived.verify((3,), points=3, seed=5) == derived.verify((3,), points=3) > derived.verify((3,))
    with pytest.raises(ValueError, match=r"points: got 1, expected an integer ≥ 2, as in verify\(points=2\)"):
        derived.verify(points=1)


def test_a_step_uses_what_was_stated_before():
    derived = derivation("sgd", "fixed-elr")
    without = dataclasses.replace(derived, steps=tuple(s for s in derived.steps if s.name != "laplacian"))
    with pytest.raises(VerificationError, match=r"uses 'laplacian', which no step before it states"):
        without.verify((2,))
    backwards = dataclasses.replace(derived, steps=derived.steps[::-1], result={})
    with pytest.raises(VerificationError, match="which no step before it states"):
        backwards.verify((2,))
    twice = dataclasses.replace(derived, steps=(*derived.steps, derived.steps[0]))
    with pytest.raises(VerificationError, match="has the name 'step' of a step before it"):
        twice.verify((2,))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_noise_is_the_laplacian_of_the_sphere(protocol):
    derived = derivation("sgd", protocol)
    rate, d = n.EFFECTIVE_LEARNING_RATE**2 * n.NOISE_SCALE**2 / 2, n.DIMENSION
    step = derived["laplacian"]
    assert step.equation.rhs == rate * LAPLACIAN
    drift, hessian = sorted(step.equation.lhs.args, key=lambda term: not term.has(d - 1))
    assert hessian.has(sp.KroneckerDelta)
    # Without Itô's drift, or with that of another dimension, it is no Laplacian.
    for wrong in (hessian, drift * (d - 2) / (d - 1) + hessian, -drift + hessian):
        mutant = dataclasses.replace(step, equation=sp.Eq(wrong, step.equation.rhs), uses=())
        with pytest.raises(VerificationError, match="fails at d = 2"):
            dataclasses.replace(derived, steps=(mutant,), result={}).verify()
    temperature = "instantaneous_temperature" if protocol == "fixed-lr" else "temperature"
    assert {"laplacian", "reference_measure"} <= set(derived.towards("stationary_density")[temperature].uses)


def test_the_mean_over_a_sphere_is_that_of_random_directions():
    """The two sides of Green's identity by brute force, on S³."""
    import numpy as np

    from thermo_ideal.symbolic.derivations._sphere import _functions, _green_means

    w = sp.symbols("w1:5", real=True)
    f, h = _functions(w)
    gradients = sp.lambdify(w, [[sp.diff(g, x) for x in w] for g in (f, h)], "numpy")
    draws = np.random.default_rng(3).normal(size=(4, 2_000_000))
    x = draws / np.linalg.norm(draws, axis=0)
    slopes = [np.stack([s + 0 * x[0] for s in slope]) for slope in gradients(*x)]
    a, b = (slope - x * (slope * x).sum(0) for slope in slopes)
    products = (a * b).sum(0)
    symmetric, dirichlet = (float(mean) for mean in _green_means(4))
    assert symmetric == -dirichlet
    error = products.std() / np.sqrt(products.size)
    assert abs(products.mean() - dirichlet) < 5 * error
    assert abs(products.mean() - 1.2 * dirichlet) > 5 * error


@pytest.mark.parametrize(("topic", "protocol"), WHOLE)
def test_every_step_says_what_kind_it_is(topic, protocol):
    derived = derivation(topic, protocol)
    for step, record in zip(derived.steps, derived.to_dict()["steps"], strict=True):
        assert record["kind"] == step.kind
        assert f"{step.because} [{step.kind}]" in derived.text()
        assert f"*[{step.kind}]*" in step._repr_markdown_()
    assert "derivation" in {step.kind for step in derived.steps}


def test_what_sgd_assumes():
    def assumed(derived):
        return {step.name for step in derived.steps if step.kind == "assumption"}

    assert assumed(derivation("sgd", "fixed-lr")) == {"step", "weights", "scale_invariance", "isotropic_noise"}
    assert assumed(derivation("general-noise", "fixed-lr")) == {"step", "weights", "scale_invariance"}
    assert "small_steps" in assumed(derivation("momentum", "fixed-elr"))
    assert "weights" not in assumed(derivation("discrete", "fixed-lr"))
    step = derivation("sgd", "fixed-lr")["noise_trace"]
    with pytest.raises(ValueError, match="kind: got 'guess', expected one of 'derivation'"):
        dataclasses.replace(step, kind="guess")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_diffusion_has_mean_and_covariance_of_a_step(protocol):
    """The SDE of another step size, or without the decay, is not SGD's."""
    derived = derivation("general-noise", protocol)
    equation = derived["weights"].equation
    for wrong in (equation.rhs * 2, equation.rhs - n.DT * n.WEIGHTS[n.FREE_INDEX], equation.rhs.subs(n.DT, 0)):
        check_rejected(derived, "weights", wrong)
