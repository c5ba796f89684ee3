"""SGD as drift and diffusion: a loss, a gradient noise and a protocol. No time loop."""

from thermo_ideal.dynamics._adamw import AdamW
from thermo_ideal.dynamics._heavy_ball import HeavyBall
from thermo_ideal.dynamics._hyperball import Hyperball
from thermo_ideal.dynamics._losses import (
    AbstractLoss,
    AbstractZonalLoss,
    VonMisesFisherLoss,
    ZonalLoss,
)
from thermo_ideal.dynamics._nesterov import Nesterov
from thermo_ideal.dynamics._noise import AbstractNoise, AnisotropicNoise, CustomNoise, IsotropicNoise
from thermo_ideal.dynamics._protocols import (
    AbstractProtocol,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
)
from thermo_ideal.dynamics._scale_invariant_loss import ScaleInvariantLoss
from thermo_ideal.dynamics._schedules import TabulatedSchedule
from thermo_ideal.dynamics._sgd import SGD
from thermo_ideal.dynamics._small_steps import SmallSteps
from thermo_ideal.dynamics._spiked_noise import spiked_noise
from thermo_ideal.dynamics._temperature import effective_learning_rate, temperature
from thermo_ideal.dynamics._update_rules import AbstractUpdateRule, PlainUpdate

__all__ = [
    "SGD",
    "AbstractLoss",
    "AbstractNoise",
    "AbstractProtocol",
    "AbstractUpdateRule",
    "AbstractZonalLoss",
    "AdamW",
    "AnisotropicNoise",
    "CustomNoise",
    "FixedEffectiveLearningRate",
    "FixedLearningRate",
    "FixedSphere",
    "HeavyBall",
    "Hyperball",
    "IsotropicNoise",
    "Nesterov",
    "PlainUpdate",
    "ScaleInvariantLoss",
    "SmallSteps",
    "TabulatedSchedule",
    "VonMisesFisherLoss",
    "ZonalLoss",
    "effective_learning_rate",
    "spiked_noise",
    "temperature",
]
