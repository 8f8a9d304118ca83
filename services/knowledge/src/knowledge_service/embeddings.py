"""Compute vectors of texts: in batches for documents, cached for queries."""

from array import array
from collections import OrderedDict
from collections.abc import Sequence

from aip_common.llm import LLM
from aip_common.problems import Problem

BATCH = 64
REMEMBERED = 1000


class Embeddings:
    """Convert texts to vectors of a known size."""

    def __init__(self, llm: LLM, dimensions: int) -> None:
        self._llm = llm
        self._dimensions = dimensions
        # Arrays of 4-byte floats need a tenth of the memory of lists.
        self._queries: OrderedDict[str, array[float]] = OrderedDict()

    async def of(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector per text, for at most `BATCH` texts."""
        vectors = await self._llm.embed(texts)
        wrong = {len(vector) for vector in vectors} - {self._dimensions}
        if wrong:
            given = f"the model's vectors have {wrong.pop()} numbers"
            raise Problem(502, "llm_misconfigured", f"{given}, EMBEDDING_DIMENSIONS is {self._dimensions}")
        return vectors

    async def of_query(self, query: str) -> list[float]:
        """Return the vector of a query, from the cache if it is recent."""
        if query not in self._queries:
            (vector,) = await self.of([query])
            self._queries[query] = array("f", vector)
            if len(self._queries) > REMEMBERED:
                self._queries.popitem(last=False)
        self._queries.move_to_end(query)
        return self._queries[query].tolist()
