"""Gradient code in the conventions of public code, each a candidate by an adapter of ten lines."""
