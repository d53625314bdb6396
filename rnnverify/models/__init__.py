"""Hand-written NumPy models, one file each, which look like their papers.

A model is a candidate like any other: ``gradients(case)`` returns the loss and a gradient for every
weight, clipped as ``case.clip`` says, initial state and real input. Nothing here imports JAX.
"""
