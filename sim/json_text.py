"""Facts as JSON, alike in all commands."""

import json
import math
from collections.abc import Mapping
from typing import Any


def json_text(facts: Any) -> str:  # noqa: ANN401 - whatever JSON can hold.
    r"""Return facts as lines of JSON with sorted keys; a number that is none, or endless, is null.

    >>> json_text({"reached": float("nan")})
    '{\n "reached": null\n}\n'
    """
    text = json.dumps(_plain(facts), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def _plain(fact: Any) -> Any:  # noqa: ANN401
    if isinstance(fact, float):
        return fact if math.isfinite(fact) else None
    if isinstance(fact, Mapping):
        return {key: _plain(value) for key, value in fact.items()}
    if isinstance(fact, list | tuple):
        return [_plain(one) for one in fact]
    return fact
