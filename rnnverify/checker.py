"""check: one case, one candidate, one verdict.

Evaluate the reference, resolve the clip's threshold, call the candidate, compare. It runs at every
step of shrinking, so it never diagnoses.
"""

from collections.abc import Sequence

from rnnverify.builtin import system_of
from rnnverify.errors import InvalidGradientsError, TimeLimitError
from rnnverify.evaluation import evaluate
from rnnverify.questions import Question, questions
from rnnverify.ratios import ratio_of
from rnnverify.records import Array, Candidate, Case, Clip
from rnnverify.scales import Scale
from rnnverify.terms import CONTRACT, TIMEOUT, Terms, known_only, make_terms
from rnnverify.verdicts import VERDICT_KINDS, Comparison, Verdict, VerdictKind


def check(
    case: Case,
    candidate: Candidate,
    *,
    gradients: Sequence[str] | None = None,
    scale: str | float | Scale = 1,
    digits: float | None = None,
    timeout: float | None = TIMEOUT,
) -> Verdict:
    """Check every gradient of one case against the reference.

    Args:
        case: Made by ``System.case``, or drawn by ``rnnverify.cases``.
        candidate: Takes a Case, returns a mapping from array names to gradients, clipped as
            ``case.clip`` says; see the README's section on candidates.
        gradients: The arrays whose gradients it returns, if not those of all weights.
        scale: A constant factor that its gradients are wanted to have: a number, or a formula in
            the sizes of the axes, such as ``"1/T"``.
        digits: How many decimal digits are enough.
        timeout: How many seconds the call may take; None for no limit, and for a call in this
            thread.

    Returns:
        The verdict, with a comparison for each gradient that the candidate returned.

    Raises:
        UsageError: if an argument is not what it should be, the case's system is unknown, or the
            case both has lengths and is to be truncated.
    """
    terms = make_terms(gradients=gradients, scale=scale, digits=digits, timeout=timeout)
    (verdict,) = check_under([case.clip], case, candidate, terms)
    return verdict


def check_under(
    clips: Sequence[Clip], case: Case, candidate: Candidate, terms: Terms = CONTRACT
) -> list[Verdict]:
    """Check a case once under each clip, all over the same arrays, from one evaluation.

    After a call that took too long there are no further ones, and fewer verdicts.
    """
    system = system_of(case)
    terms = terms.for_system(system.leaves, list(system.dims))
    known_only("clip_over", clips[0].over, system.leaves)
    verdicts = []
    for question in questions(clips, evaluate(system, case, few=True), terms):
        verdicts.append(_judge(question, candidate))
        if verdicts[-1].hung:
            break
    return verdicts


def _judge(question: Question, candidate: Candidate) -> Verdict:
    case = question.case
    try:
        got, notes = question.ask(candidate)
    except InvalidGradientsError as error:
        return Verdict(
            kind="invalid",
            case=case,
            clip_active=question.clip_active,
            message=str(error),
            traceback=error.traceback,
            breach=error.breach,
            hung=isinstance(error, TimeLimitError),
        )
    comparisons = question.compare(got)
    if not question.is_settled_by(comparisons):
        question = question.whole
        comparisons = question.compare(got)
    kind, message = _kind(question, comparisons)
    ratio = ratio_of(question, got) if kind == "wrong" else None
    return Verdict(
        kind=kind if ratio is None else "scaled",
        case=case,
        comparisons=comparisons,
        unchecked=tuple(name for name in question.optional if name not in got),
        clip_active=question.clip_active,
        notes=(*notes, *_tolerated(comparisons), *_loss_notes(got.get("loss"), question)),
        message=message,
        ratio=None if ratio is None else ratio.value,
        vague=ratio is not None and ratio.vague,
    )


def _kind(question: Question, comparisons: Sequence[Comparison]) -> tuple[VerdictKind, str]:
    """Return the verdict on a case, and why where it is inconclusive."""
    if not question.conclusive:
        return "inconclusive", "rounding alone moves a gradient by more than a tenth of it"
    worst = max((each.kind for each in comparisons), key=VERDICT_KINDS.index)
    if worst in ("nonfinite", "wrong") and question.overflows:
        return "inconclusive", f"the case overflows in {question.case.dtype}"
    coarse = question.coarse
    if worst in ("inaccurate", "wrong") and coarse is not None and not coarse.conclusive:
        return "inconclusive", "errors of as many digits as are enough are amplified too much"
    zero = all(each.zero for each in comparisons)
    if worst == "match" and not zero and not any(each.conclusive for each in comparisons):
        return "inconclusive", "no gradient could have failed by as much as matters"
    return worst, ""


def _tolerated(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Return a note for each gradient that matches only because few digits are asked for."""
    return tuple(
        f"d{each.gradient} loses more than rounding explains, but agrees to the digits= asked for"
        for each in comparisons
        if each.tolerated
    )


def _loss_notes(loss: Array | None, question: Question) -> tuple[str, ...]:
    """Return a note where a loss is off: people print one and differentiate another."""
    if loss is None or question.loss_is_right(float(loss)):
        return ()
    return ("the loss differs from the reference's",)
