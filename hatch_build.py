"""Compile the hot modules when the wheel is built with `ACD_COMPILE=1`; pure Python otherwise.

The modules are ordinary typed Python, compiled unchanged by mypyc. What they decide stays the same,
bit for bit (`tests/system/test_compiled.py`); a compiler and Python's headers are needed to build.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOT = (
    "admission",
    "affinity",
    "agents",
    "announcing",
    "bottleneck",
    "bits",
    "callback_facts",
    "callbacks",
    "change_facts",
    "changes",
    "classes",
    "clocks",
    "contact_facts",
    "counting",
    "dispositions",
    "doors",
    "eligibility",
    "expiry",
    "floor",
    "gates",
    "gauges",
    "habits",
    "heads",
    "inside",
    "kinds",
    "lane",
    "lanes",
    "leases",
    "line_places",
    "matching",
    "metrics",
    "occupancy",
    "offer_facts",
    "opening",
    "overflow",
    "parallel_offers",
    "performance",
    "parking",
    "parking_facts",
    "personal",
    "places",
    "policies",
    "queues",
    "ranks",
    "router",
    "selection",
    "sessions",
    "shifts",
    "stages",
    "supervision",
    "tallies",
    "timers",
    "transfer_facts",
    "transfers",
    "treatments",
    "urgency",
    "wait_time",
)
"""What runs at every step. Declarations of Structs gain nothing and stay interpreted."""


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the compiled modules beside their sources."""

    def dependencies(self) -> list[str]:
        """Return what building needs beside hatchling."""
        return ["mypy", "setuptools"] if _asked() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and name the results to the builder."""
        del version
        if not _asked():
            return
        from mypyc.build import mypycify  # noqa: PLC0415 - only for this
        from setuptools import Distribution  # noqa: PLC0415
        from setuptools.command.build_ext import build_ext  # noqa: PLC0415

        out = Path(self.directory).absolute() / "compiled"
        shutil.rmtree(out, ignore_errors=True)
        before = Path.cwd()
        os.chdir(self.root)
        try:
            modules = mypycify(
                [f"acd/{name}.py" for name in HOT],
                target_dir=str(out / "c"),
                multi_file=False,
            )
            command = build_ext(Distribution({"name": "acd", "ext_modules": modules}))
            command.build_lib = str(out / "lib")
            command.build_temp = str(out / "temp")
            command.ensure_finalized()
            command.run()
        finally:
            os.chdir(before)
        for library in (out / "lib").rglob("*.so"):
            build_data["force_include"][str(library)] = str(library.relative_to(out / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _asked() -> bool:
    return os.environ.get("ACD_COMPILE") == "1"
