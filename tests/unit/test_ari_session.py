"""One link to Asterisk: the log-in, requests and their answers, deadlines, ends.

Method: times are handed in, so every deadline is met to the microsecond; a scripted Asterisk
(`ari_session.py`) answers what is asked.
"""

import pytest

from acd.switch_protocol.ari import codec, frames
from acd.switch_protocol.ari.codec import Answered, Unreadable
from acd.switch_protocol.ari.frames import Request, Response
from acd.switch_protocol.ari.session import (
    ANSWER_US,
    IN_FLIGHT_MAX,
    KEEPALIVE_US,
    LIST_US,
    LOGIN_US,
    LOST_US,
    PROBE_US,
    QUEUE_MAX,
    RESUBSCRIBE_US,
    Answer,
    Ended,
    LoggedIn,
    Lost,
    Out,
    Ping,
    Pong,
    SendHttp,
    Session,
)
from acd.switch_protocol.ari.watching import UNWANTED
from tests.unit.ari_frames import EVENTS, INFO
from tests.unit.ari_session import (
    KNOWN,
    all_asked,
    answer,
    asked,
    audit,
    info,
    logged_in,
    respond,
    ring,
    run,
)


def event(name):
    """Return an event of the corpus."""
    found = codec.decode(EVENTS[name].encode())
    assert isinstance(found, frames.Event)
    return found


START = event("StasisStart")
REPLACED = event("ApplicationReplaced")


def end_of(session):
    """Return the only thing that came out, which must be the end."""
    (end,) = session.take()
    assert isinstance(end, Ended)
    return end


# Logging in.


def test_a_log_in_asks_what_runs_there_sets_the_filter_and_subscribes():
    session = Session("acd", ["endpoint:PJSIP/101", "endpoint:PJSIP/102"])
    session.begin(0)
    questions, rest = run(session)
    assert [one.what for one in questions] == [
        "GET asterisk/info",
        "PUT applications/acd/eventFilter",
        "POST applications/acd/subscription",
    ]
    assert questions[1].body == {"disallowed": [{"type": kind} for kind in UNWANTED]}
    assert questions[2].query == {"eventSource": "endpoint:PJSIP/101,endpoint:PJSIP/102"}
    (done,) = rest
    assert isinstance(done, LoggedIn)
    assert done.info.system.version.startswith("22.10")
    assert done.info.status.startup_time == "2026-11-26T07:00:00.000+0000"
    assert session.is_logged_in
    assert not session.unknown


def test_what_is_not_wanted_is_nothing_that_is_decoded_and_never_an_answer():
    assert not set(UNWANTED) & {*codec.EVENT_TYPES, "RESTResponse"}
    assert "ChannelVarset" in UNWANTED


def test_many_phones_are_subscribed_to_in_pieces():
    sources = [f"endpoint:PJSIP/{number}" for number in range(1_000, 1_120)]
    session = Session("acd", sources)
    session.begin(0)
    pieces = []
    while outs := session.take():
        for one in all_asked(outs):
            answer(session, one.ticket, 200, INFO, at=0)
            if one.what.startswith("POST"):
                pieces.append(one.query["eventSource"].split(","))
    assert [source for piece in pieces for source in piece] == sources
    assert all(len(piece) <= 50 for piece in pieces)
    assert session.is_logged_in


def test_long_names_make_shorter_pieces_that_fit_a_line_of_http():
    sources = {f"endpoint:PJSIP/{'ü' * 100}{number}" for number in range(40)}
    session = Session("acd", sources)
    session.begin(0)
    session.take()
    session.on_time(PROBE_US)  # No answer on the WebSocket: all by HTTP, where lines are short.
    questions = []
    while outs := session.take():
        for out in outs:
            if isinstance(out, SendHttp):
                questions.append(asked(out))
                body = INFO if out.request.target == "/asterisk/info" else ""
                answer(session, out.ticket, 200, body, at=PROBE_US)
    subscribed = [one.query["eventSource"] for one in questions if one.what.startswith("POST")]
    assert {source for piece in subscribed for source in piece.split(",")} == sources
    assert session.is_logged_in


def test_phones_that_the_switch_does_not_know_keep_no_other_from_being_watched():
    unknown = {"endpoint:PJSIP/901", "endpoint:PJSIP/902", "endpoint:PJSIP/1,endpoint:PJSIP/2"}
    session = Session("acd", [*KNOWN, *unknown])
    session.begin(0)
    questions, rest = run(session)
    assert [type(out) for out in rest] == [LoggedIn]
    assert session.unknown == unknown
    good = [
        set(one.query["eventSource"].split(","))
        for one in questions
        if one.what.startswith("POST") and set(one.query["eventSource"].split(",")) <= KNOWN
    ]
    assert set().union(*good) == KNOWN
    assert not [one for one in questions if "PJSIP/1," in one.query.get("eventSource", "")]


def subscriptions(session, *, until):
    """Let time go by; return when phones were subscribed to anew, in seconds, and which."""
    found = []
    while (at := session.due_us()) < until:
        session.on_time(at)
        session.feed(Pong(), at)
        questions, _ = run(session, at=at)
        found += [(at // 1_000_000, one.query["eventSource"]) for one in questions]
    return found


def test_phones_that_were_unknown_are_asked_for_again_ever_more_rarely():
    session = logged_in("endpoint:PJSIP/101", "endpoint:PJSIP/901")
    first_us, longest_us = RESUBSCRIBE_US
    assert (first_us, longest_us) == (60_000_000, 3_600_000_000)
    again = subscriptions(session, until=4 * longest_us)
    assert {sources for _, sources in again} == {"endpoint:PJSIP/901"}
    assert [at for at, _ in again] == [
        *(60, 180, 420, 900, 1_860, 3_780),
        *(7_380, 10_980),
    ]


def test_a_phone_that_the_switch_knows_at_last_is_watched():
    session = logged_in("endpoint:PJSIP/101", "endpoint:PJSIP/901")
    while not (questions := all_asked(session.take())):
        session.on_time(session.due_us() or 0)
        session.feed(Pong(), 0)
    (one,) = questions
    answer(session, one.ticket, at=RESUBSCRIBE_US[0])
    assert not session.unknown
    assert not subscriptions(session, until=10 * RESUBSCRIBE_US[0])


def test_other_phones_begin_the_pauses_anew():
    session = logged_in("endpoint:PJSIP/901")
    first_us, longest_us = RESUBSCRIBE_US
    subscriptions(session, until=longest_us)
    session.watch(["endpoint:PJSIP/901", "endpoint:PJSIP/902"], longest_us)
    run(session, at=longest_us)
    again = subscriptions(session, until=longest_us + 2 * first_us)
    assert {at for at, _ in again} == {(longest_us + first_us) // 1_000_000}


def test_other_phones_are_subscribed_to_and_left_while_the_link_is_up():
    session = logged_in("endpoint:PJSIP/101", "endpoint:PJSIP/102")
    session.watch(["endpoint:PJSIP/102", "endpoint:PJSIP/103"], 5)
    questions, rest = run(session, at=5)
    assert [(one.what.split()[0], one.query["eventSource"]) for one in questions] == [
        ("DELETE", "endpoint:PJSIP/101"),
        ("POST", "endpoint:PJSIP/103"),
    ]
    assert not rest
    session.watch(["endpoint:PJSIP/103", "endpoint:PJSIP/102"], 6)
    assert not session.take()


def test_phones_that_are_named_during_the_log_in_are_subscribed_to_once():
    session = Session("acd", ["endpoint:PJSIP/101"])
    session.begin(0)
    session.watch(["endpoint:PJSIP/102"], 0)
    questions, rest = run(session)
    assert [type(out) for out in rest] == [LoggedIn]
    sources = [one.query["eventSource"] for one in questions if one.what.startswith("POST")]
    assert sources == ["endpoint:PJSIP/102"]


def test_an_old_asterisk_without_a_filter_is_taken():
    session = Session("acd")
    session.begin(0)
    (first,) = all_asked(session.take())
    answer(session, first.ticket, 200, info("16.2.1"), at=0)
    (second,) = all_asked(session.take())
    answer(session, second.ticket, 404, "", at=0)
    assert [type(out) for out in session.take()] == [LoggedIn]


@pytest.mark.parametrize(
    "version",
    [
        *("22.10.1~dfsg+~cs6.15.60671435-1", "16.0.0", "certified-20.7-cert5", "18.9-cert1"),
        *("GIT-master-1a2b3c4", "GIT-20-1a2b3c4", "UNKNOWN__and_probably_unsupported", ""),
    ],
)
def test_a_version_that_will_do_is_taken(version):
    session = Session("acd")
    session.begin(0)
    _, rest = run(session, info=info(version))
    assert [type(out) for out in rest] == [LoggedIn]


@pytest.mark.parametrize(
    "version", ["13.38.3", "15.7.4", "certified/13.21-cert6", "1.8.32.3", "GIT-13-1a2b3c"]
)
def test_a_version_that_is_too_old_ends_the_link_and_says_so(version):
    session = Session("acd")
    session.begin(0)
    (first,) = all_asked(session.take())
    answer(session, first.ticket, 200, info(version), at=0)
    assert end_of(session) == Ended(f"Asterisk `{version}` is too old: wanted 16 or later")


@pytest.mark.parametrize(
    "status, body, cause",
    [
        (200, "[]", "the answer to GET asterisk/info is not the one of Asterisk"),
        (200, "{", "the answer to GET asterisk/info is not the one of Asterisk"),
        (200, "[" * 100_000, "the answer to GET asterisk/info is not the one of Asterisk"),
        (401, "", "the log-in by HTTP was refused (401): see `user` and `password_file`"),
        (403, "", "the user may only read (403): set read_only=no in ari.conf"),
        (503, "a\r\nb", "GET asterisk/info is answered by 503 a\\r\\nb"),
    ],
)
def test_a_log_in_that_is_answered_wrongly_ends_and_says_why(status, body, cause):
    session = Session("acd")
    session.begin(0)
    (first,) = all_asked(session.take())
    answer(session, first.ticket, status, body, at=0)
    assert end_of(session) == Ended(f"cannot log in: {cause}")


def test_a_user_who_may_only_read_is_told_at_the_log_in():
    session = Session("acd", ["endpoint:PJSIP/101"])
    session.begin(0)
    respond(session, all_asked(session.take())[0])
    answer(session, all_asked(session.take())[0].ticket, 403, "", at=0)
    assert "read_only=no" in end_of(session).cause


def test_events_of_the_log_in_are_left_to_the_snapshot():
    session = Session("acd")
    session.begin(0)
    session.feed(START, 0)
    session.feed(Unreadable("StasisEnd", "x"), 0)
    _, rest = run(session)
    assert [type(out) for out in rest] == [LoggedIn]
    session.feed(START, 1)
    assert session.take() == [START]


def test_a_log_in_without_any_answer_ends():
    session = Session("acd")
    session.begin(0)
    session.on_time(PROBE_US)
    session.take()
    at = session.due_us()
    assert at == PROBE_US + ANSWER_US
    session.on_time(at)
    assert end_of(session) == Ended("cannot log in: GET asterisk/info is not answered")


def test_a_log_in_that_takes_too_long_ends():
    session = Session("acd", [f"endpoint:PJSIP/9{number}" for number in range(16)])
    session.begin(0)
    at = 0
    while True:
        outs = session.take()
        if any(isinstance(out, Ended) for out in outs):
            break
        for one in all_asked(outs):
            respond(session, one, at=at)
        at += 900_000
        session.on_time(at)
    assert LOGIN_US <= at < LOGIN_US + 900_000
    assert not session.is_logged_in


# Requests and answers.


def test_an_answer_finds_its_request_and_nobody_else_s():
    session = logged_in()
    session.ask([ring(1), ring(2)], 10)
    assert [one.ticket for one in all_asked(session.take())] == [1, 2]
    answer(session, 2, 204, at=11)
    answer(session, 9, 204, at=11)
    answer(session, 2, 404, at=11)
    assert session.take() == [Answer(2, Response(204))]
    answer(session, 1, 404, "{}", at=12)
    assert session.take() == [Answer(1, Response(404, b"{}"))]


def test_only_so_many_are_unanswered_at_once_and_the_rest_keeps_its_order():
    session = logged_in()
    session.ask([ring(ticket) for ticket in range(1, 200)], 10)
    sent = [one.ticket for one in all_asked(session.take())]
    assert sent == [*range(1, IN_FLIGHT_MAX + 1)]
    for ticket in range(1, 200):
        answer(session, ticket, at=11)
        sent += [one.ticket for one in all_asked(session.take())]
    assert sent == [*range(1, 200)]


def test_what_does_not_fit_the_queue_was_never_sent():
    session = logged_in()
    count = QUEUE_MAX + 5
    session.ask([*(ring(ticket) for ticket in range(1, count)), audit(count)], 10)
    refused = [out for out in session.take() if isinstance(out, Answer)]
    assert refused == [Answer(one, Response(0)) for one in range(QUEUE_MAX + 1, count + 1)]
    session.cut()
    outs = [out for out in session.take() if isinstance(out, Answer)]
    unknown = [out.ticket for out in outs if out.response is None]
    unsent = [out.ticket for out in outs if out.response == Response(-1)]
    assert unknown == [*range(1, IN_FLIGHT_MAX + 1)]
    assert unsent == [*range(IN_FLIGHT_MAX + 1, QUEUE_MAX + 1)]


def test_an_unanswered_request_is_given_up_after_two_seconds_and_a_late_answer_is_nothing():
    session = logged_in()
    session.ask([ring(1)], 10)
    session.take()
    assert session.due_us() == 10 + ANSWER_US
    session.on_time(9 + ANSWER_US)
    assert not session.take()
    session.on_time(10 + ANSWER_US)
    assert session.take() == [Answer(1, None)]
    answer(session, 1, at=11 + ANSWER_US)
    assert not session.take()


def test_a_list_may_take_longer_and_so_may_what_stands_behind_it():
    session = logged_in()
    session.ask([ring(1), Request(2, "GET", ("channels",)), ring(3)], 0)
    session.take()
    session.on_time(ANSWER_US)
    assert session.take() == [Answer(1, None)]
    for at in (KEEPALIVE_US, 2 * KEEPALIVE_US, LIST_US - 1):
        session.on_time(at)
        session.feed(Pong(), at)
    assert session.take() == [Ping(), Ping()]
    session.on_time(LIST_US)
    assert session.take() == [Answer(2, None), Answer(3, None)]


def test_what_our_encoder_refuses_is_answered_here_and_holds_nothing_up():
    session = logged_in()
    session.ask([ring(1, channel="a\r\nb"), ring(2)], 10)
    refused, sent = session.take()
    assert isinstance(refused, Answer)
    assert refused.response is not None
    assert refused.response.status == 400
    assert b"refused here" in refused.response.body
    assert asked(sent).ticket == 2


def test_a_phone_with_a_line_break_in_its_name_ends_the_log_in_with_a_reason():
    session = Session("acd", ["endpoint:PJSIP/1\n2"])
    session.begin(0)
    _, rest = run(session)
    (end,) = rest
    assert isinstance(end, Ended)
    assert "control character" in end.cause


# Signs of life, loss, ends.


def test_a_silent_switch_is_given_up_within_fifteen_seconds():
    session = logged_in()
    outs: list[Out] = []
    at = 0
    while not outs or not isinstance(outs[-1], Ended):
        at = session.due_us() or 0
        session.on_time(at)
        outs += session.take()
    assert at < 15_000_000
    assert outs == [Ping(), Ping(), Ended("no sign of life for 2 keepalives")]
    assert session.due_us() is None


def test_pongs_keep_the_link():
    session = logged_in()
    for at in range(KEEPALIVE_US, 100 * KEEPALIVE_US, KEEPALIVE_US):
        session.on_time(at)
        assert Ping() in session.take()
        session.feed(Pong(), at + 1)


def test_loss_is_told_at_once_and_then_once_a_second():
    session = logged_in()
    for number in range(5):
        session.feed(Unreadable("StasisStart", f"why {number}"), 10)
    assert session.take() == [Lost("a StasisStart that cannot be read: why 0")]
    assert session.due_us() == 10 + LOST_US
    session.on_time(10 + LOST_US)
    assert session.take() == [Lost("a StasisStart that cannot be read: why 4")]
    session.on_time(10 + 2 * LOST_US)
    assert not session.take()
    session.feed(Unreadable("Dial", "x"), 11 + 2 * LOST_US)
    assert session.take() == [Lost("a Dial that cannot be read: x")]


@pytest.mark.parametrize("begun", [True, False])
def test_another_daemon_in_our_place_ends_everything(begun):
    session = logged_in() if begun else Session("acd")
    if not begun:
        session.begin(0)
    session.take()
    session.feed(REPLACED, 10)
    session.feed(START, 10)
    assert end_of(session).replaced
    session.ask([ring(1)], 11)
    session.on_time(10**9)
    assert session.take() == [Answer(1, Response(-1))]
    assert session.due_us() is None


def test_a_cut_link_says_of_each_request_whether_it_left():
    session = logged_in()
    session.ask([ring(ticket) for ticket in range(1, IN_FLIGHT_MAX + 3)], 10)
    session.take()
    answer(session, 1, at=11)
    session.take()
    session.cut()
    outs = session.take()
    assert outs[0] == Answer(2, None)
    assert outs[-1] == Answer(IN_FLIGHT_MAX + 2, Response(-1))
    assert len(outs) == IN_FLIGHT_MAX + 1
    session.feed(Answered(3, Response(200)), 12)
    assert not session.take()
