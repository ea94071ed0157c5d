"""A device that this machine does not have, made of what it has: mixing devices raises as it does there.

    with PretendDevice("xla"):
        model = GPT(config).to("xla:0")
        model(torch.zeros(1, 4, dtype=torch.int64))  # RuntimeError: found at least two devices, xla:0 and cpu!

Which device a tensor is on, and what may be mixed, is torch's own `FakeTensorMode`, which knows every operator but no
values. Each of its tensors gets a partner here, a true tensor on the CPU, so that `.item()`, `nonzero` and code that
depends on them go on, and results can be compared.

Why "xla": in a torch for CPUs the backward pass of a tensor on "cuda" looks for CUDA's streams and dies.

Two things are refused that FakeTensorMode lets pass: a generator of another device than the draw, and float64 on MPS.
"""

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    _DISPATCH_HANDLE_DIRECTLY,
    _DISPATCH_META_HANDLERS,
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.utils._mode_utils import no_dispatch
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

CPU, META = torch.device("cpu"), torch.device("meta")
PLACES = {"xla": 9, "mps": 13, "meta": 14}  # in torch's table of devices, c10::DeviceType


@contextmanager
def guarded(device: str) -> Iterator[None]:
    """Let a torch without this device pass by the "device guards" that indexing and a few others set up.

    FakeTensorMode does the same for a torch with CUDA on a machine without a GPU (`_ensureCUDADeviceGuardSet`). In a
    torch for CPUs the guard's place is empty. For the time of the context it holds the guard of the device "meta",
    which does nothing.
    """
    library = next((Path(torch.__file__).parent / "lib").glob("libc10.*"))
    table = (ctypes.c_void_p * 21).in_dll(ctypes.CDLL(str(library)), "_ZN3c104impl26device_guard_impl_registryE")
    empty = table[PLACES[device]] is None
    if empty:
        table[PLACES[device]] = table[PLACES["meta"]]
    try:
        yield
    finally:
        if empty:
            table[PLACES[device]] = None


class PretendDevice(FakeTensorMode):
    """The context. Tensors and modules are made in it; what is made outside is refused."""

    def __init__(self, device: str = "xla") -> None:
        super().__init__()
        self.pretended, self._inside, self._around = device, False, []
        self.here = torch.device(device, 0)

    def __enter__(self):
        """Begin; backward passes run in this thread, since a pretended device has none."""
        around = ExitStack()  # one for each time, since torch enters the mode again for parts of an operator
        around.enter_context(guarded(self.pretended))
        around.enter_context(torch.autograd.set_multithreading_enabled(False))
        around.enter_context(patch.object(nn.Module, "_apply", _moved))
        around.enter_context(patch("torch.optim.optimizer._get_fused_kernels_supported_devices", lambda: list(PLACES)))
        self._around.append(around)
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._around.pop().close()

    def _made(self, value: Tensor, device: torch.device | str) -> FakeTensor:
        with no_dispatch():
            fake = FakeTensor(self, value.detach().to("meta"), torch.device(device))
        fake.value = value
        return fake

    def dispatch(self, func, types, args=(), kwargs=None):
        """Run one operator of torch twice: by devices and shapes, and with the values."""
        kwargs = kwargs or {}
        asked = func in _DISPATCH_META_HANDLERS or func in _DISPATCH_HANDLE_DIRECTLY  # for a size or the like
        if self._inside or asked:  # inside: a part of an operator; its values are those of the whole
            return super().dispatch(func, types, args, kwargs)
        self._inside = True
        try:
            return self._both(func, types, args, kwargs)
        finally:
            self._inside = False

    def _both(self, func, types, args, kwargs):
        leaves, form = tree_flatten((args, kwargs))
        # a device without a number is one with, and from our guard it comes as "meta"
        elsewhere = {torch.device(self.pretended), META}
        leaves = [self.here if isinstance(leaf, torch.device) and leaf in elsewhere else leaf for leaf in leaves]
        args, kwargs = tree_unflatten(leaves, form)
        if func.namespace == "profiler":
            return func(*args, **kwargs)
        try:
            made = super().dispatch(func, types, args, kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException):  # the values say
            made = None
        with no_dispatch():
            true_args, true_kwargs = tree_unflatten([_true(leaf) for leaf in leaves], form)
            values = func(*true_args, **true_kwargs)
        if made is None:
            made = self._known_by_value(func, leaves, values)
        fakes = [leaf for leaf in tree_leaves(made) if isinstance(leaf, FakeTensor)]
        self._refuse(func, leaves, fakes)
        for fake, value in zip(tree_leaves(made), tree_leaves(values), strict=True):
            if isinstance(fake, FakeTensor):
                assert fake.shape == value.shape and fake.dtype == value.dtype, f"{func}: {fake} is not {value}"
                fake.value = value
        return made

    def _known_by_value(self, func, leaves, values):
        """What an operator returns whose shape or number depends on values: moved to its arguments' device."""
        device, _ = FakeTensor._find_common_device(func, leaves)
        flat, form = tree_flatten(values)
        moved = [self._made(v, device) if isinstance(v, Tensor) else v for v in flat]
        return tree_unflatten(moved, form)

    def _refuse(self, func, leaves, fakes):
        for leaf in leaves:
            if isinstance(leaf, torch.Generator) and any(f.device.type != leaf.device.type for f in fakes):
                device = next(f.device for f in fakes if f.device.type != leaf.device.type)
                raise RuntimeError(
                    f"Expected a '{device.type}' device type for generator but found '{leaf.device.type}'"
                )
        for fake in fakes:
            if fake.device.type == "mps" and fake.dtype in (torch.float64, torch.complex128):
                raise TypeError(f"{func}: the MPS framework doesn't support float64")


def _true(leaf):
    """An argument of an operator as the CPU gets it."""
    if isinstance(leaf, FakeTensor):
        return leaf.value
    return CPU if isinstance(leaf, torch.device) else leaf


def _moved(module: nn.Module, fn, recurse: bool = True) -> nn.Module:
    """`nn.Module._apply`, on which `.to` rests, without the exchange of storage that pretended tensors do not allow."""
    moved = {}  # a weight in two places stays one
    for part in module.modules() if recurse else [module]:
        for name, weight in part._parameters.items():
            if weight is not None:
                if weight not in moved:
                    with torch.no_grad():
                        moved[weight] = nn.Parameter(fn(weight), weight.requires_grad)
                part._parameters[name] = moved[weight]
        for name, buffer in part._buffers.items():
            part._buffers[name] = None if buffer is None else fn(buffer)
    return module
