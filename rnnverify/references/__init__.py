"""JAX references, one file a system: ``init``, ``step`` and, where a loss needs it, ``final``.

Nothing here imports the models or the NumPy clipping: shared code would share its bugs.
"""
