"""The starter terms that a person's device may look for by itself."""

import datetime as dt

from isthmus.core.decision import Question
from isthmus.core.operator import rehearsal
from isthmus.partners import load as partner_files
from isthmus.policy import supposed
from isthmus.regions import load as region_files
from isthmus.web.starter import terms_for

TABLE = supposed.table(region_files.load(), partner_files.load(), rehearsal(), {}, dt.date(2026, 11, 22))


def owed(region):
    (plan, *_) = TABLE.decide(Question((region,))).device
    return plan.obligations


def test_a_device_gets_the_lists_that_its_region_names():
    assert "制毒教程" in terms_for(owed("CN"))
    assert "制毒教程" not in terms_for(owed("EU"))
    assert "how to make sarin" in terms_for(owed("EU"))


def test_no_term_comes_twice_and_without_a_scan_there_is_none():
    terms = terms_for(owed("CN"))
    assert len(terms) == len(set(terms)) > 20
    assert terms_for([]) == []


def test_a_taxonomy_that_ships_no_list_gives_none():
    (scan, *_) = [each for each in owed("CN") if each.verb == "scan"]
    assert (
        terms_for(
            [type(scan)(**{**{f: getattr(scan, f) for f in scan.__struct_fields__}, "values": {"taxonomy": "unknown"}})]
        )
        == []
    )
