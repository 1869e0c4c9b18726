"""Instances of JSON schemas."""

import pytest

from codegate.mock.sample import sample


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {"text": "t"}),
        ({"type": "object"}, {"text": "t"}),
        ({"type": "string"}, "t"),
        ({"type": "integer"}, 1),
        ({"type": "number", "minimum": 3}, 3),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["string", "null"]}, "t"),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 5}, 5),
        ({"type": "string", "default": "d"}, "d"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "array"}, []),
        (
            {"properties": {"a": {"type": "object"}, "b": {"properties": {"c": {}}}}},
            {"a": {}, "b": {"c": "t"}},
        ),
    ],
)
def test_sample(schema: dict[str, object], value: object) -> None:
    assert sample(schema, "t") == value


def test_deep_schemas_end() -> None:
    schema: dict[str, object] = {"type": "array"}
    schema["items"] = schema
    value = sample(schema, "t")
    depth = 0
    while value:
        assert isinstance(value, list)
        value = value[0]
        depth += 1
    assert 0 < depth < 50
