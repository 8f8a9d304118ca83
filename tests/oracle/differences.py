"""Where the stack is known to differ from Docker, and why: what is not named here must be the same.

A line that is listed and is equal fails too: then it goes from here.
"""

from __future__ import annotations

_COPY = (
    "files of the project are copies: root may write to one, which changes nothing outside of the container"
)
_FILTER = "services that share no network are kept apart by routes: the name is known, no connection is made"

# (service, what): why. `what` is `exit`, `starts`, or a word of the fixture's command, as its line begins.
DIFFERENCES: dict[tuple[str, str], str] = {
    ("apart-stranger", "resolve=apart-server"): _FILTER,
    ("apart-stranger", "connect=apart-server:80"): _FILTER,
    ("config-file", "write=/etc/file.conf"): _COPY,
    ("secret-file", "write=/run/secrets/of-file"): _COPY,
    ("hostname-set", "resolve=its-name"): "a service finds itself by its service name, not by `hostname:`",
    ("read-only", "write=/etc/hostname"): "there is no /etc/hostname: the name is the kernel's alone",
    (
        "seccomp-default",
        "seccomp",
    ): "the engine gives a privileged container no seccomp filter, nor does the init",
    (
        "secret-user",
        "mode=/run/secrets/of-variable",
    ): "without `gid:` a secret's group is 0, not the service's",
    ("system", "write=/etc/hosts"): "the stack writes /etc/hosts while it runs: a service may not",
}
