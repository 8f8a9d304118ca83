"""TLS: whom the client trusts, and what it says where one side speaks it and the other does not."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from ci.registry.client import Client
from ci.registry.hosts import Endpoint
from ci.registry.retrying import Limits
from tests.raised import raises
from tests.unit.registry.fake import Fake, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    both, key = folder / "both.pem", folder / "key.pem"
    names = ("-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1")
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names)
    subprocess.run([*made, "-keyout", key, "-out", both], check=True, capture_output=True)
    both.write_text(both.read_text() + key.read_text())
    return both


def test_an_authority_that_is_given_is_trusted(certificate: Path, connect: Connect) -> None:
    with Fake(certificate=str(certificate)) as fake:
        client = connect(fake, plain_http=False, ca_file=str(certificate))
        assert client.tags(f"{fake.host}/team/web") == ()


def test_another_certificate_is_refused_at_once(certificate: Path, connect: Connect) -> None:
    with Fake(certificate=str(certificate)) as fake:
        with raises("registry.certificate-untrusted"):
            connect(fake, plain_http=False).tags(f"{fake.host}/team/web")
        assert fake.seen == []
        connect(fake, plain_http=False, ca_file=str(certificate)).tags(f"{fake.host}/team/web")
        assert fake.seen


def test_a_registry_on_loopback_may_have_tls(certificate: Path, connect: Connect) -> None:
    with Fake(certificate=str(certificate)) as fake:
        client = connect(fake)
        assert client.tags(f"{fake.host}/team/web") == ()
        client.check_writable(f"{fake.host}/team/web")


def test_a_registry_that_turns_out_to_have_tls_takes_a_second_try(
    certificate: Path, connect: Connect
) -> None:
    with Fake(certificate=str(certificate)) as fake, raises("registry.tls-required"):
        connect(fake, Limits(tries=1)).tags(f"{fake.host}/team/web")


def test_a_registry_elsewhere_is_not_spoken_to_without_verification(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "is_near", False)
    with (
        Fake(certificate=str(certificate)) as fake,
        Client([Endpoint(fake.host, plain_http=True)], Limits()) as client,
        raises("registry.unknown-error", "400"),
    ):
        client.tags(f"{fake.host}/team/web")


def test_a_registry_without_tls_is_told_with_what_helps(connect: Connect) -> None:
    with Fake() as fake, raises("registry.tls-absent", "--service tcp://HOST:PORT"):
        connect(fake, plain_http=False).tags(f"{fake.host}/team/web")


def test_credentials_are_not_sent_to_a_token_service_without_tls(certificate: Path, connect: Connect) -> None:
    realm = {"WWW-Authenticate": 'Bearer realm="http://auth.example/token",service="x"'}
    with Fake(certificate=str(certificate)) as fake:
        fake.rule = lambda _seen: Reply(401, b"", realm)
        client = connect(fake, plain_http=False, ca_file=str(certificate), username="a", password="b")  # noqa: S106 - invented
        with raises("registry.token-service-insecure", "http://auth.example/token"):
            client.tags(f"{fake.host}/team/web")


def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://proxy.example")
    with raises("registry.proxy-invalid", "gopher"):
        Client([Endpoint("registry.example")], Limits())


def test_a_proxy_is_used_for_what_is_elsewhere_alone(
    monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    with Fake() as proxy, Fake() as fake:
        proxy.rule = lambda _seen: Reply(502)
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
        assert connect(fake).tags(f"{fake.host}/team/web") == ()
        elsewhere = Endpoint("registry.example", plain_http=True)
        with Client([elsewhere], Limits(tries=1)) as client, raises("registry.unavailable", "502"):
            client.tags("registry.example/team/web")
        assert [seen.path for seen in proxy.seen] == ["http://registry.example/v2/team/web/tags/list?n=1000"]
