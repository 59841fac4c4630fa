import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong.errors import Refused
from sejong.flow.identity import canonical, identity

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), plain, max_size=4))
def test_the_order_of_keys_does_not_matter(settings: dict[str, Any]) -> None:
    turned = dict(reversed(list(settings.items())))
    assert canonical(settings) == canonical(turned)


@pytest.mark.parametrize("part", ["stage", "code", "library", "setting", "input"])
def test_every_part_changes_the_identity(part: str) -> None:
    def named(**changed: str) -> str:
        return identity(
            changed.get("stage", "corpus"),
            changed.get("code", "c"),
            {"torch": changed.get("library", "1")},
            {"a": changed.get("setting", "1")},
            [("sources", changed.get("input", "d"))],
        )

    assert named() == named()
    assert named(**{part: "other"}) != named()


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, len, object(), {1: "a"}])
def test_what_has_no_stable_form_is_refused(value: Any) -> None:
    with pytest.raises(Refused, match=r"settings\.x"):
        canonical({"x": value})
