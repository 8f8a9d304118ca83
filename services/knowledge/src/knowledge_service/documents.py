"""Documents, and the ids of their chunks."""

import hashlib
import json
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import BaseModel, Field, StrictBool, StringConstraints

NAMESPACE = UUID("6c1a1f1e-4f0a-5b0e-9d55-1f6f3f1f3a77")

# A key becomes part of a path in Qdrant's filters, so it must not contain a dot.
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Text = Annotated[str, StringConstraints(strict=True, max_length=1000)]
Integer = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Metadata = Annotated[dict[Key, Text | StrictBool | Integer | Number], Field(max_length=20)]
Filter = Annotated[dict[Key, Text | StrictBool | Integer], Field(max_length=10)]
DocumentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]


class NewDocument(BaseModel, extra="forbid"):
    """A document to store, replacing one with the same id. The default id is a hash of the content."""

    title: str = Field(min_length=1, max_length=300, pattern=r"\S")
    text: str = Field(min_length=1, pattern=r"\S")
    metadata: Metadata = {}
    document_id: DocumentId | None = None

    def version(self, *made_with: object) -> str:
        """Hash the content and everything else that determines its chunks and vectors."""
        content = [self.title, self.text, self.metadata, *made_with]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class StoredDocument(BaseModel):
    """The metadata of a stored document."""

    document_id: str
    title: str
    chunks: int
    metadata: Metadata


class Found(BaseModel):
    """A chunk of a document that matches a query."""

    document_id: str
    title: str
    chunk: int
    score: float
    text: str
    metadata: Metadata


def document_id(tenant: str, version: str) -> str:
    """Return the id of a document without one, which is the same for the same content."""
    return str(uuid5(NAMESPACE, json.dumps([tenant, version])))


def point_id(tenant: str, document: str, chunk: int, version: str) -> str:
    """Return the id of a chunk in the store; storing the same content again writes the same points."""
    return str(uuid5(NAMESPACE, json.dumps([tenant, document, chunk, version])))
