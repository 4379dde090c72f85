"""The benchmark beside Asterisk's own queue runs, in its small form.

Method: as a user starts it. No second is compared: what is looked for is the table.
"""

import re
import sys

LINE = re.compile(r"3 agents +(acd|app_queue) +p50 +[0-9.]+ .* mean +[0-9.]+ ms")


def test_the_benchmark_measures_both_ways(run, say):
    done = run([sys.executable, "-m", "benchmarks.asterisk_gap", "--smoke"])
    assert [found.group(1) for found in LINE.finditer(done.stdout)] == ["acd", "app_queue"]
    for found in LINE.finditer(done.stdout):
        say(f"idle gap, smoke: {found.group()}")
