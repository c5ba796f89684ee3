"""SGD with momentum and either kind of weight decay: what its stationary radius, temperature and angle are."""

import math
from dataclasses import dataclass
from typing import Literal

Decay = Literal["coupled", "decoupled"]
"""`torch.optim.SGD(weight_decay=…)` and `optax.add_decayed_weights` before `optax.sgd` are coupled: the decay goes
through the momentum. That of Keras's optimisers, `torch.optim.AdamW` and `optax.adamw` is decoupled: `w ← w − ηλw`
beside it."""


@dataclass(frozen=True)
class UpdateRule:
    r"""Heavy ball: `v ← βv + g` (coupled: `+ λw`), `w ← w − ηv` (decoupled: `− ηλw`).

    Args:
        learning_rate: `η`.
        weight_decay: `λ`.
        momentum: `β`.
        decay: "coupled" or "decoupled".
    """

    learning_rate: float
    weight_decay: float
    momentum: float
    decay: Decay

    @property
    def gas_learning_rate(self) -> float:
        """`η/(1 − β)`: that of the SGD without momentum that has the same gas."""
        return self.learning_rate / (1 - self.momentum)

    @property
    def pressure(self) -> float:
        """`λ`, or `λ(1 − β)` where it is decoupled."""
        return self.weight_decay * (1.0 if self.decay == "coupled" else 1 - self.momentum)

    @property
    def gain(self) -> float:
        r"""`K` of the stationary second moments `E r² = K E|g|²`, exact in discrete time for noise and `g ⟂ w`.

        Coupled `K = η/(λ(1 − β)(2 − ηλ/(1 + β)))`; decoupled, with `a = 1 − ηλ`,
        `K = η²(1 + aβ)/((1 − a²)(1 − β²)(1 − aβ))`. Without momentum both are `η/(λ(2 − ηλ))`, for any gradient.
        """
        eta, lam, beta = self.learning_rate, self.weight_decay, self.momentum
        if self.decay == "coupled":
            return eta / (lam * (1 - beta) * (2 - eta * lam / (1 + beta)))
        a = 1 - eta * lam
        return eta * (1 + a * beta) / (lam * (2 - eta * lam) * (1 - beta**2) * (1 - a * beta))

    @property
    def angle(self) -> float:
        """Of one step in equilibrium, `η(K(1 − β²))^{-1/2}`; coupled and small, `(2ηλ/(1 + β))^{1/2}`."""
        return self.learning_rate / math.sqrt(self.gain * (1 - self.momentum**2))

    @property
    def relaxation_rate(self) -> float:
        """Of `r⁴` per step, `4ηp/(1 − β)`."""
        return 4 * self.gas_learning_rate * self.pressure
