"""Numbers and addresses of email, written in one way, so that they can be compared. Pure.

Sources: ITU-T E.164 for numbers; RFC 5321, 4.5.3.1 for addresses; RFC 3323, 4.1.1.3 for the address
of whoever wants to be nobody.
"""

import re
from typing import Final

from msgspec import Struct

DIGITS_MIN: Final = 5
"""Shorter numbers are phones of the house: a subscriber's has four digits at least, and an area."""

DIGITS_MAX: Final = 20
"""Longest number as it is dialled: 15 digits, and what stands before them."""

ADDRESS_MAX: Final = 254
"""Longest address of email."""

_SEPARATORS: Final = re.compile("[ \u00a0().\\-/]")
_NUMBER: Final = re.compile(r"(\+?)([0-9]+)")
_MAIL: Final = re.compile(r"""[^\s@<>()\[\],;:\\"]{1,64}@([^\s@<>()\[\],;:\\"]+)""")
_WITHHELD: Final = "266696687"
"""`ANONYMOUS` on the keys of a phone: carriers send it for whoever withheld his number."""


class Numbering(Struct, frozen=True, kw_only=True):
    """How numbers are dialled here. Without a country code they stay as they came."""

    country_code: str = ""
    international_prefix: str = "00"
    national_prefix: str = "0"
    """Empty where the whole number follows the country code."""


def canonical(address: str, numbering: Numbering) -> str | None:
    """Return a number or an address of email as it is compared.

    Empty if it is nobody's in particular: withheld, or a mere stand-in. None if it is neither, or a
    phone of the house.

    >>> germany = Numbering(country_code="49")
    >>> [canonical(one, germany) for one in ("(030) 123-456", "+49 30 123456", "0049 30123456")]
    ['+4930123456', '+4930123456', '+4930123456']
    >>> canonical("Ana@Example.ORG ", germany), canonical("00000000", germany)
    ('ana@example.org', '')
    >>> canonical("101", germany), canonical("anonymous", germany)
    (None, None)
    """
    text = address.strip().lower()
    if len(text) > ADDRESS_MAX:
        return None
    if "@" in text:
        return _mail(text)
    match = _NUMBER.fullmatch(_SEPARATORS.sub("", text))
    if match is None:
        return None
    sign, digits = match.groups()
    if not DIGITS_MIN <= len(digits) <= DIGITS_MAX:
        return None
    if len(set(digits)) == 1 or digits.endswith(_WITHHELD):
        return ""
    if sign or not numbering.country_code:
        return sign + digits
    prefix = numbering.international_prefix
    if prefix and digits.startswith(prefix):
        return f"+{digits.removeprefix(prefix)}"
    return f"+{numbering.country_code}{digits.removeprefix(numbering.national_prefix)}"


def _mail(text: str) -> str | None:
    match = _MAIL.fullmatch(text)
    if match is None or not text.isprintable():
        return None
    host = match[1]
    return "" if host == "invalid" or host.endswith(".invalid") else match[0]
