"""The derivations give the theory, hold in concrete cases, and are rejected when a step is changed."""

import dataclasses
import functools

import pytest
import sympy as sp

from thermo_ideal import symbolic
from thermo_ideal.symbolic import TOPICS, VerificationError, discrete_radius, zonal_chain
from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.gas import Partial

derivation, derive = functools.cache(symbolic.derivation), functools.cache(symbolic.derive)
PROTOCOLS = ["fixed-lr", "fixed-elr", "fixed-sphere"]
CASES = [(topic, protocol) for topic, entry in TOPICS.items() for protocol in entry.protocols or (None,)]
PARTS_OF_SGD = {"radius", "direction", "temperature", "equation-of-state"}
WHOLE = [case for case in CASES if case[0] not in PARTS_OF_SGD]
eta, elr, lam, r, tau, sigma, d, t, beta = (
    n.LEARNING_RATE,
    n.EFFECTIVE_LEARNING_RATE,
    n.WEIGHT_DECAY,
    n.RADIUS,
    n.NOISE_TRACE,
    n.NOISE_SCALE,
    n.DIMENSION,
    n.TIME,
    n.MOMENTUM,
)


@pytest.mark.parametrize(("topic", "protocol"), WHOLE)
def test_every_step_holds_in_concrete_cases(topic, protocol):
    derived = derivation(topic, protocol)
    assert derived.verify((2, 3, 4)) >= 3 * len(derived.steps)


@pytest.mark.parametrize(
    ("protocol", "drift"),
    [
        ("fixed-lr", -eta * lam * r + eta**2 * tau / (2 * r**3)),
        ("fixed-elr", -elr * lam * r**3 + elr**2 * r * tau / 2),
        ("fixed-sphere", 0),
    ],
)
def test_radius(protocol, drift):
    equation = derive(protocol, "general").result["radius_sde"]
    assert sp.expand(equation.rhs - drift * n.DT) == 0


@pytest.mark.parametrize(("protocol", "step"), [("fixed-lr", eta / r**2), ("fixed-elr", elr), ("fixed-sphere", elr)])
def test_direction(protocol, step):
    i, k = n.FREE_INDEX, n.NOISE_INDEX
    drift = -step * n.DIRECTION_GRADIENT[i] - step**2 * tau * n.DIRECTION[i] / 2
    noise = step * sp.Sum(n.DIRECTION_NOISE_ROOT[i, k] * n.DB[k], (k, 1, d))
    equation = derive(protocol, "general").result["direction_sde"]
    assert sp.expand(equation.rhs - drift * n.DT - noise) == 0


def test_closed_forms_of_the_radius():
    r0 = n.INITIAL_RADIUS
    fixed = eta * tau / (2 * lam)
    solution = derive("fixed-lr", "general").result["radius_solution"]
    assert sp.simplify(solution.rhs - fixed - (r0**4 - fixed) * sp.exp(-4 * eta * lam * t)) == 0
    fixed = elr * tau / (2 * lam)
    solution = derive("fixed-elr", "general").result["radius_solution"]
    assert sp.simplify(solution.rhs - fixed / (1 + (fixed / r0**2 - 1) * sp.exp(-(elr**2) * tau * t))) == 0


def test_thermodynamics():
    fixed_lr, fixed_elr, sphere = (derive(protocol).result for protocol in PROTOCOLS)
    assert sp.simplify(fixed_lr["stationary_radius"] ** 4 - eta * sigma**2 * (d - 1) / (2 * lam)) == 0
    assert sp.simplify(fixed_lr["temperature"] ** 2 - eta * lam * sigma**2 / (2 * (d - 1))) == 0
    assert fixed_lr["relaxation_rate"] == 4 * eta * lam
    assert sp.simplify(fixed_elr["stationary_radius"] ** 2 - elr * sigma**2 * (d - 1) / (2 * lam)) == 0
    assert fixed_elr["temperature"] == elr * sigma**2 / 2
    assert sp.simplify(sphere["pressure"] - (d - 1) * sphere["temperature"] / r**2) == 0
    for result in (fixed_lr, fixed_elr, sphere):
        equation = result["equation_of_state"]
        assert equation.lhs == n.PRESSURE * n.VOLUME
        assert sp.simplify(equation.rhs - (d - 1) / 2 * n.TEMPERATURE) == 0


def test_schedules_reduce_to_constants():
    """The quadratures at constant hyperparameters are the closed forms."""
    for protocol in ("fixed-lr", "fixed-elr"):
        constant = derive(protocol, "general").result["radius_solution"].rhs
        rate = "learning_rate" if protocol == "fixed-lr" else "effective_learning_rate"
        quadrature = derive(protocol, "general", time_dependent=(rate, "weight_decay")).result["radius_solution"].rhs
        for symbol in (eta, elr, lam):
            quadrature = quadrature.replace(n.scheduled(symbol).func, lambda _, value=symbol: value)
        assert sp.simplify(quadrature.doit() - constant) == 0


def test_a_schedule_may_keep_some_hyperparameters_constant():
    result = derive("fixed-lr", time_dependent=("weight_decay",)).result
    assert result["temperature"].has(n.scheduled(lam))
    assert not result["temperature"].has(n.scheduled(eta))


def test_a_sphere_that_grows_needs_less_weight_decay():
    result = derive("fixed-sphere", time_dependent=("radius",)).result
    path = n.scheduled(r)
    assert result["radius_sde"].rhs == sp.diff(path, t) * n.DT
    difference = result["pressure"].subs(r, path) - result["effective_weight_decay"]
    assert sp.simplify(difference - sp.diff(path, t) / (elr * path**3)) == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_momentum_multiplies_the_learning_rate(protocol):
    plain, heavy = derive(protocol).result, derive(protocol, momentum=True).result
    for name in ("temperature", "stationary_radius", "relaxation_rate", "pressure"):
        if name in plain:
            faster = plain[name].subs({eta: eta / (1 - beta), elr: elr / (1 - beta)})
            assert (faster / heavy[name]).subs({beta: sp.Rational(3, 4)}).equals(1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_discrete_balance_tends_to_the_sde(protocol):
    derived, continuous = discrete_radius(protocol), derive(protocol, "general").result
    name = "pressure" if protocol == "fixed-sphere" else "stationary_radius"
    sde = continuous[name] if protocol == "fixed-sphere" else continuous[name] ** 2
    rate = eta if protocol == "fixed-lr" else elr
    ratio = (derived.result["balance"] / sde).subs(n.GRADIENT_NORM, 0)
    assert sp.limit(ratio, rate, 0) == 1
    series = derived.result["series"].subs(n.GRADIENT_NORM, 0)
    assert sp.expand(sp.series(ratio, rate, 0, 2).removeO() - series).coeff(rate, 1) == 0


def test_zonal_chain_is_the_step_in_radius_and_overlap():
    """The step in radius and overlap, with the toy loss: f' = −1."""
    result = zonal_chain("fixed-lr").result
    m, s, a, q, slope = sp.symbols("m s a q f'")
    named = {symbol: symbol for symbol in (m, s, a, q, slope)}
    par, tan, perp2 = (1 - eta * lam) * r, eta / r * (s - sigma * a), (eta * sigma / r) ** 2 * q

    def by_name(expression):
        return expression.subs({x: y for x in expression.free_symbols for y in named if x.name == y.name})

    radius = by_name(result["next_radius"]).subs(slope, -1)
    assert sp.expand(radius**2 - par**2 - tan**2 - perp2) == 0
    overlap = by_name(result["next_overlap"]).subs(slope, -1)
    assert sp.simplify(overlap * radius - par * m - tan * s) == 0


def test_explicit_dimension():
    derived = derive("fixed-lr", dimension=3)
    assert derived.verify() > 0
    assert sp.simplify(derived.result["temperature"] - sp.sqrt(eta * lam) * sigma / 2) == 0
    assert derivation("zonal", "fixed-lr", 5).result["degrees_of_freedom"] == 3


def wrong_expressions(expression):
    """Not quite the same: a factor, a sign, a term, an exponent, a coefficient, the dimension."""
    if expression == 0:
        yield from (sp.S.One, n.DT, 5 * n.DB[1])
        return
    yield 2 * expression
    yield -expression
    yield expression * sp.Rational(1001, 1000)
    terms = sp.Add.make_args(expression)
    if len(terms) > 1:
        yield from (expression - 2 * terms[0], expression - terms[-1])
    # What is held fixed in a partial derivative may as well be squared or negative.
    for symbol in () if expression.has(Partial) else (eta, elr, lam, sigma, beta, n.TEMPERATURE, n.VOLUME):
        if expression.has(symbol):
            yield expression.subs(symbol, symbol**2)
    if expression.has(d) and not expression.has(sp.Sum):
        yield expression.subs(d, d + 1)


def mutations(equation):
    """Wrong versions of an equation, on the right and on the left."""
    for wrong in wrong_expressions(equation.rhs):
        yield sp.Eq(equation.lhs, wrong, evaluate=False)
    for wrong in (2 * equation.lhs, -equation.lhs, equation.lhs**2):
        if not (wrong == 0 or equation.rhs == 0 or equation.rhs == 1):
            yield sp.Eq(wrong, equation.rhs, evaluate=False)


@pytest.mark.parametrize(("topic", "protocol"), WHOLE)
def test_every_mutated_step_is_rejected(topic, protocol):
    derived, count = derivation(topic, protocol), 0
    derived = dataclasses.replace(derived, numerical_check=functools.cache(derived.numerical_check))
    for step in derived.steps:
        for wrong in mutations(step.equation):
            alone = dataclasses.replace(step, equation=wrong, uses=())
            mutant = dataclasses.replace(derived, steps=(alone,), result={})
            with pytest.raises(VerificationError, match=r"step 1 .* fails at d = [45]"):
                mutant.verify((4, 5))  # at d = 3 the series end, and log Γ(d/2) is 0 at d = 4
            count += 1
    assert count >= 10


def test_every_result_is_what_its_step_states():
    for topic, protocol in WHOLE:
        derived = derivation(topic, protocol)
        for name in derived.result:
            mutant = dataclasses.replace(derived, result={**derived.result, name: sp.Integer(5)})
            with pytest.raises(VerificationError, match=f"result {name!r}: 5 is not what its step states"):
                mutant.verify((3,))


def test_a_check_that_breaks_is_a_failure():
    derived = derive("fixed-lr")
    step = dataclasses.replace(derived["radius_solution"], equation=sp.Eq(sp.Symbol("y"), 1), uses=())
    with pytest.raises(VerificationError, match=r"step 1 .* fails at d = 3"):
        dataclasses.replace(derived, steps=(step,), result={}).verify((3,))


@pytest.mark.parametrize(("topic", "protocol"), CASES)
def test_latex_sets_claims_as_text(topic, protocol):
    assert not [step.claim for step in derivation(topic, protocol).steps if set(step.claim) & set("^_{}\\$#&%~")]


def test_a_failure_names_the_step():
    derived = derive("fixed-lr")
    steps = list(derived.steps)
    steps[7] = dataclasses.replace(steps[7], equation=sp.Eq(n.DR, steps[7].equation.rhs * 2))
    derived = dataclasses.replace(derived, steps=tuple(steps), result={})
    with pytest.raises(VerificationError, match=r"step 8 \(the radius is deterministic\) fails at d = 2"):
        derived.verify()


@pytest.mark.parametrize(("topic", "protocol"), CASES)
def test_steps_rest_on_earlier_steps(topic, protocol):
    seen = set()
    for step in derivation(topic, protocol).steps:
        assert set(step.uses) <= seen
        assert step.name not in seen
        seen.add(step.name)


def test_part_of_a_derivation():
    whole = derive("fixed-lr")
    part = whole.towards("temperature")
    names = {step.name for step in part.steps}
    assert {"direction_sde", "stationary_radius", "noise_trace"} <= names
    assert not {"unit_norm", "equation_of_state", "radius_solution"} & names
    assert part.result == {"temperature": whole.result["temperature"]}
    assert part.verify((2,)) > 0
    with pytest.raises(KeyError, match=r"'volume' is not a step of .* it has step, weights"):
        whole.towards("volume")


def test_printing():
    derived = derive("fixed-elr")
    assert derived.latex().startswith(r"\begin{align*}")
    assert r"\bar{w}" in derived.latex()
    markdown = derived._repr_markdown_()
    assert all(step.claim in markdown for step in derived.steps)
    assert "(from 2, 4, 6, 5, 7)" in markdown
    assert derived.text().count("\n") > 2 * len(derived.steps)
    record = derived.to_dict()
    assert record["result"]["temperature"] == {
        "text": "eta_eff*sigma**2/2",
        "latex": r"\frac{\eta_\text{eff} \sigma^{2}}{2}",
        "srepr": sp.srepr(elr * sigma**2 / 2),
    }
    assert [step["name"] for step in record["steps"]] == [step.name for step in derived.steps]


@pytest.mark.parametrize(("topic", "protocol"), CASES)
def test_every_symbol_has_a_meaning(topic, protocol):
    derived = derivation(topic, protocol)
    obvious = {"i", "k", "dt", "dr", "dT", "dR", "dp", "dmu", "d|wbar|^2", "E|W-z|^2/r^2", "ratio", "+"}
    obvious |= {"E r'^2", "E dr^2/dt", "E[dm]", "E[m'-m]", "E[m'-m]^2", "d[m,m]"}
    atoms = set().union(*(step.equation.atoms(sp.Symbol, sp.IndexedBase) for step in derived.steps))
    assert {atom.name for atom in atoms} - obvious <= set(derived.symbols())
    text = derived.text()
    assert all(meaning in text for meaning in derived.symbols().values())


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("fixed-speed",), {}, "protocol: got 'fixed-speed', expected one of 'fixed-lr'"),
        (("fixed-lr", "pink"), {}, "noise: got 'pink', expected one of 'isotropic'"),
        (("fixed-lr", "isotropic", 0), {}, "dimension: got 0"),
        (("fixed-lr", "isotropic", 1), {}, "dimension: got 1, expected an integer ≥ 2"),
        (
            ("fixed-lr",),
            {"time_dependent": ("radius",)},
            "time_dependent: got 'radius', expected some of 'learning_rate'",
        ),
    ],
)
def test_wrong_arguments(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        derive(*arguments, **options)


def test_wrong_topics():
    with pytest.raises(ValueError, match="topic: got 'heat', expected one of sgd, radius"):
        derivation("heat")
    with pytest.raises(ValueError, match="protocol: got None, expected one of fixed-lr, fixed-elr, fixed-sphere"):
        derivation("radius")
    with pytest.raises(ValueError, match="'gas' does not depend on the protocol"):
        derivation("gas", "fixed-lr")
    with pytest.raises(ValueError, match="fixed-sphere', expected one of fixed-lr, fixed-elr for 'fluctuations'"):
        derivation("fluctuations", "fixed-sphere")
    with pytest.raises(ValueError, match="order: got 0"):
        discrete_radius("fixed-lr", order=0)


def test_evaluate_says_what_is_missing():
    derived = derive("fixed-lr")
    with pytest.raises(ValueError, match=r"temperature: .*weight_decay"):
        derived.evaluate("temperature", learning_rate=0.1, noise_scale=1.0, dimension=3)
    with pytest.raises(KeyError, match="stationary_radius"):
        derived.evaluate("volume")
    with pytest.raises(ValueError, match=r"equation_of_state: .* is not a number"):
        derived.evaluate("equation_of_state", dimension=3)
    with pytest.raises(ValueError, match=r"temperature: .* is not a number"):
        derive("fixed-lr", time_dependent=("weight_decay",)).evaluate("temperature", dimension=3)
    with pytest.raises(ValueError, match="dimension: got 99 for a derivation at d = 3"):
        derive("fixed-elr", dimension=3).evaluate("temperature", effective_learning_rate=0.1, dimension=99)
    for name, values in {"internal_energy": {}, "helmholtz_energy": {"volume": 1.0, "dimension": 3}}.items():
        with pytest.raises(ValueError, match=f"{name}: .* has no form in NumPy"):
            derivation("gas").evaluate(name, temperature=0.5, **values)
    with pytest.raises(ValueError, match="lr: got an unknown quantity"):
        derived.evaluate("temperature", lr=0.1)
    with pytest.raises(ValueError, match="dimensions: got"):
        derived.verify((1,))
