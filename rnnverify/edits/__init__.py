"""Generic mutants: small changes to the source of the user's own function, in memory only."""

from rnnverify.edits.functions import Edit, edits_of

__all__ = ["Edit", "edits_of"]
