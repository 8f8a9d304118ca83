from __future__ import annotations

import pytest

from ci.release import retries

# What regctl 0.11.6 printed against a registry that failed so.
UNEXPECTED = "failed to put manifest r/a:1: request failed: unexpected http status code: "
TRANSIENT = [
    "request failed: rate limit exceeded [http 429]: {}",
    f"{UNEXPECTED}Internal Server Error [http 500]: ",
    f"{UNEXPECTED}Bad Gateway [http 502]: x",
    f"{UNEXPECTED}Service Unavailable [http 503]: x",
    "failed to head r/quota:1: request failed: unexpected http status code: x [http 500]: ",
    "failed to send blob (chunk), ref r/a@sha256:1: http status: not found [http 404]",
    'Put "http://127.0.0.1:4/v2/t/agent/manifests/1": EOF',
    "dial tcp 127.0.0.1:4: connect: connection refused",
    "read tcp 127.0.0.1:5->127.0.0.1:4: read: connection reset by peer",
    "write tcp 127.0.0.1:51768->127.0.0.1:46113: use of closed network connection",
    "failed to put manifest r/a:1: retry limit exceeded",
    "lookup r.example on 10.0.0.1:53: read udp: i/o timeout",
]
# What Go has for the same in net, net/http and syscall, and regctl would pass on: not seen here.
TRANSIENT_OF_GO = [
    'Put "http://127.0.0.1:4/v2/": http: server closed idle connection',
    'Put "http://127.0.0.1:4/v2/": net/http: HTTP/1.x transport connection broken: short write',
    'Get "https://r.example/v2/": net/http: request canceled while waiting for connection',
    'Get "https://r.example/v2/": context deadline exceeded',
    'Get "https://r.example/v2/": http2: client connection lost',
    "http2: client connection force closed via ClientConn.Close",
    "http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR",
    "stream error: stream ID 5; INTERNAL_ERROR; received from peer",
    "read tcp 127.0.0.1:5->127.0.0.1:4: read: software caused connection abort",
    "dial tcp 127.0.0.1:4: connect: connection timed out",
    "dial tcp 127.0.0.1:4: connect: network is unreachable",
    "dial tcp 127.0.0.1:4: connect: network is down",
    "dial tcp 127.0.0.1:4: connect: no route to host",
    "dial tcp 127.0.0.1:4: connect: host is down",
]
FINAL = [
    ("request failed: unauthorized [http 401]: ", "registry.unauthorized"),
    ("failed to put manifest r/a:1: empty challenge header", "registry.unauthorized"),
    ('request failed: unauthorized [http 403]: {"errors":[{"code":"DENIED"}]}', "registry.denied"),
    (f"{UNEXPECTED}Method Not Allowed [http 405]: ", "registry.read-only"),
    (f"{UNEXPECTED}Insufficient Storage [http 507]: ", "registry.full"),
    (
        f'{UNEXPECTED}Internal Server Error [http 500]: {{"message":"no space left on device"}}',
        "registry.full",
    ),
    (f'{UNEXPECTED}Internal Server Error [http 500]: {{"Op":"write","Err":28}}', "registry.full"),
    ('unauthorized [http 403]: {"message":"quota exceeded"}', "registry.full"),
    ("lookup r.exmaple on 10.0.0.1:53: no such host", "registry.unknown-error"),
    (
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "registry.unknown-error",
    ),
    ("manifest digest mismatch, expected sha256:1, computed sha256:2", "registry.digest-mismatch"),
    (
        "failed to send blob chunk: digest mismatch [expected sha256:1, calculated sha256:2]: EOF",
        "registry.digest-mismatch",
    ),
    ("", "registry.unknown-error"),
]


@pytest.mark.parametrize("output", [*TRANSIENT, *TRANSIENT_OF_GO])
def test_what_passes_is_tried_again(output: str) -> None:
    assert retries.judge(f"level=WARN msg=before\n{output}\n").delays == retries.DELAYS


@pytest.mark.parametrize(("output", "code"), FINAL)
def test_what_does_not_pass_is_said_at_once(output: str, code: str) -> None:
    verdict = retries.judge(output)
    assert verdict.delays == ()
    assert verdict.code == code


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("failed to send blob (chunk), ref r/a@sha256:1: x [http 404]", "registry.upload-forgotten"),
        ("unavailable [http 503]", "registry.unavailable"),
        ("connection refused", "registry.unreachable"),
    ],
)
def test_what_may_pass_has_a_code_by_its_cause(output: str, code: str) -> None:
    assert retries.judge(output).code == code


def test_only_the_last_line_counts() -> None:
    output = "connection refused [http 500]\nfailed: request failed: not found [http 404]: "
    verdict = retries.judge(output)
    assert verdict is retries.ABSENT
    assert verdict.code == "registry.absent"


def test_a_silent_registry_is_asked_once_more_and_the_limit_is_named() -> None:
    verdict = retries.silent(30.0)
    assert verdict.code == "registry.timeout"
    assert "30 s" in verdict.reason
    assert verdict.delays == retries.DELAYS_SILENT
