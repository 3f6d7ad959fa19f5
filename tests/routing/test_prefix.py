"""The prefix index: who has read the beginning of a prompt, in bounded memory."""

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.routing.prefix import BLOCK_BYTES, ENTRY_BYTES, LONGEST_CHAIN, PrefixIndex, chain, seed

SALT = b"0123456789abcdef"
ALL = 0b111


@pytest.fixture
def index():
    made = PrefixIndex()
    for number in range(3):
        made.add(number, 100)
    return made


def test_a_prompt_shorter_than_a_block_has_no_key():
    assert chain(b"x" * (BLOCK_BYTES - 1), 1) == []


def test_a_rest_shorter_than_a_block_changes_no_key():
    assert chain(b"x" * BLOCK_BYTES * 2 + b"rest", 1) == chain(b"x" * BLOCK_BYTES * 2, 1)


@given(st.binary(max_size=2000), st.binary(max_size=600), st.binary(max_size=600))
def test_prompts_share_keys_exactly_as_far_as_they_share_whole_blocks(common, one, two):
    first, second = chain(common + one, 7, 64), chain(common + two, 7, 64)
    same = next((at for at, (a, b) in enumerate(zip(common + one, common + two, strict=False)) if a != b), None)
    shared = min(len(common + one), len(common + two)) if same is None else same
    agree = [a == b for a, b in zip(first, second, strict=False)]
    assert agree == [at < shared // 64 for at in range(len(agree))]


def test_what_follows_a_difference_never_agrees_again():
    tail = b"t" * BLOCK_BYTES * 3
    one, two = chain(b"a" * BLOCK_BYTES + tail, 1), chain(b"b" * BLOCK_BYTES + tail, 1)
    assert not set(one) & set(two)


def test_tenants_regions_and_models_share_no_key():
    prompt = b"the same system prompt " * 60
    scopes = [("a", "CN", "m"), ("b", "CN", "m"), ("a", "EU", "m"), ("a", "CN", "n")]
    keys = [set(chain(prompt, seed(SALT, *scope))) for scope in scopes]
    assert all(not one & two for at, one in enumerate(keys) for two in keys[at + 1 :])


def test_another_salt_gives_other_keys():
    assert seed(SALT, "a") != seed(b"another salt....", "a")


def test_a_very_long_prompt_is_looked_at_only_so_far():
    assert len(chain(bytes(BLOCK_BYTES * (LONGEST_CHAIN + 50)), 1)) == LONGEST_CHAIN


def test_depths_name_each_replica_once_with_its_own_depth_longest_first(index):
    keys = [1, 2, 3, 4]
    index.store(0, keys[:1])
    index.store(1, keys[:3])
    assert index.depths(keys, ALL) == [(0b010, 3), (0b001, 1)]


def test_replicas_with_the_same_depth_come_together(index):
    index.store(0, [1, 2])
    index.store(2, [1, 2])
    assert index.depths([1, 2, 3], ALL) == [(0b101, 2)]


def test_a_hole_in_the_prefix_ends_it(index):
    index.store(0, [1, 2, 3])
    index.drop(0, [2])
    assert index.depths([1, 2, 3], ALL) == [(0b001, 1)]


def test_nobody_has_what_was_never_stored(index):
    assert index.depths([5, 6], ALL) == []


def test_beyond_its_room_a_replica_forgets_the_prefix_that_was_used_longest_ago():
    index = PrefixIndex()
    index.add(0, 4)
    index.store(0, [1, 2])
    index.store(0, [3, 4])
    index.store(0, [1, 2])
    index.store(0, [5, 6])
    assert index.depths([1, 2], 1) == [(1, 2)]
    assert index.depths([3, 4], 1) == []


def test_of_one_prefix_the_leaf_goes_first():
    index = PrefixIndex()
    index.add(0, 3)
    index.store(0, [1, 2, 3])
    index.store(0, [9])
    assert index.depths([1, 2, 3], 1) == [(1, 2)]


def test_of_one_prefix_the_root_goes_first_where_a_cache_keeps_plain_order():
    index = PrefixIndex()
    index.add(0, 3, root_first=True)
    index.store(0, [1, 2, 3])
    index.store(0, [9])
    assert index.depths([1, 2, 3], 1) == []
    assert index.blocks(0) == 3


def test_a_replica_that_comes_back_may_lose_the_other_end_first():
    index = PrefixIndex()
    index.add(0, 3, root_first=True)
    index.forget(0)
    index.add(0, 3)
    index.store(0, [1, 2, 3])
    index.store(0, [9])
    assert index.depths([1, 2, 3], 1) == [(1, 2)]


def test_between_two_probe_periods_a_large_room_may_be_over_by_a_64th():
    index = PrefixIndex()
    index.add(0, 640)
    index.store(0, list(range(650)))
    assert index.blocks(0) == 650
    index.trim(0)
    assert 630 <= index.blocks(0) <= 640
    index.store(0, list(range(1000, 1030)))
    assert index.blocks(0) <= 640


def test_what_a_replica_can_hold_is_not_trimmed():
    index = PrefixIndex()
    index.add(0, 640)
    index.store(0, list(range(640)))
    index.trim(0)
    assert index.blocks(0) == 640


def test_a_forgotten_replica_leaves_nothing_behind(index):
    index.store(0, [1, 2])
    index.store(1, [1])
    index.forget(0)
    assert index.depths([1, 2], ALL) == [(0b010, 1)]
    assert len(index) == 1


def test_less_room_is_made_at_once(index):
    index.store(0, list(range(50)))
    index.resize(0, 10)
    assert index.blocks(0) == 10


def test_the_age_of_what_would_go_is_known_only_when_something_would_go():
    index = PrefixIndex()
    index.add(0, 2)
    index.store(0, [1, 2], now=5.0)
    assert index.oldest(0) == [5.0]
    index.resize(0, 3)
    assert index.oldest(0) == []


def test_memory_is_bounded_by_the_room_of_all_replicas_whatever_is_asked():
    replicas, room = 8, 500
    gc.collect()
    tracemalloc.start()
    index = PrefixIndex()
    for number in range(replicas):
        index.add(number, room)
    for prompt in range(4000):
        index.store(prompt % replicas, chain(prompt.to_bytes(4) * 512, 99, 128))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert replicas * room * 0.99 <= len(index) <= replicas * room * (1 + 1 / 64)
    assert used <= len(index) * ENTRY_BYTES
