"""Gating: baselines, what is worse than they say, and searches with fresh seeds."""
