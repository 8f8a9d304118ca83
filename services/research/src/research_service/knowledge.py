"""Search the knowledge service on behalf of a caller."""

from aip_common import identity
from aip_common.identity import Caller
from aip_common.problems import Problem, dependency_unavailable
from aip_common.upstream import Upstream
from pydantic import BaseModel, SecretStr

SEARCH_SECONDS = 10.0
_SERVER_ERROR = 500


class Found(BaseModel):
    """A passage that the search returned."""

    document_id: str
    chunk: int
    text: str


class Knowledge:
    """The knowledge service."""

    def __init__(self, service: str, url: str, secret: SecretStr) -> None:
        self._upstream = Upstream(service, "knowledge-service", url)
        self._secret = secret

    async def aclose(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    async def search(self, query: str, top_k: int, caller: Caller) -> list[Found]:
        """Return the passages found. Raise the 503 problem if a retry may help, otherwise the 502 problem."""
        headers = {identity.HEADER: identity.issue(self._secret, self._upstream.name, caller)}
        answer = await self._upstream.call(
            "POST",
            "/search",
            seconds=SEARCH_SECONDS,
            headers=headers,
            json={"query": query, "top_k": top_k},
        )
        if answer.status_code >= _SERVER_ERROR:
            raise dependency_unavailable(self._upstream.name)
        if not answer.is_success:
            text = f"the knowledge service refused the search with status {answer.status_code}"
            raise Problem(502, "knowledge_refused", text)
        try:
            return [Found.model_validate(result) for result in answer.json()["results"]]
        except (ValueError, LookupError, TypeError):
            text = "the answer of the knowledge service is not understood"
            raise Problem(502, "knowledge_refused", text) from None
