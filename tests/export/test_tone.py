import pytest

from isthmus.export import tone


def test_the_rhythm_is_short_long_short_short():
    said = tone.samples(8000)
    loud = [any(said[at : at + 80]) for at in range(0, len(said) - 79, 80)]
    spans, last = [], None
    for each in loud:
        if each == last:
            spans[-1] += 10
        else:
            spans.append(10)
        last = each
    assert spans == [100, 100, 300, 100, 100, 100, 100, 400]  # ms


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_every_channel_hears_it(bits):
    one = tone.pcm(8000, 1, bits, floating=False)
    two = tone.pcm(8000, 2, bits, floating=False)
    size = bits // 8
    assert len(one) == len(tone.samples(8000)) * size
    assert two[: 2 * size] == one[:size] * 2


def test_kinds_of_samples_that_are_none_have_no_tone():
    assert tone.pcm(1, 1, 16, floating=False) == b""
    assert tone.pcm(8000, 99, 16, floating=False) == b""
    assert tone.pcm(8000, 1, 12, floating=False) == b""
    assert tone.pcm(8000, 1, 16, floating=True) == b""
    assert len(tone.pcm(8000, 1, 64, floating=True)) == len(tone.samples(8000)) * 8
