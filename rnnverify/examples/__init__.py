"""Worked examples: gradients as they stand in print, and what a check says of them."""
