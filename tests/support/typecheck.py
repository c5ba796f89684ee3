"""The checker of annotations: beartype, which takes an int for a float as PEP 484 does."""

import random
from unittest import mock

# It looks at one item of a list, a random one, and Hypothesis wants what it draws to leave the common generator alone.
with mock.patch("random.getrandbits", random.Random(0).getrandbits):
    from beartype import BeartypeConf, beartype

    typecheck = beartype(conf=BeartypeConf(is_pep484_tower=True))

    @typecheck
    def first(items: list[int]) -> int:
        """The first that is checked imports what checks."""
        return items[0]
