"""What a restart does to offers that ran out while no daemon was there.

Method: the daemon is killed while offers ring, and started again when their time is over. Nobody is
punished for not having answered a dead daemon, and everybody is offered again at the present.
"""

import threading
from contextlib import closing

import httpx

from acd.actions import OfferContact
from acd.daemon.recovery import recover
from acd.journal.durable import replay
from acd.journal.file import JournalFile
from tests.system.daemon_kit.site import Site, running

RING_S = 1.0


def be(site, agent, state):
    """Let an agent change his state."""
    response = httpx.post(
        f"{site.url}/v1/agents/{agent}/state", json={"state": state}, headers=site.headers(agent)
    )
    assert response.status_code == 200, response.text


def test_nobody_is_punished_for_a_daemon_that_was_away(tmp_path):
    site = Site(tmp_path, agents=3, ring_s=RING_S)
    with running(site):
        for agent in site.agents[:2]:
            be(site, agent, "logged_in")
            be(site, agent, "ready")
        with httpx.Client() as client:
            for number in range(2):
                assert site.submit(client, f"order-{number}").status_code == 201
        site.kill()
        threading.Event().wait(1.5 * RING_S)
        site.start()
        answer = site.get("/v1/agents")
        assert isinstance(answer, dict)
        agents = answer["agents"]
        assert [one["availability"] for one in agents] == ["ready", "ready", "logged_out"]
        assert [len(one["legs"]) for one in agents[:2]] == [1, 1]
        assert all(one["legs"][0]["state"] == "offered" for one in agents[:2])
        assert site.stop() == 0
    with closing(JournalFile.open(site.journal)) as journal:
        recover(journal)
        for entry in journal.entries(1):
            for action in entry.actions:
                if isinstance(action, OfferContact):
                    assert action.ring_until_us > entry.now_us
    assert replay(site.journal, verify=True).difference is None


def test_what_is_kept_is_nobody_elses_business(tmp_path):
    site = Site(tmp_path)
    with running(site):
        for path in (site.journal, *site.journal.parent.iterdir()):
            assert not path.stat().st_mode & 0o077, path
        assert not site.journal.parent.stat().st_mode & 0o077
        assert site.stop() == 0
