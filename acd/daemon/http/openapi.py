"""What the API says of itself: docs/openapi.json is this, checked in.

python -m acd.daemon.http.openapi docs/openapi.json
"""

import json
import sys
from pathlib import Path
from typing import cast

from acd.daemon.http.app import make_api
from acd.daemon.http.parts import Daemon


def document() -> str:
    """Return the API's OpenAPI document as JSON."""
    # Routes are described and none is called, so there need be no daemon behind them.
    api = make_api(cast("Daemon", None))
    return json.dumps(api.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
