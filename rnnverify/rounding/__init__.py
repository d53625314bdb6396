"""Rounding tolerance by Monte Carlo arithmetic over a jaxpr.

A function's own jaxpr is evaluated with random noise, as large as the rounding of the code
under test, added to the result of every arithmetic operation. How far each output moves over a
few such samples is how far correct code may be off (Parker 1997, "Monte Carlo Arithmetic";
Vignes 2004, "Discrete Stochastic Arithmetic", on CESTAC; Denis et al. 2016, "Verificarlo").

``noise`` says what is added, ``rules`` to which primitive, ``interpreter`` walks the jaxpr,
``sums`` finds what a loop adds up, ``tolerance`` turns samples into tolerances.
"""
