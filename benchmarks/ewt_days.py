"""The days that `bench_ewt` simulates."""

from typing import Final

STEADY: Final = """
[domain]
name = "steady"
estimated_wait = true

[queues.desk]
voice = { handle_time_s = 250, wrap_up_s = 30, auto_answer = true }

[capacities.phone]
voice = {}

[profiles]
desk = [{ queue = "desk" }]

[groups.desk]
profile = "desk"
capacity = "phone"

[scenario]
title = "One queue, steadily"
start = 2026-03-02T08:00:00
hours = 6
interval_min = 60
staffing = { desk = 30 }

[[scenario.arrivals]]
name = "calls"
queue = "desk"
channel = "voice"
rates_per_h = [403, 403, 403, 403, 403, 403]
handle = { mean_s = 230, scv = 1.2 }
patience_mean_s = 600
"""

PEAK: Final = """
[domain]
name = "peak"
estimated_wait = true

[queues.orders]
voice = { handle_time_s = 220, wrap_up_s = 20 }

[queues.help]
voice = { handle_time_s = 400, wrap_up_s = 40 }

[capacities.phone]
voice = {}

[profiles]
orders = [{ queue = "orders" }]
both = [{ queue = "orders" }, { queue = "help" }]

[groups.orders]
profile = "orders"
capacity = "phone"

[groups.both]
profile = "both"
capacity = "phone"

[scenario]
title = "A mailing goes out"
start = 2026-03-02T08:00:00
hours = 4
interval_min = 30
answer_s = 4

[scenario.staffing]
orders = [14, 14, 14, 14, 18, 22, 18, 14]
both = [16, 16, 16, 16, 16, 20, 20, 16]

[[scenario.arrivals]]
name = "orders"
queue = "orders"
channel = "voice"
rates_per_h = [280, 280, 280, 280, 280, 280, 280, 280]
handle = { mean_s = 200, scv = 1.0 }
patience_mean_s = 400

[[scenario.arrivals]]
name = "help"
queue = "help"
channel = "voice"
rates_per_h = [80, 80, 80, 80, 80, 80, 80, 80]
handle = { mean_s = 380, scv = 1.4 }
patience_mean_s = 600

[[scenario.peaks]]
name = "mailing"
streams = ["orders", "help"]
from = 2026-03-02T09:15:00
rise_min = 10
hold_min = 20
fall_min = 10
factor = 3
"""

SKILLS: Final = """
[domain]
name = "skills"
estimated_wait = true
skills = ["sales", "support", "billing", "returns", "french", "vip"]
agent_selection = ["least_flexible", "longest_idle"]

[queues.sales]
requires = "sales"
voice = { handle_time_s = 300, wrap_up_s = 20 }

[queues.support]
requires = "support"
voice = { handle_time_s = 500, wrap_up_s = 40 }

[queues.billing]
requires = "billing"
voice = { handle_time_s = 220, wrap_up_s = 20 }

[queues.returns]
requires = "returns"
voice = { handle_time_s = 180, wrap_up_s = 20 }

[queues.french]
requires = "french"
voice = { handle_time_s = 330, wrap_up_s = 30 }

[queues.vip]
requires = "vip"
voice = { handle_time_s = 420, wrap_up_s = 30 }

[capacities.phone]
voice = {}

[profiles]
all = [
  { queue = "sales" }, { queue = "support" }, { queue = "billing" },
  { queue = "returns" }, { queue = "french" }, { queue = "vip" },
]

[groups.sales]
profile = "all"
capacity = "phone"
skills = { sales = 5 }

[groups.support]
profile = "all"
capacity = "phone"
skills = { support = 5 }

[groups.accounts]
profile = "all"
capacity = "phone"
skills = { billing = 5, returns = 5 }

[groups.shop]
profile = "all"
capacity = "phone"
skills = { sales = 4, returns = 4 }

[groups.desk]
profile = "all"
capacity = "phone"
skills = { support = 4, billing = 4 }

[groups.french]
profile = "all"
capacity = "phone"
skills = { french = 5, sales = 3, support = 3 }

[groups.seniors]
profile = "all"
capacity = "phone"
skills = { sales = 7, support = 7, billing = 7, vip = 7 }

[groups.all]
profile = "all"
capacity = "phone"
skills = { sales = 9, support = 9, billing = 9, returns = 9, french = 9, vip = 9 }

[scenario]
title = "Many skills"
start = 2026-03-02T08:00:00
hours = 8
interval_min = 60
answer_s = 4

[scenario.staffing]
sales = [8, 10, 10, 9, 8, 10, 10, 8]
support = [10, 12, 12, 12, 10, 12, 12, 10]
accounts = [5, 6, 6, 5, 5, 6, 6, 5]
shop = [4, 5, 6, 5, 4, 5, 5, 4]
desk = [4, 4, 5, 5, 4, 5, 5, 4]
french = [3, 3, 3, 3, 3, 3, 3, 3]
seniors = [4, 5, 5, 5, 4, 5, 5, 4]
all = [2, 3, 3, 3, 2, 3, 3, 2]

[[scenario.arrivals]]
name = "sales"
queue = "sales"
channel = "voice"
rates_per_h = [110, 190, 160, 110, 120, 190, 150, 100]
handle = { mean_s = 280, scv = 1.1 }
patience_mean_s = 420

[[scenario.arrivals]]
name = "support"
queue = "support"
channel = "voice"
rates_per_h = [90, 110, 150, 140, 90, 110, 150, 100]
handle = { mean_s = 460, scv = 1.3 }
patience_mean_s = 900

[[scenario.arrivals]]
name = "billing"
queue = "billing"
channel = "voice"
rates_per_h = [70, 90, 110, 120, 130, 90, 80, 60]
handle = { mean_s = 200, scv = 1.0 }
patience_mean_s = 480

[[scenario.arrivals]]
name = "returns"
queue = "returns"
channel = "voice"
rates_per_h = [60, 120, 90, 60, 60, 110, 80, 60]
handle = { mean_s = 160, scv = 1.0 }
patience_mean_s = 480

[[scenario.arrivals]]
name = "french"
queue = "french"
channel = "voice"
rates_per_h = [20, 30, 35, 30, 20, 30, 35, 20]
handle = { mean_s = 300, scv = 1.0 }
patience_mean_s = 600

[[scenario.arrivals]]
name = "vip"
queue = "vip"
channel = "voice"
rates_per_h = [20, 25, 30, 25, 20, 25, 30, 20]
handle = { mean_s = 390, scv = 1.0 }
patience_mean_s = 900
"""

DAYS: Final = {"steady": STEADY, "peak": PEAK, "skills": SKILLS}
