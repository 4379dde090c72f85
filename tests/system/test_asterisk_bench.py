"""The benchmark beside Asterisk's own queue runs, in its small form.

Method: as a user starts it. No second is compared: what is looked for is the table.
"""

import re
import sys

WAYS = ["floor", "acd", "app_queue"]
PARTS = ["told", "decided", "begun", "durable", "heard", "asked", "rings"]
LINE = re.compile(r"3 agents +([a-z_]+) +p50 +[0-9.]+ .* mean +[0-9.]+ ms  \([0-9]+ gaps.*")
PART = re.compile(r"part of acd's: ([a-z]+) +p50 +[0-9.]+ ")


def test_the_benchmark_measures_all_ways_and_says_where_the_time_goes(run, say):
    done = run([sys.executable, "-m", "benchmarks.asterisk_gap", "--smoke", "--trace"])
    assert [found.group(1) for found in LINE.finditer(done.stdout)] == WAYS
    assert PART.findall(done.stdout) == PARTS
    for found in LINE.finditer(done.stdout):
        say(f"idle gap, smoke: {found.group()}")
