"""Which way requests to Asterisk go: by the WebSocket, by HTTP, or the long ones aside.

Method: as in `test_ari_session.py`.
"""

from acd.switch_protocol.ari.frames import Response
from acd.switch_protocol.ari.session import (
    ANSWER_US,
    IN_FLIGHT_MAX,
    KEEPALIVE_US,
    LIST_US,
    PROBE_US,
    Answer,
    LoggedIn,
    Ping,
    Pong,
    Reached,
    Send,
    SendHttp,
    Session,
    Unanswered,
)
from tests.unit.ari_frames import INFO
from tests.unit.ari_session import (
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


def test_a_websocket_that_takes_no_requests_is_noticed_and_all_goes_by_http():
    session = Session("acd", ["endpoint:PJSIP/101"])
    session.begin(0)
    (probe,) = session.take()
    assert isinstance(probe, Send)
    assert session.due_us() == PROBE_US
    session.on_time(PROBE_US - 1)
    assert not session.take()
    session.on_time(PROBE_US)
    (again,) = session.take()
    assert isinstance(again, SendHttp)
    respond(session, asked(again), at=PROBE_US)
    questions, rest = run(session, at=PROBE_US)
    assert [one.what.split()[0] for one in questions] == ["PUT", "POST"]
    assert [type(out) for out in rest] == [LoggedIn]
    session.ask([ring(1), ring(2)], PROBE_US)
    (first,) = session.take()
    assert isinstance(first, SendHttp)
    assert first.span_us == ANSWER_US
    answer(session, 1, at=PROBE_US)
    assert [type(out) for out in session.take()] == [Answer, SendHttp]
    session.feed(Unanswered(2), PROBE_US)
    assert session.take() == [Answer(2, None)]


def test_an_asterisk_that_was_only_busy_is_asked_on_the_websocket_again():
    session = Session("acd")
    session.begin(0)
    (probe,) = session.take()
    session.on_time(PROBE_US)
    run(session, at=PROBE_US)
    assert (session.is_logged_in, session.by_http) == (True, True)
    session.ask([ring(1), ring(2), ring(3)], PROBE_US)
    (first,) = session.take()
    assert isinstance(first, SendHttp)
    answer(session, asked(probe).ticket, 200, info("13.0.0"), at=PROBE_US)  # It is late.
    assert not session.take(), "a request that left by HTTP is not overtaken"
    answer(session, 1, at=PROBE_US)
    outs = session.take()
    assert [type(out) for out in outs] == [Answer, Reached, Send, Send]
    assert [one.ticket for one in all_asked(outs)] == [2, 3]
    assert not session.by_http
    answer(session, asked(probe).ticket, 200, INFO, at=PROBE_US)
    assert not session.take()


def test_an_answer_that_comes_late_in_the_log_in_is_enough():
    session = Session("acd")
    session.begin(0)
    (probe,) = session.take()
    session.on_time(PROBE_US)
    (again,) = session.take()
    answer(session, asked(probe).ticket, 200, INFO, at=PROBE_US)
    respond(session, asked(again), at=PROBE_US)
    outs = session.take()
    assert [type(out) for out in outs] == [Reached, Send]
    respond(session, asked(outs[1]), at=PROBE_US)
    assert [type(out) for out in session.take()] == [LoggedIn]


def test_what_others_may_overtake_goes_by_http_and_holds_nobody_up():
    session = logged_in()
    session.ask([audit(1), ring(2), audit(3, "bridges"), ring(4)], 10)
    outs = session.take()
    assert [(type(out), asked(out).ticket) for out in outs] == [(Send, 2), (Send, 4), (SendHttp, 1)]
    assert isinstance(outs[2], SendHttp)
    assert outs[2].span_us == LIST_US
    answer(session, 4, at=11)
    answer(session, 1, 200, "[]", at=12)
    done, other, more = session.take()
    assert (done, other) == (Answer(4, Response(200)), Answer(1, Response(200, b"[]")))
    assert isinstance(more, SendHttp)
    assert more.ticket == 3
    session.feed(Unanswered(3), 13)
    assert session.take() == [Answer(3, None)]


def test_others_hold_nothing_up_that_they_may_not_overtake():
    session = logged_in()
    session.ask([ring(ticket) for ticket in range(1, IN_FLIGHT_MAX + 2)], 10)
    session.ask([audit(900)], 10)
    assert isinstance(session.take()[-1], SendHttp)
    session.on_time(10 + ANSWER_US)
    assert Answer(IN_FLIGHT_MAX, None) in session.take()
    answer(session, 900, at=11 + ANSWER_US)
    assert session.take() == [Answer(900, Response(200))]


def test_what_others_may_overtake_has_ten_seconds():
    session = logged_in()
    session.ask([audit(1), ring(2)], 0)
    session.take()
    assert session.due_us() == ANSWER_US
    session.on_time(ANSWER_US)
    assert session.take() == [Answer(2, None)]
    for at in (KEEPALIVE_US, 2 * KEEPALIVE_US, LIST_US - 1):
        session.on_time(at)
        session.feed(Pong(), at)
    assert session.take() == [Ping(), Ping()]
    session.on_time(LIST_US)
    assert session.take() == [Answer(1, None)]


def test_where_all_goes_by_http_everything_keeps_its_order():
    session = Session("acd")
    session.begin(0)
    session.take()
    session.on_time(PROBE_US)
    run(session, at=PROBE_US)
    session.ask([ring(1), audit(2), ring(3)], PROBE_US)
    order = []
    while outs := all_asked(session.take()):
        (one,) = outs
        order.append(one.ticket)
        answer(session, one.ticket, at=PROBE_US)
    assert order == [1, 2, 3]


def test_a_cut_link_settles_also_what_others_may_overtake():
    session = logged_in()
    session.ask([audit(1), audit(2), ring(3)], 10)
    session.take()
    session.cut()
    assert session.take() == [Answer(3, None), Answer(1, None), Answer(2, Response(-1))]
