"""A real-time, skills-based contact router: `acd.router.Router`, and what stands around it.

Nothing is imported here, so that `acd --help` needs neither numpy nor pydantic.
"""

from typing import Final

__version__: Final = "0.1.0"
