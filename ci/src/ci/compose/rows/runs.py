"""What runs, when, and with which rights."""

from __future__ import annotations

from ci.compose.rows.proofs import CLOSED, LIMITS, NOTED, ORDER, READ, REFUSED, SEEN, STACK
from ci.compose.rows.row import Row, Status, rows

__all__ = ["ROWS"]

_E, _S, _N, _R = Status.ENFORCED, Status.SUPPORTED, Status.NOTED, Status.REFUSED

_PLAIN = STACK + "test_a_plain_service_has_what_docker_gives_and_no_more"
_PRIVILEGED = STACK + "test_a_privileged_service_has_everything"
_FAILURES = "engine/test_stack_failures.py::test_a_failure_names_the_service_the_condition_and_why"
_BUILD = "engine/test_build.py::test_all_images_are_built_and_the_table_names_each"
_HIDDEN = "engine/test_build_input.py::test_a_build_secret_that_gets_into_the_image_is_found_and_not_shown"
_RUNS = SEEN + "test_what_runs_is_what_the_file_says"
_BUILT = "engine/test_build_keys.py::test_a_build_takes_what_the_compose_file_gives_it"
_INLINE = "engine/test_build_keys.py::test_a_dockerfile_of_the_compose_file_is_in_no_context"
_CONTEXTS = "engine/test_build_keys.py::test_additional_contexts_are_folders_images_and_services"
_SSH = "engine/test_build_keys.py::test_a_build_takes_the_ssh_agent_it_is_given"
_STOP = SEEN + "test_a_service_is_stopped_with_its_signal_in_its_time"
_HOOKS = SEEN + "test_hooks_run_after_the_start_and_before_the_stop"
_REPLICAS = SEEN + "test_replicas_are_one_name_and_all_are_waited_for"

_BUILDING = {
    **rows(_S, _BUILD, "built by BuildKit, in the sandbox", "build.context", "build.dockerfile"),
    **rows(_S, _BUILT, "as for `docker compose build`", "build.target", "build.args", "build.labels"),
    **rows(_S, _INLINE, "as for `docker compose build`", "build.dockerfile_inline"),
    **rows(
        _S,
        _CONTEXTS,
        "folders, images (the images map applies), addresses, and other services",
        "build.additional_contexts",
    ),
    **rows(_S, _HIDDEN, "mounted in RUN --mount=type=secret; searched for in the image", "build.secrets"),
    **rows(
        _S,
        _BUILT,
        "as for `docker compose build`",
        *("build.cache_from", "build.cache_to", "build.no_cache", "build.network", "build.extra_hosts"),
        *("build.shm_size", "build.ulimits", "build.no_cache_filter"),
    ),
    **rows(_S, _SSH, "the agent of --ssh-agent", "build.ssh"),
    **rows(_N, NOTED, "bases are always resolved again", "build.pull"),
    **rows(_N, NOTED, "tags come from the git ref", "build.tags"),
    **rows(_N, NOTED, "made of every image when it is released", "build.provenance", "build.sbom"),
    **rows(_N, NOTED, "of several the engine's own is built, or that of --platform", "build.platforms"),
    **rows(_N, NOTED, "has a meaning on Windows only", "build.isolation"),
    **rows(
        _N,
        NOTED,
        "security.insecure is refused when the image is built",
        *("build.entitlements", "build.privileged"),
    ),
}

_RUN = {
    **rows(_S, ORDER, "pulled by the engine; the images map applies", "image"),
    **rows(_S, _RUNS, "as Compose combines them with the image's own", "command", "entrypoint"),
    **rows(_S, _RUNS, "set on the container", "working_dir", "environment"),
    **rows(_S, _RUNS, "resolved by Compose into what is here", "env_file", "extends"),
    **rows(_S, READ + "test_profiles_choose_services", "those of --profiles are on", "profiles"),
    **rows(_E, _RUNS, "the service is process 1, or has an init over it", "init"),
    **rows(_E, CLOSED, "looked up in the image's own files", "user", "group_add"),
    **rows(_N, NOTED, "images are those of the engine's own platform", "platform"),
    # when it runs
    **rows(_S, ORDER, "the stack starts each service when its conditions are met", "depends_on.*.condition"),
    **rows(
        _S,
        SEEN + "test_what_is_not_required_may_fail",
        "false: its failure stops nothing",
        "depends_on.*.required",
    ),
    **rows(
        _N, NOTED, "nothing is restarted by hand in a stack that lives for one call", "depends_on.*.restart"
    ),
    **rows(
        _E,
        _FAILURES,
        "run inside the container, with its user and secrets, ended when its time is over",
        *("healthcheck.test", "healthcheck.interval", "healthcheck.timeout", "healthcheck.retries"),
    ),
    **rows(
        _E,
        SEEN + "test_a_healthcheck_of_the_image_can_be_changed_or_taken_away",
        "over the image's own, key by key",
        "healthcheck.disable",
        "healthcheck.start_period",
        "healthcheck.start_interval",
    ),
    **rows(
        _E,
        _STOP,
        "the init sends it, waits (--stop-timeout at most), then kills",
        "stop_signal",
        "stop_grace_period",
    ),
    **rows(_E, ORDER, "the init starts it again", "restart"),
    **rows(
        _E,
        _HOOKS,
        "run by the init beside the service: who waits for it waits for them",
        *(
            f"{hook}.*.{key}"
            for hook in ("post_start", "pre_stop")
            for key in ("command", "user", "working_dir", "environment")
        ),
    ),
    **rows(
        _R,
        REFUSED,
        "a hook has the rights of its service",
        "post_start.*.privileged",
        "pre_stop.*.privileged",
    ),
    **rows(_R, REFUSED, "run it as a service that this one waits for", "pre_start"),
    # how many, with how much
    **rows(_S, _REPLICAS, "that many containers under one name", "deploy.replicas", "scale"),
    **rows(_E, LIMITS, "written to its control group", "mem_limit", "cpus", "pids_limit"),
    **rows(
        _E,
        LIMITS,
        "as mem_limit, cpus and pids_limit",
        *(f"deploy.resources.limits.{key}" for key in ("memory", "cpus", "pids")),
    ),
    **rows(
        _E,
        SEEN + "test_a_restart_policy_of_deploy_is_honoured",
        "as restart",
        "deploy.restart_policy.condition",
        "deploy.restart_policy.max_attempts",
    ),
    **rows(
        _N,
        NOTED,
        "the init waits 100 ms, and twice as long each time, as Docker does",
        "deploy.restart_policy.delay",
        "deploy.restart_policy.window",
    ),
    **rows(
        _N,
        NOTED,
        "the engine reserves nothing",
        *(f"deploy.resources.reservations.{key}" for key in ("memory", "cpus", "generic_resources")),
    ),
    **rows(
        _N,
        NOTED,
        "for Swarm",
        *(
            f"deploy.{key}"
            for key in ("endpoint_mode", "labels", "mode", "placement", "rollback_config", "update_config")
        ),
    ),
}

_RIGHTS = {
    **rows(_E, CLOSED, "the root is mounted read-only", "read_only"),
    **rows(_E, CLOSED, "mounted with size, mode, uid and gid", "tmpfs"),
    **rows(_E, _PLAIN, "exactly these capabilities are left", "cap_add"),
    **rows(_E, CLOSED, "exactly these capabilities are left", "cap_drop"),
    **rows(_E, _PRIVILEGED, "all capabilities, devices and kernel settings of the engine", "privileged"),
    **rows(_E, CLOSED, "no-new-privileges", "security_opt"),
    **rows(
        _N,
        NOTED,
        "profiles of seccomp, apparmor and selinux are not loaded by the engine",
        "security_opt[a profile]",
    ),
    **rows(_E, CLOSED, "set before the service starts", "ulimits", "sysctls"),
    **rows(_E, LIMITS, "the size of /dev/shm", "shm_size"),
    **rows(_N, NOTED, "a weight against neighbours, which differ in every run", "cpu_shares", "blkio_config"),
    **rows(
        _N,
        NOTED,
        "a hint to the kernel under pressure",
        *("mem_reservation", "mem_swappiness", "memswap_limit", "oom_kill_disable", "oom_score_adj"),
    ),
    **rows(
        _N,
        NOTED,
        "scheduling of Windows or real-time kernels, or of a machine's own cores",
        *(
            "cpu_count",
            "cpu_percent",
            "cpu_rt_period",
            "cpu_rt_runtime",
            "cpuset",
            "isolation",
            "credential_spec",
        ),
    ),
    **rows(_N, NOTED, "the engine chooses it", "cgroup", "cgroup_parent", "runtime", "storage_opt"),
    **rows(_R, REFUSED, "use `cpus`", "cpu_period", "cpu_quota"),
    **rows(
        _R,
        REFUSED,
        "shares a namespace of the host or of another container",
        "ipc",
        "pid",
        "uts",
        "userns_mode",
    ),
    **rows(
        _R,
        REFUSED,
        "the host's devices are not the engine's",
        "devices",
        "device_cgroup_rules",
        "gpus",
        "deploy.resources.reservations.devices",
    ),
    **rows(_R, REFUSED, "there is no Docker socket; use a service of its own", "use_api_socket"),
    **rows(_R, REFUSED, "is run by a program on the host", "provider", "models"),
}

ROWS: dict[str, Row] = {**_BUILDING, **_RUN, **_RIGHTS}
