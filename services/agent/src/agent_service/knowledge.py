"""Search the knowledge service on behalf of a caller."""

import json

from aip_common import identity
from aip_common.identity import Caller
from aip_common.problems import Problem
from aip_common.upstream import Upstream
from pydantic import SecretStr

from agent_service.tools import ToolError

SEARCH_SECONDS = 10.0


class Knowledge:
    """The knowledge service."""

    def __init__(self, service: str, url: str, secret: SecretStr) -> None:
        self._upstream = Upstream(service, "knowledge-service", url)
        self._secret = secret

    async def aclose(self) -> None:
        """Close the connections."""
        await self._upstream.aclose()

    async def search(self, query: str, top_k: int, caller: Caller) -> str:
        """Return the passages found, as JSON for the model.

        Raise ToolError if the service does not respond.
        """
        headers = {identity.HEADER: identity.issue(self._secret, self._upstream.name, caller)}
        try:
            answer = await self._upstream.call(
                "POST",
                "/search",
                seconds=SEARCH_SECONDS,
                headers=headers,
                json={"query": query, "top_k": top_k},
            )
        except Problem as problem:
            raise ToolError(problem.detail) from problem
        if not answer.is_success:
            raise ToolError(f"the search was refused with status {answer.status_code}")
        try:
            results = answer.json()["results"]
            found = [{key: result[key] for key in ("document_id", "chunk", "text")} for result in results]
        except (ValueError, LookupError, TypeError):
            raise ToolError("the answer of the search is not understood") from None
        return json.dumps(found, ensure_ascii=False)
