"""Torch code, with or without a module, as a candidate."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from rnnverify.adapters.layouts import Layout
from rnnverify.errors import InvalidGradientsError, UsageError
from rnnverify.records import Array, Candidate, Case

Tensors = dict[str, Any]
"""Torch tensors by name."""
_OURS = "case: "
"""Tells a case's arrays from a module's parameters, which may have the same names."""


def torch_candidate(
    loss: Callable[[Tensors], Any], *, wrt: Sequence[str] | None = None, device: str = "cpu"
) -> Candidate:
    """Return a candidate that differentiates a loss in torch: of autograd functions, say.

    What the loss does not depend on, as far as autograd knows, has no gradient, and is left out.

    Args:
        loss: Takes the case's arrays as tensors of their dtypes, by name, and returns a scalar
            tensor. Those that have a gradient require it.
        wrt: The arrays of which gradients are wanted; None for all that have one.
        device: Where the tensors live.

    Example:
        >>> rnnverify.verify(torch_candidate(my_loss, device="cuda"), "lstm")
    """

    def candidate(case: Case) -> dict[str, Any]:
        names = case.leaves if wrt is None else wrt
        given = _tensors(case, names, device)
        value = loss(given)
        return {**_gradients(value, {n: given[n] for n in names}), "loss": _numpy(value)}

    return candidate


def torch_module(
    module: Callable[[Case], Any],
    layout: Layout,
    loss: Callable[[Any, Tensors], Any],
    *,
    device: str = "cpu",
) -> Candidate:
    """Return a candidate that differentiates a torch module by its parameters.

    Args:
        module: Returns a module whose parameters have the sizes of a case; their values, dtype and
            device are set.
        layout: All the module's parameters, by their names in it, in terms of the case's arrays.
        loss: (the module, the case's arrays as tensors, by name) -> a scalar tensor. Those that
            have a gradient require it, so that an initial state or an input gets one.
        device: Where the tensors live.

    Example:
        >>> layout = Layout(weight_ih=of("Wx").T, weight_hh=of("Wh").T, bias=of("b"))
        >>> torch_module(lambda case: Cell(case.dims["D"], case.dims["H"]), layout, my_loss)
    """

    def candidate(case: Case) -> dict[str, Any]:
        bound = layout.of(case)
        net = module(case).to(device=device, dtype=_torch_dtype(case))
        parameters = dict(net.named_parameters())
        _set(parameters, bound)
        free = [name for name in case.leaves if name not in layout.names]
        given = _tensors(case, free, device)
        value = loss(net, given)
        found = _gradients(value, {**parameters, **{_OURS + n: given[n] for n in free}})
        ours = {name: found.pop(_OURS + name) for name in free if _OURS + name in found}
        return {**ours, **bound.gradients(found), "loss": _numpy(value)}

    return candidate


def _tensors(case: Case, wrt: Sequence[str], device: str) -> Tensors:
    """Return a case's arrays as tensors, those named in ``wrt`` requiring gradients."""
    torch: Any = import_module("torch")
    made = {name: torch.tensor(array, device=device) for name, array in case.items()}
    for name in wrt:
        made[name].requires_grad_()
    return made


def _gradients(loss: Any, tensors: Tensors) -> dict[str, Any]:
    """Return the gradients of those tensors that the loss depends on, as NumPy arrays.

    Raises:
        InvalidGradientsError: if the loss is nothing that can be differentiated.
    """
    torch: Any = import_module("torch")
    if getattr(loss, "grad_fn", None) is None or loss.numel() != 1:
        message = f"loss: must be a tensor of one number that depends on the arrays, not {loss!r}"
        raise InvalidGradientsError(message)
    wanted = {name: tensor for name, tensor in tensors.items() if tensor.requires_grad}
    found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    pairs = zip(wanted, found, strict=True)
    return {name: _numpy(gradient) for name, gradient in pairs if gradient is not None}


def _set(parameters: Tensors, arrays: Mapping[str, Array]) -> None:
    """Write a layout's arrays into a module's parameters.

    Raises:
        UsageError: if the layout has others than the module.
    """
    torch: Any = import_module("torch")
    if set(parameters) != set(arrays):
        message = (
            f"layout: the module's parameters are {', '.join(sorted(parameters))}, "
            f"but the layout has {', '.join(sorted(arrays))}"
        )
        raise UsageError(message)
    with torch.no_grad():
        for name, parameter in parameters.items():
            if tuple(parameter.shape) != arrays[name].shape:
                message = (
                    f"layout: the parameter {name} has the shape {tuple(parameter.shape)}, "
                    f"but the layout makes it {arrays[name].shape}"
                )
                raise UsageError(message)
            parameter.copy_(torch.from_numpy(arrays[name]))


def _torch_dtype(case: Case) -> Any:
    return getattr(import_module("torch"), case.dtype.name)


def _numpy(tensor: Any) -> Array:
    array: Array = tensor.detach().cpu().numpy()
    return array
