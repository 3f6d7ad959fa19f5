"""Minors: a closed feature is refused with its law."""

from __future__ import annotations

import pytest

from isthmus.core.decision import Question
from isthmus.core.errors import Refusal
from isthmus.policy import minors


@pytest.mark.parametrize(("age", "says"), [("16-17", "不向未成年人提供"), ("unknown", "年龄不明")])
def test_a_feature_closed_to_minors_is_refused_with_its_law(age, says, house, route, owed, asked):
    stage = minors.compile([owed("feature.forbid")], route(), house)
    with pytest.raises(Refusal) as refused:
        stage.on_request(asked(question=Question(("CN",), feature="companion", age=age)))
    assert refused.value.code == "feature_forbidden"
    assert says in refused.value.sentence()
    assert refused.value.extra == {"rule": "CN.rule", "law": "PIPL 23"}
