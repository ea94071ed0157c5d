"""Positions: how a set of vectors becomes a sequence.

Attention alone does not see order: permute its inputs and its outputs are permuted with them. Three places to tell it:

- added to the embeddings: `LearnedPositions`, `sinusoidal` (Vaswani et al. 2017, §3.5) with its `shift_matrix`
- turned into the queries and keys: `rope` (Su et al. 2021)
- added to the scores, as the `bias` of `course_lib.attention`: `alibi_bias` (Press et al. 2022),
  `RelativePositionBias` (Raffel et al. 2020)

`local_window_mask` is no position encoding: it says which keys are seen, not where they are.
Only `LearnedPositions` and `RelativePositionBias` have parameters. Wherever there are fewer queries than keys, the
queries are the *last* positions, as when text is generated with a cache. Lesson 13 builds each of these.
"""

import math

import torch
from torch import Tensor, nn

from course_lib.arguments import require_at_least, require_counts, require_finite, require_positive


class LearnedPositions(nn.Module):
    """One learned vector for each position, to be added to the embeddings.

    seq_len  number of positions; there is no vector for later ones
    d_model  features of a token

    Parameter: `weight` (seq_len, d_model), drawn with a standard deviation of 0.02 (GPT-2, Radford et al. 2019).
    Raises ValueError for sizes below 1.
    """

    def __init__(self, seq_len: int, d_model: int) -> None:
        super().__init__()
        require_counts(seq_len=seq_len, d_model=d_model)
        self.weight = nn.Parameter(torch.empty(seq_len, d_model))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, n_positions: int, start: int = 0) -> Tensor:
        """Return the vectors of the positions start … start + n_positions − 1: (n_positions, d_model).

        Raises ValueError when the table ends before the last of them.
        """
        end, seq_len = start + n_positions, self.weight.size(0)
        if start < 0 or n_positions < 0 or end > seq_len:
            raise ValueError(
                f"learned positions exist for 0 … {seq_len - 1} only, "
                f"got start = {start} and n_positions = {n_positions}"
            )
        return self.weight[start:end]


def sinusoidal(n_positions: int, d_model: int, device: torch.device | str | None = None) -> Tensor:
    """Return sines and cosines of every position, in wavelengths from 2π to almost 10000·2π positions.

    n_positions  T; any number, there is no table that could end
    d_model      features; pair i (i = 0, 1, …) fills the features 2i (sine) and 2i + 1 (cosine). With an odd
                 d_model the last pair has a sine only
    returns      (T, d_model) float32; PE(t, 2i) = sin(t / 10000^(2i/d_model)), PE(t, 2i + 1) the cosine

    Raises ValueError for a d_model below 1 or a negative n_positions.  §3.5 of Vaswani et al. 2017.

    >>> sinusoidal(2, 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    require_counts(0, n_positions=n_positions)
    angles = _angles(torch.arange(n_positions, device=device), d_model, 10000.0)  # (T, pairs)
    pairs = torch.stack([angles.sin(), angles.cos()], dim=-1).to(device, torch.float32)  # (T, pairs, 2)
    return pairs.flatten(start_dim=1)[:, :d_model]


def shift_matrix(offset: int, d_model: int, device: torch.device | str | None = None) -> Tensor:
    """Return the matrix that moves every sinusoidal position by the same offset.

    offset   positions to move by; may be negative
    d_model  features; even, because a sine without its cosine cannot be shifted
    returns  M (d_model, d_model) float32 with M @ PE(t) = PE(t + offset) for all t: a rotation in each pair

    Raises ValueError for an odd d_model and an offset that is not finite.
    """
    require_finite(offset=offset)
    if d_model % 2:
        raise ValueError(f"d_model must be even, got {d_model}")
    angles = _angles(torch.tensor(offset, dtype=torch.float64), d_model, 10000.0)  # (pairs,)
    cos, sin = (table.to(device, torch.float32) for table in (angles.cos(), angles.sin()))
    # sin(a + b) = cos b · sin a + sin b · cos a, and cos(a + b) = −sin b · sin a + cos b · cos a
    rotations = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], dim=-2)  # (pairs, 2, 2)
    return torch.block_diag(*rotations)


def rope(x: Tensor, positions: Tensor, theta: float = 10000.0, frequencies: Tensor | None = None) -> Tensor:
    """Rotate queries or keys by angles proportional to their positions (rotary position embedding).

    x          (..., T, D) queries or keys, D even
    positions  (T,), or any shape that broadcasts to (..., T): where each vector is. With a cache they start
               at the number of tokens seen; fractions are allowed (position interpolation, Chen et al. 2023)
    theta      the base: pair i turns by position / theta^(2i/D) radians
    frequencies  (D/2,) radians a position of each pair, in place of those of theta: see `yarn_frequencies`
    returns    the rotated x, same shape and dtype; lengths do not change, and the dot product of a rotated query
               and a rotated key depends on their positions through the difference only

    Pair i is made of the features i and i + D/2 ("rotate half", as in Llama's weights for `transformers`);
    the paper pairs 2i and 2i + 1, the same up to a permutation of the features. Angles are computed in float64, since
    in float32 those of position 10⁷ are wrong by a third of a radian; the rotation in float32 at least: in bfloat16 the
    position 257 does not exist.

    Raises ValueError when D is odd, theta is not positive or there are not D/2 frequencies.  Eq. 34 of Su et al. 2021.

    >>> rope(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """
    d_head = x.size(-1)
    if d_head % 2:
        raise ValueError(f"the last dimension of x must be even, got {d_head} in x {tuple(x.shape)}")
    if frequencies is None:
        angles = _angles(positions.to(x.device), d_head, theta)  # (..., T, D/2)
    elif frequencies.shape != (d_head // 2,):
        raise ValueError(f"frequencies must have the shape ({d_head // 2},), got {tuple(frequencies.shape)}")
    else:
        angles = positions.to(x.device)[..., None] * frequencies.to(x.device)
    wide = torch.promote_types(x.dtype, torch.float32)
    cos, sin = (table.to(x.device, wide) for table in (angles.cos(), angles.sin()))
    first, second = x.chunk(2, dim=-1)  # products with the wide tables are wide, whatever x is
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(x.dtype)


def yarn_frequencies(
    d_head: int, factor: float, trained: int, theta: float = 10000.0, fast: float = 32.0, slow: float = 1.0
) -> tuple[Tensor, float]:
    """Return YaRN's frequencies of RoPE for texts `factor` times as long as in training, and its attention factor.

    d_head   D, features of a head; even
    factor   s, at least 1: how many times longer the texts are to be
    trained  L, tokens of a training window
    theta    the base of the angles
    fast     pairs that turn more often than this within the training window keep their frequency
    slow     pairs that turn less often than this are slowed down by s, as position interpolation slows down all
    returns  (D/2,) float32 radians a position: ω_i = theta^(−2i/D) for the fast pairs, ω_i / s for the slow ones, and
             a mixture of both in between, linear in i from the last fast pair to the first slow one; and
             0.1 · ln s + 1, by which rotated queries and rotated keys are both multiplied

    Raises ValueError for an odd d_head, a factor below 1 and slow not below fast.
    "NTK-by-parts" and the attention temperature of Peng et al. 2023 (YaRN), §3.2 and §3.4; the mixture is that of their
    code, where the paper's formula is linear in the number of turns.

    >>> yarn_frequencies(8, 4.0, 256)[0] / yarn_frequencies(8, 1.0, 256)[0]
    tensor([1.0000, 0.6250, 0.2500, 0.2500])
    """
    require_counts(d_head=d_head, trained=trained)
    require_at_least(1, factor=factor)
    require_positive(theta=theta, fast=fast, slow=slow)
    if d_head % 2:
        raise ValueError(f"d_head must be even, got {d_head}")
    if slow >= fast:
        raise ValueError(f"slow must be less than fast = {fast}, got {slow}")
    pairs = torch.arange(d_head // 2, dtype=torch.float64)
    # pair i makes L · theta^(−2i/D) / 2π turns in the training window; solved for i:
    first, last = (d_head * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(theta)) for turns in (fast, slow))
    low, high = max(math.floor(first), 0), min(math.ceil(last), d_head - 1)
    slowed = ((pairs - low) / max(high - low, 0.001)).clamp(0, 1)  # 0: as it was, 1: divided by s
    frequencies = theta ** (-2 * pairs / d_head) * (1 - slowed + slowed / factor)
    return frequencies.float(), 0.1 * math.log(factor) + 1


def alibi_slopes(n_heads: int, device: torch.device | str | None = None) -> Tensor:
    """Return how steeply each head's scores fall with distance.

    n_heads  H
    returns  (H,) float32, positive, 2^(−8h/H) for h = 1 … H where H is a power of two. Otherwise, as in the authors'
             code, those of the next lower power of two, then every other one of twice that power

    Raises ValueError for fewer than one head.  §3 of Press et al. 2022.

    >>> alibi_slopes(4)
    tensor([0.2500, 0.0625, 0.0156, 0.0039])
    """
    require_counts(n_heads=n_heads)
    power = 2 ** int(math.log2(n_heads))
    slopes = [2 ** (-8 * h / power) for h in range(1, power + 1)]
    between = [2 ** (-4 * h / power) for h in range(1, 2 * power, 2)]  # the odd ones of 2·power heads
    return torch.tensor(slopes + between[: n_heads - power], device=device)


def alibi_bias(
    n_heads: int, n_queries: int, n_keys: int | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Return what ALiBi adds to the scores: minus the slope times the distance between query and key.

    n_heads    H
    n_queries  T, the last T of the S positions
    n_keys     S, by default T
    returns    (H, T, S) float32: 0 where a query looks at itself, more and more negative with distance, to both
               sides (under a causal mask only the past counts)

    Raises ValueError when there are fewer keys than queries.  §3 of Press et al. 2022.

    >>> alibi_bias(8, 1, 3)[0]  # the last of three tokens, slope 1/2
    tensor([[-1.0000, -0.5000,  0.0000]])
    """
    distance = _relative_positions(n_queries, n_keys, device).abs()
    return alibi_slopes(n_heads, device)[:, None, None] * -distance


def relative_buckets(
    relative: Tensor, n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True
) -> Tensor:
    """Sort relative positions into buckets: near ones exactly, far ones by the logarithm of their distance (T5).

    relative       any shape, integer: position of the key minus position of the query; negative = the key is earlier
    n_buckets      number of buckets in all. Half of a direction's buckets hold one distance each, 0, 1, 2, …; the
                   others share the distances up to max_distance, wider and wider
    max_distance   all distances from here on fall into the last bucket
    bidirectional  True: the upper half of the buckets is for later keys. False: later keys count as distance 0
    returns        same shape, int64 in 0 … n_buckets − 1

    Raises ValueError when there are too few buckets or max_distance does not reach beyond the exact ones.
    §2.1 of Raffel et al. 2020; the formula is that of their code.

    >>> relative_buckets(torch.tensor([0, -1, -7, -8, -20, -500, 1]))
    tensor([ 0,  1,  7,  8, 10, 15, 17])
    """
    n_exact = _exact_distances(n_buckets, max_distance, bidirectional)
    per_side = n_buckets // 2 if bidirectional else n_buckets
    later = (relative > 0) * per_side if bidirectional else 0
    distance = relative.abs() if bidirectional else (-relative).clamp(min=0)
    growth = (distance.clamp(min=1).float() / n_exact).log() / math.log(max_distance / n_exact)  # 0 … 1 up to the last
    far = (n_exact + (growth * (per_side - n_exact)).long()).clamp(max=per_side - 1)
    return torch.where(distance < n_exact, distance, far) + later


class RelativePositionBias(nn.Module):
    """What T5 adds to the scores: one learned number per head and bucket of relative positions.

    n_heads                                 H
    n_buckets, max_distance, bidirectional  as for `relative_buckets`

    Parameter: `weight` (n_buckets, H), zero at first: no bias. T5 shares one such module among all its layers.
    Raises ValueError for no heads, for what `relative_buckets` refuses, and, when called, for fewer keys than queries.
    """

    def __init__(self, n_heads: int, n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True) -> None:
        super().__init__()
        require_counts(n_heads=n_heads)
        _exact_distances(n_buckets, max_distance, bidirectional)  # refuses what cannot be sorted
        self.n_buckets, self.max_distance, self.bidirectional = n_buckets, max_distance, bidirectional
        self.weight = nn.Parameter(torch.zeros(n_buckets, n_heads))

    def forward(self, n_queries: int, n_keys: int | None = None) -> Tensor:
        """Return the bias (H, T, S) of the last T = n_queries of S = n_keys positions (by default T)."""
        relative = _relative_positions(n_queries, n_keys, self.weight.device)
        buckets = relative_buckets(relative, self.n_buckets, self.max_distance, self.bidirectional)  # (T, S)
        return self.weight[buckets].permute(2, 0, 1)  # (T, S, H) → (H, T, S)


def local_window_mask(n_queries: int, n_keys: int, window: int, device: torch.device | str | None = None) -> Tensor:
    """Return the causal mask under which every query sees the last `window` keys up to itself.

    n_queries  T, the last T of the S positions
    n_keys     S
    window     keys that a query sees, itself included
    returns    (T, S) boolean, True = may attend

    Raises ValueError for a window below 1 and when there are fewer keys than queries.
    Sliding-window attention: Beltagy et al. 2020 (Longformer).

    >>> local_window_mask(3, 3, 2)
    tensor([[ True, False, False],
            [ True,  True, False],
            [False,  True,  True]])
    """
    require_counts(window=window)
    relative = _relative_positions(n_queries, n_keys, device)
    return (relative <= 0) & (relative > -window)


def _angles(positions: Tensor, features: int, theta: float) -> Tensor:
    """Return position · theta^(−2i/features) for the pairs i = 0, 1, …: radians, (..., ⌈features / 2⌉) float64.

    Of an angle of 10⁷ radians float32 keeps no digit behind the point, and sine and cosine would be those of another.
    """
    require_counts(d_model=features)
    require_positive(theta=theta)
    device = "cpu" if positions.device.type == "mps" else positions.device  # Apple's GPUs have no float64
    pairs = (features + 1) // 2
    last = -2 * (pairs - 1) / features
    frequencies = torch.logspace(0, last, pairs, theta, dtype=torch.float64, device=device)
    return positions.to(device, torch.float64)[..., None] * frequencies


def _relative_positions(n_queries: int, n_keys: int | None, device: torch.device | str | None) -> Tensor:
    """Return key position minus query position, (T, S) int64; the queries are the last T positions."""
    require_counts(0, n_queries=n_queries, n_keys=n_keys)
    n_keys = n_queries if n_keys is None else n_keys
    if n_keys < n_queries:
        raise ValueError(f"n_keys must be at least n_queries = {n_queries}, got {n_keys}")
    keys = torch.arange(n_keys, device=device)
    return keys - keys[n_keys - n_queries :, None]


def _exact_distances(n_buckets: int, max_distance: int, bidirectional: bool) -> int:
    """Return how many distances have a bucket of their own; raise ValueError where there is none, or no other."""
    require_counts(4 if bidirectional else 2, n_buckets=n_buckets)
    require_counts(max_distance=max_distance)
    n_exact = (n_buckets // 2 if bidirectional else n_buckets) // 2
    if max_distance <= n_exact:
        raise ValueError(f"max_distance must be more than the {n_exact} exact distances, got {max_distance}")
    return n_exact
