"""Starts the simulated switch: `python -m acd.switch_protocol.simulated --socket PATH`."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from acd.switch_protocol.simulated.rudeness import Rule, Rules, parse_rule
from acd.switch_protocol.simulated.server import Server


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m acd.switch_protocol.simulated")
    parser.add_argument("--socket", type=Path, required=True, help="where the daemon connects")
    parser.add_argument("--control", type=Path, help="where the world and tests connect")
    parser.add_argument("--phone", action="append", default=[], help="a phone; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="of robots and rudeness")
    parser.add_argument(
        "--fallback-s",
        type=float,
        default=300.0,
        help="how long a call waits for a daemon before the switch's own default takes it",
    )
    parser.add_argument(
        "--rude",
        action="append",
        default=[],
        type=_rule,
        metavar="WHAT[:KIND]=CHANCE",
        help="late, repeated, crossed, dropped, ghost or slow; may be repeated",
    )
    given = parser.parse_args()
    os.umask(0o077)  # The sockets are for their owner only.
    try:
        for path in (given.socket, given.control):
            if path is not None:
                path.unlink(missing_ok=True)  # A switch that was killed leaves its sockets.
        asyncio.run(_serve(given))
    except OSError as error:
        sys.stderr.write(f"switch: {error}\n")
        return 2
    return 0


def _rule(text: str) -> Rule:
    try:
        return parse_rule(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def _serve(given: argparse.Namespace) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = Server(
        devices=tuple(given.phone),
        rules=Rules(tuple(given.rude), given.seed),
        seed=given.seed,
        fallback_s=given.fallback_s,
    )
    await server.listen(given.socket, given.control)
    sys.stdout.write(f"switch: listening at {given.socket}\n")
    sys.stdout.flush()
    await ended.wait()
    await server.close()


if __name__ == "__main__":
    sys.exit(main())
