"""Documents as they come in, and the names of what is made of them."""

import hashlib
import json
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import BaseModel, Field, StrictBool, StringConstraints

NAMESPACE = UUID("6c1a1f1e-4f0a-5b0e-9d55-1f6f3f1f3a77")

# A key becomes part of a path in Qdrant's filters, so it has no dot.
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Text = Annotated[str, StringConstraints(strict=True, max_length=1000)]
Integer = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Metadata = Annotated[dict[Key, Text | StrictBool | Integer | Number], Field(max_length=20)]
Filter = Annotated[dict[Key, Text | StrictBool | Integer], Field(max_length=10)]
DocumentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]


class NewDocument(BaseModel, extra="forbid"):
    """A document to store, in the place of one with the same id; without an id its content names it."""

    title: str = Field(min_length=1, max_length=300, pattern=r"\S")
    text: str = Field(min_length=1, pattern=r"\S")
    metadata: Metadata = {}
    document_id: DocumentId | None = None

    def version(self, *made_with: object) -> str:
        """Return the hash of the content, and of what else decides the pieces and vectors made of it."""
        content = [self.title, self.text, self.metadata, *made_with]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class StoredDocument(BaseModel):
    """What is known of a stored document."""

    document_id: str
    title: str
    chunks: int
    metadata: Metadata


class Found(BaseModel):
    """A piece of a document that fits a query."""

    document_id: str
    title: str
    chunk: int
    score: float
    text: str
    metadata: Metadata


def document_id(tenant: str, version: str) -> str:
    """Return the id of a document that came without one: the same for the same content."""
    return str(uuid5(NAMESPACE, json.dumps([tenant, version])))


def point_id(tenant: str, document: str, chunk: int, version: str) -> str:
    """Return the id of a piece in the store: storing the same content again writes the same points."""
    return str(uuid5(NAMESPACE, json.dumps([tenant, document, chunk, version])))
