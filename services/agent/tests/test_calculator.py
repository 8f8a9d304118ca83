import ast

import pytest
from agent_service.calculator import MAX_BITS, CalculationError, calculate
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        (" -7 // 2 ", "-4"),
        ("7 % 4", "3"),
        ("2 ** 10", "1024"),
        ("2 ** -1", "0.5"),
        ("0.1 + 0.2", "0.3"),
        ("1e3 / 4", "250"),
        ("+-+1", "-1"),
        ("10 / 4", "2.5"),
        (f"2 ** {MAX_BITS - 1}", str(2 ** (MAX_BITS - 1))),
    ],
)
def test_values(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "only numbers"),
        ("2 +", "not an arithmetic expression"),
        ("1 2", "not an arithmetic expression"),
        ("e", "only numbers"),
        ("()", "only numbers"),
        ("1(2)", "only numbers"),
        ("__import__('os')", "only numbers"),
        ("1 if 1 else 2", "only numbers"),
        ("2 ^ 3", "only numbers"),
        ("1 / 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("(-8) ** 0.5", "not a real number"),
        ("1e308 * 10", "too large"),
        ("1e999", "too large"),
        ("9 ** 9 ** 9", "too large"),
        ("9.0 ** 9999", "too large"),
        (f"2 ** {MAX_BITS}", "too large"),
        ("1" * 201, "longer than 200"),
        ("(" * 100 + "1" + ")" * 99, "not an arithmetic expression"),
    ],
)
def test_refusals_name_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(CalculationError, match=reason):
        calculate(expression)


def test_the_deepest_expression_is_no_recursion_error() -> None:
    assert calculate("-" * 199 + "1") == "-1"


@given(st.text(alphabet="0123456789eE.+-*/%() ", max_size=40))
def test_any_text_of_these_characters_is_a_number_or_a_refusal(expression: str) -> None:
    try:
        value = calculate(expression)
    except CalculationError:
        return
    assert isinstance(ast.literal_eval(value), int | float)
