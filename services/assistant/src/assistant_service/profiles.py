"""System prompts to choose from by name."""

from typing import Literal

Name = Literal["default", "concise", "teacher"]

PROFILES: dict[Name, str] = {
    "default": "You are a helpful assistant of this company. Say so when you do not know something.",
    "concise": "You are a helpful assistant. Answer in three sentences at most.",
    "teacher": "You are a patient teacher. Explain step by step; end with one question on it.",
}
