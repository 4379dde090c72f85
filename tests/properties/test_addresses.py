"""Numbers and addresses however they are written: one customer has one token, two have two.

Method: Hypothesis draws a subscriber's number and writes it in ways that people write it; whatever
else it draws is taken without an error, and what was made of it stays as it is when made again.
"""

from hypothesis import given
from hypothesis import strategies as st

from acd.daemon.addresses import Numbering, canonical

COUNTRY = st.sampled_from(["1", "34", "49", "351"])
# Neither a phone of the house nor a stand-in, and without the prefixes with which it is dialled.
NATIONAL = st.from_regex(r"[2-9][0-9]{7,9}", fullmatch=True).filter(
    lambda digits: len(set(digits)) > 1 and not digits.endswith("266696687")
)
ANYTHING = st.text(max_size=300) | st.text("0123456789+-(). @a", max_size=30)


@given(st.data(), COUNTRY, NATIONAL)
def test_a_number_is_the_same_however_it_is_written(data, country, national):
    numbering = Numbering(country_code=country)
    beginning = data.draw(st.sampled_from([f"+{country}", f"00{country}", "0", ""]))
    digits = beginning + national
    written = "".join(
        digit + data.draw(st.sampled_from(["", "", " ", "-", ".", "/", "(", ")", "\u00a0"]))
        for digit in digits
    )
    assert canonical(written, numbering) == f"+{country}{national}"


@given(COUNTRY, NATIONAL, NATIONAL)
def test_two_numbers_stay_two(country, one, other):
    numbering = Numbering(country_code=country)
    same = canonical(f"0{one}", numbering) == canonical(f"+{country}{other}", numbering)
    assert same == (one == other)


@given(ANYTHING, st.sampled_from([Numbering(), Numbering(country_code="49")]))
def test_anything_is_an_address_or_is_not_and_stays_what_it_became(text, numbering):
    found = canonical(text, numbering)
    assert not found or canonical(found, numbering) == found
