"""Map failures of the model to an outcome for the metrics and a problem for the caller."""

import httpx2
import openai

from aip_common.problems import Problem

_MAX_RETRY_AFTER = 60
_DEFAULT_RETRY_AFTER = 5


def failure_of(error: openai.OpenAIError | httpx2.HTTPError) -> tuple[str, Problem]:
    """Return the outcome label and the problem for an error that the SDK raised after its retries."""
    if isinstance(error, openai.RateLimitError):
        problem = Problem(503, "llm_rate_limited", "the model is throttled", retry_after=_retry_after(error))
        return "rate_limited", problem
    if isinstance(error, openai.BadRequestError):
        return _refused(error)
    if isinstance(error, openai.APIStatusError) and error.status_code < 500:  # noqa: PLR2004 - HTTP
        return "misconfigured", Problem(
            502, "llm_misconfigured", "the model refuses this service's configuration"
        )
    return "unavailable", unavailable()


def unavailable(retry_after: int = _DEFAULT_RETRY_AFTER) -> Problem:
    """Return the 503 problem for a model that does not respond."""
    return Problem(503, "llm_unavailable", "the model does not answer; try again", retry_after=retry_after)


def _refused(error: openai.BadRequestError) -> tuple[str, Problem]:
    if error.code == "content_filter":
        return "content_filtered", Problem(
            422, "content_filtered", "the model's content filter refused the request"
        )
    if error.code == "context_length_exceeded":
        return "too_long", Problem(422, "context_too_long", "the text is longer than the model accepts")
    return "misconfigured", Problem(502, "llm_misconfigured", "the model refuses the form of the request")


def _retry_after(error: openai.APIStatusError) -> int:
    value = error.response.headers.get("retry-after", "")
    return max(1, min(_MAX_RETRY_AFTER, int(value))) if value.isdigit() else _DEFAULT_RETRY_AFTER
