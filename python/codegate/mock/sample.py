"""A value that fits a JSON schema, for answers and tool calls that nobody scripted."""

from collections.abc import Mapping

_DEPTH_LIMIT = 16


def sample(schema: Mapping[str, object], text: str, *, depth: int = 0) -> object:
    """A small instance of `schema`; strings without further rules are `text`.

    References are not followed and patterns not obeyed: both give a plain string.
    """
    for member in ("const", "default"):
        if member in schema:
            return schema[member]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    for member in ("anyOf", "oneOf", "allOf"):
        variants = schema.get(member)
        if isinstance(variants, list) and variants and isinstance(variants[0], Mapping):
            return sample(variants[0], text, depth=depth)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind is None:
        kind = "object" if "properties" in schema or depth == 0 else "string"
    if kind == "object":
        return _sample_object(schema, text, depth)
    if kind == "array":
        items = schema.get("items")
        if not isinstance(items, Mapping) or depth > _DEPTH_LIMIT:
            return []
        return [sample(items, text, depth=depth + 1)]
    return {
        "string": text,
        "integer": schema.get("minimum", 1),
        "number": schema.get("minimum", 1),
        "boolean": True,
    }.get(str(kind))


def _sample_object(schema: Mapping[str, object], text: str, depth: int) -> dict[str, object]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or depth > _DEPTH_LIMIT:
        return {} if depth else {"text": text}
    return {
        str(name): sample(inner, text, depth=depth + 1)
        for name, inner in properties.items()
        if isinstance(inner, Mapping)
    }
