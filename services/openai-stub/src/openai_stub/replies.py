"""Generate answers: scripted by markers in the last message of the user, otherwise an echo.

`[[reply:TEXT]]` answers TEXT. `[[tool:NAME {"a": 1}]]` calls a tool, one marker per round; `[[+tool:…]]` in
the same round as the previous marker, `[[loop:NAME {…}]]` in every round. `[[pace:MS]]` waits that long
between the chunks of a stream.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from openai_stub.embeddings import words

DEFAULT_PACE_MS = 10
_TOOL = re.compile(r"\[\[(\+?)(tool|loop):([\w-]+)\s*(\{.*?\})\]\]", re.DOTALL)
_REPLY = re.compile(r"\[\[reply:(.*?)\]\]", re.DOTALL)
_PACE = re.compile(r"\[\[pace:(\d+)\]\]")
_SOURCE = re.compile(r"\[(\d+)\]")

Json = dict[str, Any]


@dataclass
class Reply:
    """An answer of the model, before it is encoded."""

    text: str = ""
    tool_calls: list[Json] = field(default_factory=list)
    finish_reason: str = "stop"
    pace_ms: int = DEFAULT_PACE_MS

    def pieces(self) -> list[str]:
        """Return the text in chunks for streaming, word by word."""
        return re.findall(r"\s*\S+\s*$|\s*\S+", self.text)


def reply_to(body: Json) -> Reply:
    """Return the answer to the body of a chat completions request."""
    messages: list[Json] = body["messages"]
    asked = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=-1)
    prompt = _text(messages[asked]) if asked >= 0 else ""
    pace = _PACE.search(prompt)
    reply = _scripted(body, prompt, messages[asked + 1 :])
    reply.pace_ms = int(pace[1]) if pace else DEFAULT_PACE_MS
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit and len(reply.pieces()) > limit:
        reply.text = "".join(reply.pieces()[:limit])
        reply.finish_reason = "length"
    return reply


def prompt_tokens(body: Json) -> int:
    """Return the number of words in all messages."""
    return sum(len(words(_text(message))) for message in body["messages"])


def _scripted(body: Json, prompt: str, since: list[Json]) -> Reply:
    calls = _tool_calls(prompt, sum(message["role"] == "assistant" for message in since))
    if body.get("tools") and calls:
        return Reply(tool_calls=calls, finish_reason="tool_calls")
    exact = _REPLY.search(prompt)
    if exact:
        return Reply(exact[1])
    results = [_text(message) for message in since if message["role"] == "tool"]
    if results:
        return Reply(f"The tools said: {' | '.join(results)}")
    plain = _PACE.sub("", _TOOL.sub("", prompt)).strip()
    if body.get("response_format", {}).get("type") == "json_schema":
        return Reply(json.dumps(sample(body["response_format"]["json_schema"].get("schema", {}), plain)))
    source = _SOURCE.search(" ".join(_text(message) for message in body["messages"]))
    return Reply(f"Stand-in answer to: {plain[-200:]}" + (f" [{source[1]}]" if source else ""))


def _tool_calls(prompt: str, done: int) -> list[Json]:
    rounds: list[list[Json]] = []
    for at, (same_round, kind, name, arguments) in enumerate(_TOOL.findall(prompt)):
        number = done if kind == "loop" else at
        call = {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        if kind == "loop":
            return [call]
        if same_round and rounds:
            rounds[-1].append(call)
        else:
            rounds.append([call])
    return rounds[done] if done < len(rounds) else []


def sample(schema: Json, topic: str, place: str = "value") -> Any:  # noqa: ANN401, PLR0911 - a return a type
    """Return the simplest value for a JSON schema; texts contain the topic, so that stages differ."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], topic, place)
    match schema.get("type", "object"):
        case "object":
            return {name: sample(part, topic, name) for name, part in schema.get("properties", {}).items()}
        case "array":
            count = schema.get("minItems", 2)
            return [
                sample(schema.get("items", {}), topic, f"{place} {number + 1}") for number in range(count)
            ]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return f"{place}: {topic[:80]}"


def _text(message: Json) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)
