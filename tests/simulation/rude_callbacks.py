"""A rude mixture of customers who are called back, with all that may cross it."""

from msgspec.structs import replace

from sim.scenario import parse

RUDE = """\
[domain]
name = "rude"
estimated_wait = true
messages = ["we-call-you", "full"]

[queues.sales]
opening_hours = "day"
resume_s = 60
voice = { ring_s = 15, wrap_up_s = 75, parallel_offers = 2, handle_time_s = 120, overflow = [
  { max_waiting = 12, message = "full" },
  { joining = ["nobody_ready"], max_wait_s = 150, callback = "we-call-you" },
  { leaving = ["closed"], queue = "repairs" },
] }
email = { handle_time_s = 200 }
callbacks = { attempts = 2, retry_s = 120, dial_s = 12 }
treatments = [
  { after_s = 0, play = "message", message = "welcome" },
  { after_s = 10, every_s = 10, play = "offer_callback", message = "press-1", key = "1" },
]

[queues.repairs]
voice = { auto_answer = true, wrap_up_s = 60, handle_time_s = 120, overflow = [
  { max_wait_s = 240, callback = "we-call-you" },
] }
callbacks = { attempts = 1, dial_s = 15 }
treatments = [
  { after_s = 5, every_s = 15, play = "offer_callback", message = "press-2", key = "2" },
]

[calendars.day]
time_zone = "UTC"
mon = ["08:00-09:30"]

[capacities.one]
voice = {}
email = { slots = 2, cost = 50, interrupted_by = ["voice"] }

[profiles]
all = [{ queue = "sales" }, { queue = "repairs" }]

[groups.day]
profile = "all"
capacity = "one"

[scenario]
title = "Rude"
start = 2026-12-14T08:00:00
hours = 2
interval_min = 20
answer_s = 3

[scenario.staffing]
day = [5, 6, 3, 5, 2, 4]

[scenario.staffing_rules.day]
at_end = { email = "hand_back" }

[[scenario.transfers]]
queue = "sales"
channel = "voice"
to = "repairs"
share = 0.3
handle = { mean_s = 60 }

[[scenario.transfers]]
queue = "repairs"
channel = "voice"
to = "sales"
share = 0.3
handle = { mean_s = 60 }

[[scenario.arrivals]]
name = "calls"
queue = "sales"
channel = "voice"
rates_per_h = [120, 200, 100, 150, 100, 30]
handle = { mean_s = 120 }
patience_mean_s = 100
accepts = { mean_s = 900 }
callbacks = { accept_share = 0.4, answer_share = 0.4, busy_share = 0.3, answer_s = 4 }

[scenario.arrivals.redials]
share = 0.7
pause = { mean_s = 90 }
attempts_max = 4
causes = ["abandoned", "balked", "turned_away", "not_reached"]

[[scenario.arrivals]]
name = "letters"
queue = "sales"
channel = "email"
rates_per_h = [30, 30, 30, 30, 30, 30]
handle = { mean_s = 200 }
"""


def rude():
    """Return the mixture; one of its customers calls again and again, so that he is known."""
    scenario = parse(RUDE.encode(), file="rude.toml")
    calls, letters = scenario.streams
    rates = tuple(rate / 10 for rate in calls.rates_per_h)
    same = replace(calls, name="same", customer="ada", rates_per_h=rates)
    return replace(scenario, streams=(calls, letters, same))
