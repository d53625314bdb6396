"""Gradient code as people publish it, written anew: only what it does to a case is ours."""
