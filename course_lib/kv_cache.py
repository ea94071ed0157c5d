"""The keys and values of every token a decoder has read, kept so that nothing is computed twice.

Without a cache, writing n tokens one by one passes 1 + 2 + … + n = n(n + 1)/2 tokens through the model; with one, n.
The memory is allocated once, for the longest text that will be written; a step copies one column into it.
"""

import torch
from torch import Tensor

from course_lib.arguments import require_counts


def require_left_padding(left_padding: Tensor | None, batch_size: int, most: int, seen: int = 0) -> None:
    """Raise ValueError unless left_padding, if there is any, can be the padding at the left of a batch.

    left_padding  None or (B,), whole numbers from 0 to `most`
    seen          tokens that a cache holds already; padding is given with the first
    """
    if left_padding is None:
        return
    if seen:
        raise ValueError(f"left_padding belongs to the first call with a cache; it holds {seen} tokens already")
    if left_padding.shape != (batch_size,) or left_padding.is_floating_point() or left_padding.dtype == torch.bool:
        got = f"{tuple(left_padding.shape)} {left_padding.dtype}"
        raise ValueError(f"left_padding must be whole numbers of the shape ({batch_size},), one a row, got {got}")
    if batch_size and (left_padding.min() < 0 or left_padding.max() > most):
        raise ValueError(f"left_padding must be from 0 to {most}, got {left_padding.tolist()}")


class KVCache:
    """Keys and values of all layers. A model fills it: `model(ids, cache)` reads ids as the continuation.

    n_layers, batch_size, n_kv_heads, max_len, d_head  sizes
    device, dtype  of the tensors it keeps

    length        how many tokens it has seen
    left_padding  (B,) int64, how many of them at the left of each row are padding, or None
    keys, values  (n_layers, B, n_kv_heads, max_len, d_head); what lies beyond `length` means nothing

    It takes 2 · n_layers · B · n_kv_heads · max_len · d_head numbers. What it keeps carries no gradient.
    Raises ValueError for a size below 1.
    """

    def __init__(
        self,
        n_layers: int,
        batch_size: int,
        n_kv_heads: int,
        max_len: int,
        d_head: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        require_counts(n_layers=n_layers, batch_size=batch_size, n_kv_heads=n_kv_heads, max_len=max_len, d_head=d_head)
        shape = (n_layers, batch_size, n_kv_heads, max_len, d_head)
        self.keys = torch.empty(shape, device=device, dtype=dtype)
        self.values = torch.empty_like(self.keys)
        self.length, self.max_len = 0, max_len
        self.left_padding: Tensor | None = None

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put one layer's new keys and values behind the old ones and return all of them.

        layer    counted from 0
        k, v     (B, H_kv, T, D) of the T tokens after the first `length`
        returns  keys and values (B, H_kv, length + T, D), views of the cache

        `length` itself moves when all layers are done: see `advance`.
        """
        end = self.length + k.size(2)
        self.keys[layer, :, :, self.length : end] = k.detach()
        self.values[layer, :, :, self.length : end] = v.detach()
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def require_room(self, batch_size: int, n_tokens: int) -> None:
        """Raise ValueError unless n_tokens more fit, in a batch of this size."""
        if batch_size != self.keys.size(1):
            raise ValueError(f"the cache was made for a batch of {self.keys.size(1)}, got ids with {batch_size} rows")
        if self.length + n_tokens > self.max_len:
            raise ValueError(
                f"the cache holds {self.length} of at most max_len = {self.max_len} tokens; {n_tokens} more do not fit"
            )

    def padding(self, left_padding: Tensor | None) -> Tensor | None:
        """Return how many tokens at the left of each row are padding, (B,): what is said with the first, or None."""
        if not self.length:
            self.left_padding = left_padding
        return self.left_padding

    def advance(self, n_tokens: int) -> None:
        """Count n_tokens as seen, after every layer has been extended by them."""
        self.length += n_tokens

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows of the batch, in this order; a row may come twice (beam search) or not at all.

        rows  (B',) int64, numbers of rows; the batch has B' rows afterwards
        """
        for name in ("keys", "values"):
            kept = getattr(self, name)
            used = kept[:, rows, :, : self.length]  # a copy of what means something
            if len(rows) != kept.size(1):
                kept = kept.new_empty(kept.size(0), len(rows), *kept.shape[2:])
                setattr(self, name, kept)
            kept[:, :, :, : self.length] = used
        if self.left_padding is not None:
            self.left_padding = self.left_padding[rows]

    def truncate(self, length: int) -> None:
        """Forget the tokens from number `length` on, as if they had not been read (speculative decoding).

        Raises ValueError when length is negative or more than the cache has seen.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"length must be between 0 and {self.length}, the tokens seen, got {length}")
        self.length = length
