"""Run the stand-in: `python -m openai_stub`."""

import os

import uvicorn

from openai_stub.main import create_app

if __name__ == "__main__":
    host = os.environ.get("HOST", "0.0.0.0")  # noqa: S104 - a container is reached from outside of it
    uvicorn.run(create_app(), host=host, port=int(os.environ.get("PORT", "8000")))
