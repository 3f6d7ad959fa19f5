"""What can go wrong behind a fleet's route, and what a caller sees of it: under real law, over a scripted network."""

from datetime import timedelta

import pytest
import scripted

from isthmus.core.consent import Consent
from isthmus.core.decision import Question
from isthmus.gateway import replicas as room
from isthmus.gateway.replicas import Replicas
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Listed, Load, Watch
from isthmus.routing.seat import Replica

PORTS = (18101, 18102, 18103)
MAINLAND = "ark.cn-beijing.volces.com"
FLEET = "127.0.0.1"  # where the private tier is in this house


@pytest.fixture
def fleet(house, tmp_path, monkeypatch):
    """Three replicas behind the private tier; `begin(script)` says what the network does."""
    monkeypatch.setitem(scripted.STATUS, "unknown", 404)
    monkeypatch.setattr(room, "LOST_S", 0.0)  # the house's clock stands still while a request waits

    class Fleet:
        def begin(self, *script, ports=PORTS):
            house.fresh(script)
            self.picker = Picker(house.clock)
            self.replicas = Replicas(tmp_path / "board.json", "key", self.picker)
            self.names = [f"r{port}" for port in ports]
            for name, port in zip(self.names, ports, strict=True):
                self.replicas._listed[name] = Listed(
                    name=name, pool="p", host=FLEET, port=port, model="m", engine="e", slots=4
                )
                self.replicas._watches[name] = Watch(0.0)
                self.picker.add(Replica(name, slots=4))
                self.picker.heard(name, Load())
            house.corridor.fleets = {FLEET: self.replicas.send}

        def ask(self, **more):
            return house.ask(**{"model": "private", "isthmus_region": "CN", **more})

        @property
        def asked(self):
            return [port for _, port, _, _ in house.net.asked]

        @property
        def hosts(self):
            return {host for host, _, _, _ in house.net.asked}

    return Fleet()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("word", ["dead", "refuse", "early", "loading"])
def test_a_replica_that_is_killed_before_it_showed_anything_costs_nobody_an_answer(fleet, word, stream):
    if word == "early" and not stream:
        word = "lying"
    fleet.begin(word, "ok")
    assert fleet.ask(stream=stream).status == 200
    assert len(fleet.asked) == len(set(fleet.asked)) == (1 if word == "refuse" else 2)


def test_a_replica_that_is_killed_in_mid_answer_ends_it_in_a_typed_error_and_nothing_is_repeated(fleet):
    fleet.begin("cut", "ok")
    heard = fleet.ask(stream=True)
    assert b'"error"' in heard.out
    assert len(fleet.asked) == 1


def test_a_killed_replica_gets_nothing_more_and_its_cache_counts_as_lost(fleet):
    fleet.begin("dead", "ok", "ok", "ok", "ok")
    fleet.ask()
    gone = f"r{fleet.asked[0]}"
    assert fleet.picker.seat(gone).shut
    for _ in range(3):
        fleet.ask()
    assert fleet.asked.count(fleet.asked[0]) == 1


def test_a_request_that_breaks_what_serves_it_is_repeated_once_and_no_more(fleet):
    fleet.begin("dead", "dead", "ok")
    assert fleet.ask().status >= 500
    assert len(fleet.asked) == 2


def test_a_replica_that_hangs_gets_nothing_new_and_keeps_its_cache(fleet):
    fleet.begin()
    fleet.picker.stored(fleet.names[0], [1, 2])
    fleet.picker.pause(fleet.names[0])  # what silence on its measures page does (routing.probe.Watch)
    for _ in range(6):
        assert fleet.ask().status == 200
    assert PORTS[0] not in fleet.asked
    assert fleet.picker.index_blocks() >= 2


def test_a_slow_replica_gets_less(fleet, house):
    fleet.begin()
    for _ in range(3):  # each has shown how fast it is
        for name in fleet.names:
            others = [each for each in fleet.names if each != name]
            ticket = fleet.picker.pick([], 1000, without=others)
            house.clock.advance(5.0 if name == fleet.names[0] else 0.1)
            fleet.picker.first(ticket)
            fleet.picker.done(ticket)
    for _ in range(6):
        fleet.ask()
    assert PORTS[0] not in fleet.asked


def test_a_replica_whose_cache_is_full_of_running_answers_gets_less(fleet, house):
    fleet.begin()
    for name in fleet.names:
        others = [each for each in fleet.names if each != name]
        ticket = fleet.picker.pick([], 1000, without=others)
        house.clock.advance(1.0)
        fleet.picker.first(ticket)
        fleet.picker.done(ticket)
        fleet.picker.heard(name, Load(running=3, waiting=2, kv=1.0 if name == fleet.names[0] else 0.3))
    for _ in range(6):
        fleet.ask()
    assert PORTS[0] not in fleet.asked


def test_a_replica_that_says_it_is_full_is_not_taken_for_dead(fleet):
    fleet.begin("busy", "ok")
    before = [fleet.picker.seat(name).most for name in fleet.names]
    assert fleet.ask().status == 200
    full = f"r{fleet.asked[0]}"
    assert not fleet.picker.seat(full).shut
    assert fleet.picker.seat(full).most < before[0]


def test_a_replica_with_the_wrong_model_is_passed_over_and_not_taken_for_dead(fleet):
    fleet.begin("unknown", "ok")
    assert fleet.ask().status == 200
    assert len(set(fleet.asked)) == 2
    assert not fleet.picker.seat(f"r{fleet.asked[0]}").shut


def test_a_lost_node_takes_all_its_replicas_and_no_answer_with_it(fleet):
    fleet.begin("refuse", "refuse", "ok")
    assert fleet.ask().status == 200
    assert sum(fleet.picker.seat(name).shut for name in fleet.names) == 2


def test_a_lost_cell_leads_to_the_decisions_next_route_and_to_no_other(fleet, house):
    fleet.begin("refuse", "refuse", "refuse", "ok")
    given = {
        "id": "c-1", "tenant": "demo", "kind": "separate", "recipient": "doubao", "region": "CN", "feature": "*",
        "scope": "always", "subject": "", "language": "", "given_at": house.clock.now(),
        "until": house.clock.now() + timedelta(days=9),
    }  # fmt: skip
    house.consents["c-1"] = Consent(**given)
    heard = fleet.ask(model="auto", isthmus_consent="c-1", isthmus_age="40")
    assert heard.status == 200
    assert fleet.hosts == {MAINLAND}
    assert fleet.hosts <= {plan.route.host for plan in decision(house, "CN").plans}


def test_a_lost_cell_that_was_asked_for_by_name_is_refused_and_nobody_else_is_asked(fleet, house):
    fleet.begin(*["refuse"] * 3)
    assert fleet.ask().status == 503
    assert fleet.hosts == set()


def test_a_cell_in_another_jurisdiction_is_asked_only_where_the_decision_lists_it(fleet, house):
    """One cell here and one elsewhere, as two routes: when the first is lost, only a lawful second is asked."""
    asked = {}
    for region in ("CN", "EU", "US-CA", "KR"):
        fleet.begin("refuse", "refuse", "refuse", *["ok"] * 6)
        fleet.ask(model="auto", isthmus_region=region)
        asked[region] = fleet.hosts
        assert fleet.hosts <= {plan.route.host for plan in decision(house, region).plans}
    assert asked["CN"].isdisjoint(asked["US-CA"])


def decision(house, region):
    return house.table.decide(Question((region,)))
