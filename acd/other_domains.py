"""What a domain knows of another one. See docs/routing/hand_over.md."""

from msgspec import Struct


class OtherDomain(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A domain that may take contacts of this one, and hand its own over."""

    name: str
    answer_us: int = 5_000_000
    """For how long a contact waits for its answer, offered to nobody."""
    retry_us: int = 60_000_000
    """For how long it is not asked again to take a contact that it did not take."""
