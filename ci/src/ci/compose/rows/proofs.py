"""The tests that prove rows of more than one table."""

from __future__ import annotations

__all__ = ["CLOSED", "LIMITS", "NOTED", "ORDER", "READ", "REFUSED", "SEEN", "STACK"]

STACK, SEEN, READ = (
    "engine/test_stack.py::",
    "engine/test_stack_semantics.py::",
    "pure/compose/test_projects.py::",
)
CLOSED = STACK + "test_a_hardened_service_has_nothing_it_did_not_ask_for"
LIMITS = STACK + "test_limits_are_those_of_either_place_in_the_file"
ORDER = SEEN + "test_order_conditions_names_volumes_networks_and_secrets"
# Those of one kind are tested with one file a key, see tests/fixtures/compose/keys.yaml.
NOTED = "pure/compose/test_keys.py::test_a_noted_key_is_noted_with_its_reason"
REFUSED = "pure/compose/test_keys.py::test_a_refused_key_is_refused_by_name"
