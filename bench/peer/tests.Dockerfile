# The dependencies of tests, from the project's lock. The context is the root of the repository.
ARG PYTHON_IMAGE=python:3.13-slim-trixie
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.12.23
FROM ${UV_IMAGE} AS uv
FROM ${PYTHON_IMAGE}
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_LINK_MODE=copy UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never UV_PYTHON=/usr/local/bin/python3
WORKDIR /project
COPY pyproject.toml uv.lock ./
RUN uv export --frozen --no-emit-workspace --no-header --quiet --only-group test --output-file /requirements.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --no-deps --target /opt/test-dependencies --require-hashes --requirements /requirements.txt
COPY services/testing /packages/testing
COPY services/openai-stub /packages/openai-stub
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --no-deps --target /opt/test-dependencies /packages/testing /packages/openai-stub
