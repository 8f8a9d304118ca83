"""Compute embeddings from words, so that texts with common words are near each other."""

import base64
import hashlib
import math
import re
import struct

DIMENSIONS = 1536
_PLACES_A_WORD = 8
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, which the stand-in counts as tokens."""
    return _WORD.findall(text.lower())


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Return the unit vector of a text: each word adds 1 or -1 at positions derived from its hash."""
    vector = [0.0] * dimensions
    for word in words(text) or [""]:
        digest = hashlib.blake2b(word.encode(), digest_size=4 * _PLACES_A_WORD).digest()
        for (place,) in struct.iter_unpack("<I", digest):
            vector[(place >> 1) % dimensions] += 1.0 if place & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else [1.0, *vector[1:]]


def base64_of(vector: list[float]) -> str:
    """Encode a vector as the SDK expects it: little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
