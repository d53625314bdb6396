"""check_expectation: whether a stochastic gradient has the mean that it should have.

Contrastive divergence, dropout, REINFORCE and minibatches give another gradient in every call. What
can be checked is the mean of many runs, entry by entry, with a t test. Three traits of gradients
would make plain t tests accuse correct code, and each has its remedy:

- There are many entries. Each is tested at Šidák's (1967) level, so that together they raise a
  false alarm at the stated rate: exactly where they are independent and normal, else less often.
- Entries are skewed, such as a bit that is seldom on. Where Hall's (1992) transformation of the t
  statistic asks for it, more standard errors are allowed.
- Entries are rare, up to never varying. No test keeps its level whatever may have gone unseen
  (Bahadur and Savage 1956), so something must be assumed: that the values of such an entry lie no
  further apart than the widest seen in its gradient. Then the empirical Bernstein bound of Maurer
  and Pontil (2009, theorem 4) holds, and takes the place of the standard error.
"""

from rnnverify.statistics.expectations import check_expectation as check_expectation
from rnnverify.statistics.verdicts import StochasticVerdict as StochasticVerdict
