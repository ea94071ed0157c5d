"""One decoding step of a GPT as the same program on the same addresses, wherever in the text it is.

A plain step asks for every piece by a Python call, with keys and values one longer each time; a GPU waits for most of
them (lesson 19). Here the cache has its full length from the start, the position is a number in a tensor that is
overwritten, and a comparison hides what is not written yet. So a CUDA graph can record one step and replay it for every
token. Elsewhere the step is called, and looks at no more of the cache than is written; it is short, because one token
needs no transposes and no modules.

`Predictor` takes it wherever a GPT reads one more token. The plain path is the one to read, and its test.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.decoding.bare_functions import bare_block, bare_function, is_plain_gpt
from course_lib.gpt import GPT
from course_lib.ids import look_up
from course_lib.kv_cache import KVCache
from course_lib.positions import alibi_slopes, rope


class StaticStep:
    """Read one token of each row, and return what `model(token[:, None], cache)[:, -1]` returns.

    model  a GPT of which `is_plain_gpt` is true; in any mode, there is no dropout here
    cache  of that model, filled by it so far. Both may go on filling it in turn; it may be truncated, and its rows
           permuted, but for another number of rows there must be another step

    On a CUDA device the first call records the step. Raises ValueError for another model, and where learned positions
    end before the cache does.
    """

    def __init__(self, model: nn.Module, cache: KVCache) -> None:
        if not isinstance(model, GPT) or not is_plain_gpt(model):
            raise ValueError(f"model must be a GPT of the parts of course_lib.gpt, without hooks, got {model}")
        config, device = model.config, cache.keys.device
        if model.positions is not None and cache.max_len > config.seq_len:
            raise ValueError(f"the cache must hold at most the {config.seq_len} positions, got {cache.max_len}")
        self.model, self.cache, self.config, self.n_rows = model, cache, config, cache.keys.size(1)
        for kept in (cache.keys, cache.values):
            kept[..., cache.length :, :] = 0  # these will be hidden, but 0 · nan is nan
        self.blocks = [bare_block(block) for block in model.blocks]
        self.norm, self.to_logits = bare_function(model.norm), bare_function(model.to_logits)
        self.slots = torch.arange(cache.max_len, device=device)  # (S,)
        self.token, self.position = self.slots.new_zeros(self.n_rows), self.slots.new_zeros(1)
        self.padding = self.slots.new_zeros(1 if cache.left_padding is None else self.n_rows, 1)
        self.slopes = torch.zeros(1, 1, 1, device=device)
        if config.positions == "alibi":
            self.slopes = alibi_slopes(config.n_heads, device).view(config.n_kv_heads, -1, 1)
        self.turns = _turns(config.d_head, config.rope_theta, self.slots) if config.positions == "rope" else None
        self.graph: Any = None

    @torch.no_grad()
    def __call__(self, token: Tensor) -> Tensor:
        """Return the logits (B, V) after one more token of each row, (B,) int64, which the cache holds afterwards.

        Raises ValueError when the cache is full or has another number of rows, and for ids outside the vocabulary.
        """
        self.cache.require_room(len(token), 1)
        self.position.fill_(self.cache.length)
        if self.cache.left_padding is not None:
            self.padding.copy_(self.cache.left_padding[:, None])
        if self.token.is_cuda:
            self.token.copy_(token)
            logits = self._replay()
        else:
            self.token = token
            x = self.features(self.cache.length + 1)
            logits = self.to_logits(x)  # outside of inference mode: a tensor like any other
        self.cache.advance(1)
        return logits

    @torch.inference_mode()
    def features(self, n_slots: int) -> Tensor:
        """Return what the logits are made of, (B, d_model). Nothing in here asks for a number in a tensor.

        n_slots  S, how many places of the cache are looked at; those behind the position are hidden

        Raises ValueError for a token outside the vocabulary.
        """
        h, h_kv, d_head = self.config.n_heads, self.config.n_kv_heads, self.config.d_head
        x = look_up(self.model.tokens, self.token)  # (B, d_model)
        if self.model.positions is not None:
            x = x + self.model.positions.weight.index_select(0, (self.position - self.padding).flatten())
        bias = self._bias(n_slots, x.dtype)
        caches = (kept[:, :, :, :n_slots] for kept in (self.cache.keys, self.cache.values))
        cos, sin = (x, x) if self.turns is None else self.turns.index_select(1, self.position)  # (1, D) each
        for (before, after), keys, values in zip(self.blocks, *caches):
            heads = before(x).view(self.n_rows, -1, 1, d_head)  # one token: no transposes
            q, k, v = heads.split((h, h_kv, h_kv), dim=1)
            if self.turns is not None:
                turned = torch.addcmul(heads * cos, heads.roll(d_head // 2, -1), sin).to(x.dtype)
                q, k, _ = turned.split((h, h_kv, h_kv), dim=1)
            keys.index_copy_(2, self.position, k)
            values.index_copy_(2, self.position, v)
            q = q.view(self.n_rows, h_kv, h // h_kv, d_head)  # heads that share keys: several queries of one head
            x = after(x, F.scaled_dot_product_attention(q, keys, values, bias).flatten(1))
        return self.norm(x)

    def _bias(self, n_slots: int, dtype: torch.dtype) -> Tensor:
        """Return what is added to the scores, −∞ where nobody may look: broadcastable to (B, H_kv, H / H_kv, S)."""
        slots = self.slots[:n_slots]
        hidden = (slots > self.position) | (slots < self.padding)  # (B or 1, S)
        alibi = self.slopes * (slots - self.position)  # (H_kv, H / H_kv, S), or (1, 1, S) zeros
        return alibi.masked_fill(hidden[:, None, None], -math.inf).to(dtype)

    def _replay(self) -> Tensor:
        """Return the logits (B, V) by a replay of the graph, which is recorded first where there is none."""
        if self.graph is None:
            side, current = torch.cuda.Stream(self.token.device), torch.cuda.current_stream(self.token.device)
            side.wait_stream(current)
            with torch.cuda.stream(side):  # libraries set themselves up in the first calls, which no graph may hold
                for _ in range(2):
                    self.to_logits(self.features(self.cache.max_len))
            current.wait_stream(side)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=side):
                self.logits = self.to_logits(self.features(self.cache.max_len))
        self.graph.replay()
        return self.logits.clone()  # the next replay writes over it


def _turns(d_head: int, theta: float, positions: Tensor) -> Tensor:
    """Return what RoPE multiplies by at each position, and what it multiplies the other half by: (2, S, D)."""
    ones = F.pad(torch.ones(len(positions), d_head // 2, device=positions.device), (0, d_head // 2))
    cos, sin = rope(ones, positions, theta).chunk(2, dim=-1)
    return torch.stack([torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)])
