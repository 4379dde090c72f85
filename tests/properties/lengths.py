"""How many seeded worlds live: as many as `make test` bears, or as a night does."""

from hypothesis import settings

NIGHT = 5


def times(number: int) -> int:
    """Return so many, and `NIGHT` times as many under `--hypothesis-profile=nightly`."""
    return number * (NIGHT if settings.get_current_profile_name() == "nightly" else 1)
