"""Hand-written NumPy models, one file a system, each of which looks like its paper.

A model is a candidate like any other: ``gradients(case)`` returns a gradient for every weight
and initial state, clipped as ``case.clip`` says, and the loss. Nothing here imports JAX.
"""
