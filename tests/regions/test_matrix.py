import datetime as dt
from pathlib import Path
from xml.etree import ElementTree as ET

from isthmus.regions import load as region_files
from isthmus.regions.matrix import matrix, svg
from isthmus.regions.schema import VERBS

REGIONS = region_files.load()
DAY = dt.date(2026, 11, 22)


def test_every_region_has_a_cell_for_every_duty():
    table = matrix(REGIONS, DAY)
    assert set(table) == set(REGIONS)
    assert all(list(cells) == list(VERBS) for cells in table.values())


def test_rules_to_come_are_told_from_those_in_force():
    eu = matrix(REGIONS, DAY)["EU"]["scan"]
    assert (eu.now, eu.later) == (0, 1)
    eu = matrix(REGIONS, dt.date(2026, 12, 2))["EU"]["scan"]
    assert (eu.now, eu.later) == (1, 0)


def test_the_picture_is_well_formed_and_names_every_region_and_duty():
    text = svg(matrix(REGIONS, DAY), DAY)
    words = {element.text for element in ET.fromstring(text).iter() if element.text}
    assert set(REGIONS) <= words
    assert set(VERBS) <= words


def test_the_picture_in_the_docs_is_current():
    page = Path(__file__).parents[2] / "docs" / "regions" / "matrix.svg"
    day = max(region.reviewed.on for region in REGIONS.values())
    assert page.read_text("utf-8") == svg(matrix(REGIONS, day), day), "run: isthmus regions docs"
