"""The toy shop by which training is compiled beforehand reaches every part of it."""

from endcap.models import warming
from endcap.models.choosing import _FAMILIES


def test_every_family_is_fitted_and_the_head_is_re_ordered() -> None:
    recipe = warming.compile_training()
    tried = {trial["name"] for trial in recipe.info["search"]}
    assert tried == set(_FAMILIES)
    assert recipe.info["reordering"]["status"]
    assert recipe.info["held_out_queries"] > 100
