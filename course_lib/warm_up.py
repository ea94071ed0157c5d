"""What lesson 00 asks for, tested: one number doubled, one unit turned into another."""

import math

from torch import Tensor


def double(x: Tensor) -> Tensor:
    """Return every number of x doubled, in a new tensor: (...) → (...). Integers stay integers."""
    return 2 * x


def nats_to_bits(nats: Tensor) -> Tensor:
    """Return amounts of information in bits, given in nats: (...) → (...). One bit is ln 2 nats."""
    return nats / math.log(2)
