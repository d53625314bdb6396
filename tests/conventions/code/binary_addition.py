"""Adds its updates, which are descents, in place; states in lists, rows by atleast_2d."""

import numpy as np

from rnnverify.records import Array


def sigmoid(x: Array) -> Array:
    """Return σ(x)."""
    s: Array = 1 / (1 + np.exp(-x))
    return s


def sigmoid_output_to_derivative(output: Array) -> Array:
    """Return σ' where σ is known."""
    slope: Array = output * (1 - output)
    return slope


def train(synapses: list[Array], a: Array, b: Array, c: Array, alpha: float) -> None:
    """Learn from one addition, a + b = c, whose most significant bits come first."""
    synapse_0, synapse_1, synapse_h = synapses
    layer_2_deltas = []
    layer_1_values = [np.zeros((1, len(synapse_h)))]
    digits = len(a)
    for position in range(digits):
        X = np.array([[a[digits - position - 1], b[digits - position - 1]]])
        y = np.array([[c[digits - position - 1]]]).T
        layer_1 = sigmoid(np.dot(X, synapse_0) + np.dot(layer_1_values[-1], synapse_h))
        layer_2 = sigmoid(np.dot(layer_1, synapse_1))
        layer_2_deltas.append((y - layer_2) * sigmoid_output_to_derivative(layer_2))
        layer_1_values.append(layer_1)
    updates = [np.zeros_like(synapse) for synapse in synapses]
    future_layer_1_delta = np.zeros((1, len(synapse_h)))
    for position in range(digits):
        X = np.array([[a[position], b[position]]])
        layer_1 = layer_1_values[-position - 1]
        prev_layer_1 = layer_1_values[-position - 2]
        layer_2_delta = layer_2_deltas[-position - 1]
        layer_1_delta = (
            future_layer_1_delta.dot(synapse_h.T) + layer_2_delta.dot(synapse_1.T)
        ) * sigmoid_output_to_derivative(layer_1)
        updates[1] += np.atleast_2d(layer_1).T.dot(layer_2_delta)
        updates[2] += np.atleast_2d(prev_layer_1).T.dot(layer_1_delta)
        updates[0] += X.T.dot(layer_1_delta)
        future_layer_1_delta = layer_1_delta
    synapse_0 += updates[0] * alpha
    synapse_1 += updates[1] * alpha
    synapse_h += updates[2] * alpha
