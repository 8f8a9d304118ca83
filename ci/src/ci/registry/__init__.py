"""One client of the OCI distribution protocol, over httpx; it imports no Dagger.

It judges an answer by its status, its headers and the error codes of the specification. Text of a registry or
of a proxy is shown and never read.

Why a client of our own: oras-py, the one maintained client in Python, retries every exception after fixed
delays, reports failures as text without a status, keeps one token in a session that threads cannot share,
reads whole layers into memory, and cannot resume an upload or list referrers. The fault matrix of
tests/release needs each of these, so the protocol is written here and the HTTP is httpx's, which the Dagger
SDK depends on anyway.
"""
