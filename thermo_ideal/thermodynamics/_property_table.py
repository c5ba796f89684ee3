"""The dictionary, property by property: symbol, formula, and what it is to someone who trains a network."""

from collections.abc import Mapping
from typing import NamedTuple


class Meaning(NamedTuple):
    """A property of a `State` in words.

    Args:
        group: what it is listed under.
        symbol: as in the formulas.
        formula: by other properties, in the language of `State.partial`; empty where thermodynamics has none.
        text: its meaning in optimisation.

    Example:
        >>> from thermo_ideal.thermodynamics import MEANINGS, State, VonMisesFisherGas
        >>> meaning = MEANINGS["pressure"]
        >>> meaning.symbol, meaning.formula
        ('p', '-d(F)/d(V)|T')
        >>> state = State(VonMisesFisherGas(dimension=11), temperature=0.25, volume=0.5)
        >>> float(state.partial(meaning.formula))
        2.5
    """

    group: str
    symbol: str
    formula: str
    text: str


_HYPERPARAMETERS, _STATE, _POTENTIALS = "hyperparameters", "state", "potentials"
_RESPONSE, _FLUCTUATIONS, _RELAXATION = "response", "fluctuations", "relaxation"

MEANINGS: Mapping[str, Meaning] = {
    "learning_rate": Meaning(_HYPERPARAMETERS, "η", "4*T*V/sigma^2", "learning rate"),
    "effective_learning_rate": Meaning(
        _HYPERPARAMETERS, "η_eff", "eta/r^2", "effective learning rate, that of the direction"
    ),
    "weight_decay": Meaning(_HYPERPARAMETERS, "λ", "p", "weight decay; on the sphere, what would hold the radius"),
    "radius": Meaning(_HYPERPARAMETERS, "r", "sqrt(2*V)", "weight norm"),
    "noise_scale": Meaning(
        _HYPERPARAMETERS,
        "σ",
        "sqrt(2*T/eta_eff)",
        "noise of the gradient along one direction, at weight norm 1",
    ),
    "dimension": Meaning(_HYPERPARAMETERS, "d", "2*R + 1", "number of scale-invariant weights"),
    "temperature": Meaning(_STATE, "T", "eta_eff*sigma^2/2", "effective learning rate × σ²/2"),
    "volume": Meaning(_STATE, "V", "r^2/2", "half the squared weight norm"),
    "pressure": Meaning(_STATE, "p", "-d(F)/d(V)|T", "weight decay"),
    "gas_constant": Meaning(_STATE, "R", "(d - 1)/2", "half the degrees of freedom of the direction"),
    "compressibility_factor": Meaning(
        _STATE, "Z", "p*V/(R*T)", "balance of weight decay and noise: 1 for every scale-invariant loss"
    ),
    "concentration": Meaning(_STATE, "κ", "1/T", "concentration of the direction about its mean"),
    "entropy": Meaning(_STATE, "S", "-d(F)/d(T)|V", "entropy of the weights on their sphere"),
    "direction_entropy": Meaning(_STATE, "S_dir", "S - (d - 1)*log(r)", "entropy of the direction"),
    "radius_entropy": Meaning(_STATE, "S_r", "(d - 1)*log(r)", "entropy that the weight norm adds"),
    "internal_energy": Meaning(_POTENTIALS, "U", "F + T*S", "mean loss"),
    "helmholtz_energy": Meaning(_POTENTIALS, "F", "U - T*S", "what SGD minimises on a fixed sphere"),
    "enthalpy": Meaning(_POTENTIALS, "H", "U + p*V", "mean of the regularised loss L + λr²/2"),
    "gibbs_energy": Meaning(
        _POTENTIALS, "G", "U - T*S + p*V", "what SGD minimises at a fixed (effective) learning rate and weight decay"
    ),
    "heat_capacity_volume": Meaning(_RESPONSE, "C_V", "d(U)/d(T)|V", "rise of the mean loss with temperature"),
    "heat_capacity_pressure": Meaning(
        _RESPONSE, "C_p", "d(H)/d(T)|p", "rise of the regularised loss with temperature at fixed weight decay"
    ),
    "heat_capacity_ratio": Meaning(
        _RESPONSE, "γ", "C_p/C_V", "exponent of the isentropes, λ ∝ r^(−2γ); 2 where the loss is quadratic"
    ),
    "expansivity": Meaning(
        _RESPONSE, "α", "d(V)/d(T)|p/V", "relative growth of r² with temperature at fixed weight decay"
    ),
    "isothermal_compressibility": Meaning(
        _RESPONSE, "κ_T", "-d(V)/d(p)|T/V", "relative fall of r² with weight decay at fixed effective learning rate"
    ),
    "adiabatic_compressibility": Meaning(
        _RESPONSE, "κ_S", "-d(V)/d(p)|S/V", "the same at fixed entropy; at fixed learning rate where γ = 2"
    ),
    "joule_thomson": Meaning(
        _RESPONSE, "μ_JT", "d(T)/d(p)|H", "change of temperature with weight decay at fixed regularised loss"
    ),
    "energy_variance": Meaning(_FLUCTUATIONS, "Var L", "T^2*C_V", "variance of the loss over a stationary run"),
    "piston_volume_variance": Meaning(
        _FLUCTUATIONS, "Var V, piston", "T*V*kappa_T", "what r²/2 of SGD does not do: here the analogy ends"
    ),
    "direction_relaxation_rate": Meaning(_RELAXATION, "rate of w̄", "", "decay per step of the direction's memory"),
}

# Methods of a state that ask for the protocol.
PROTOCOL_MEANINGS: Mapping[str, Meaning] = {
    "volume_variance": Meaning(_FLUCTUATIONS, "Var V", "", "variance of r²/2 over a stationary run, to leading order"),
    "radius_relaxation_rate": Meaning(
        _RELAXATION, "rate of r", "", "decay per step of a small departure from the stationary radius"
    ),
}
