from isthmus.core.places import EEA, EU, expand, is_place, within


def test_the_union_has_27_members_and_the_eea_three_more():
    assert len(EU) == 27
    assert {"IS", "LI", "NO"} == EEA - EU


def test_a_place_is_a_code_a_group_or_anywhere():
    assert all(is_place(word) for word in ("CN", "EU", "EEA", "*"))
    assert not any(is_place(word) for word in ("cn", "CHN", "", "Europe"))


def test_groups_expand_to_their_members():
    assert expand(["EU", "CH"]) == EU | {"CH"}
    assert expand(["*"]) == {"*"}


def test_a_group_lies_within_a_wider_one_but_not_the_other_way():
    assert within(["EU"], ["EEA"])
    assert not within(["EEA"], ["EU"])


def test_anywhere_lies_only_within_anywhere():
    assert within(["*"], ["*"])
    assert not within(["*"], ["EEA"])
    assert not within(["US", "*"], ["US"])


def test_what_nobody_stated_lies_nowhere():
    assert not within([], ["CN"])
    assert within([], ["*"])
