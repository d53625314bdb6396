"""Adapters: what stands between a case and code that has conventions of its own.

A candidate takes a case and returns gradients under the case's names. Code in the wild has other
layouts, keeps its parameters and its gradients elsewhere, or applies them at once; these are the
pieces of which a candidate for it is put together, in ten lines or fewer:

    >>> layout = Layout(Wxh="Wxh", Whh="Whh", Why="Why", bh=of("bh").column, by=of("by").column)
    >>> def gradients(case):
    ...     p = layout.of(case)
    ...     with patched(their_module, **p):
    ...         returned = their_module.loss(case["inputs"], case["targets"])
    ...     return p.gradients(named("loss Wxh Whh Why bh by", returned))

Torch and JAX are imported by the two adapters that need them, when they are called.
"""

from rnnverify.adapters.custom_rules import jax_candidate
from rnnverify.adapters.layouts import Bound, Layout
from rnnverify.adapters.parameters import patched
from rnnverify.adapters.pointers import pointer
from rnnverify.adapters.relayouts import Relayout, of, one_hot, stack, zeros_like
from rnnverify.adapters.returns import from_attributes, from_update, named, unprefixed
from rnnverify.adapters.tensors import torch_candidate, torch_module

__all__ = [
    "Bound",
    "Layout",
    "Relayout",
    "from_attributes",
    "from_update",
    "jax_candidate",
    "named",
    "of",
    "one_hot",
    "patched",
    "pointer",
    "stack",
    "torch_candidate",
    "torch_module",
    "unprefixed",
    "zeros_like",
]
