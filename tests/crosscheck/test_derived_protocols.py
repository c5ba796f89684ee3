"""Protocols of `dynamics` as arguments of `symbolic`, which goes by the name that they carry."""

import pytest

from tests.support.systems import ProportionalLearningRate
from thermo_ideal import symbolic
from thermo_ideal.dynamics import FixedEffectiveLearningRate, FixedLearningRate, FixedSphere
from thermo_ideal.symbolic import derive, gas

PROTOCOLS = {
    "fixed-lr": FixedLearningRate(learning_rate=0.1, weight_decay=0.01),
    "fixed-elr": FixedEffectiveLearningRate(effective_learning_rate=0.1, weight_decay=0.01),
    "fixed-sphere": FixedSphere(effective_learning_rate=0.1, radius=2.0),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_an_object_and_its_class_stand_for_their_name(name):
    for protocol in (PROTOCOLS[name], type(PROTOCOLS[name])):
        assert derive(protocol) == derive(name)
        assert symbolic.discrete_radius(protocol, order=1) == symbolic.discrete_radius(name, order=1)
        assert symbolic.zonal_chain(protocol) == symbolic.zonal_chain(name)
        assert gas.maxwell_relations(protocol) == gas.maxwell_relations(name)
        assert symbolic.derivation("radius", protocol) == symbolic.derivation("radius", name)
    others = [other for other in PROTOCOLS if other != name]
    assert all(derive(PROTOCOLS[name]) != derive(other) for other in others)


def test_schedules_are_functions_of_time():
    protocol = FixedLearningRate(lambda step: 0.1 / (1 + step), 0.01)
    assert derive(protocol) == derive("fixed-lr", time_dependent=("learning_rate",))
    both = derive("fixed-lr", time_dependent=("weight_decay", "learning_rate"))
    assert derive(protocol, time_dependent="weight_decay").result == both.result
    warming = FixedSphere(0.1, radius=lambda step: 1.0 + step)
    assert derive(warming) == derive("fixed-sphere", time_dependent=("radius",)) != derive("fixed-sphere")


def test_what_is_derived_is_what_the_protocol_does():
    """`symbolic` has the symbols, `dynamics` the numbers."""
    for name, protocol in list(PROTOCOLS.items())[:2]:
        values = {word: float(getattr(protocol, word)) for word in protocol.hyperparameters()}
        derived = derive(protocol).evaluate("stationary_radius", noise_scale=0.5, dimension=5, **values)
        assert abs(float(protocol.stationary_radius(0.25 * 4)) / derived - 1) < 1e-6, name


def test_a_protocol_that_is_not_known():
    own = ProportionalLearningRate(0.2, 0.1)
    known = r"expected one of 'fixed-lr', 'fixed-elr', 'fixed-sphere', or an object of that name, as in Fixed"
    for make in (derive, symbolic.discrete_radius, symbolic.zonal_chain, gas.maxwell_relations):
        with pytest.raises(ValueError, match=rf"^protocol: got .*, whose name is 'proportional-lr', {known}"):
            make(own)
    with pytest.raises(ValueError, match=rf"^protocol: got 'sgd', {known}"):
        derive("sgd")
    with pytest.raises(ValueError, match=r"^protocol: got .*expected one of fixed-lr, .*'radius', 'fixed-lr'"):
        symbolic.derivation("radius", own)
    with pytest.raises(ValueError, match="where the volume is given"):
        gas.volume_fluctuations(PROTOCOLS["fixed-sphere"])
