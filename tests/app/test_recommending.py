"""GetRecommendations and GetPersonalizedRanking over the checkerboard shop."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from msgspec.structs import replace as changed

from endcap.app import families
from endcap.app.recommending import recommend
from endcap.control.registry.arns import CAMPAIGN, Place
from endcap.control.registry.campaigns import Campaign
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.sessions import session_user

PERSONAL, RANKING = "aws-user-personalization", "aws-personalized-ranking"


def black(ids: list[str]) -> list[bool]:
    return [item_id.startswith("black") for item_id in ids]


def test_each_shopper_gets_their_own_colour(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    assert all(black(wire.ids(arn, userId="s0", numResults=6)))
    assert not any(black(wire.ids(arn, userId="s1", numResults=6)))


def test_the_answer_is_that_of_the_engine(wire: Any, board: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    board.at = wire.at
    assert wire.ids(arn, userId="s0", numResults=10) == board.ids(user_id="s0", k=10)


def test_a_click_changes_the_next_answer(wire: Any, board: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    before = wire.ids(arn, userId="nobody", numResults=5)
    assert before  # popular items, and no error
    board.post(("nobody", "white-3", "view"), ("nobody", "white-5", "view"))
    after = wire.ids(arn, userId="nobody", numResults=5)
    assert after != before
    assert not any(black(after))


def test_a_session_without_a_user_asks_by_its_own_id(wire: Any, board: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    session = session_user("visit-1")
    board.post((session, "white-3", "view"), (session, "white-5", "view"))
    found = wire.ids(arn, userId="visit-1", numResults=5)
    assert found == wire.ids(arn, userId=session, numResults=5)
    assert not any(black(found))


@pytest.mark.parametrize(("asked", "expected"), [(None, 24), (1, 1), (7, 7), (500, 24), (0, 24)])
def test_as_many_as_are_asked_for(wire: Any, asked: int | None, expected: int) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    given = {} if asked is None else {"numResults": asked}
    found = wire.ids(arn, userId="nobody", **given)
    assert len(found) == len(set(found)) == expected


@pytest.mark.parametrize("asked", [-1, 501, 10**9])
def test_more_than_500_are_refused(wire: Any, asked: int) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    with pytest.raises(InvalidInput) as refused:
        wire.recommend(arn, userId="s0", numResults=asked)
    assert (refused.value.code, refused.value.field) == ("results_out_of_range", "numResults")


@pytest.mark.parametrize("user", ["s0", "nobody"])
def test_scores_are_shares_that_fall(wire: Any, user: str) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    scores = [item["score"] for item in wire.recommend(arn, userId=user)["itemList"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score < 1 for score in scores)
    assert 0.5 < sum(scores) < 1 + 1e-9


def test_a_score_does_not_hang_on_how_many_are_asked(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    few, many = (wire.recommend(arn, userId="s0", numResults=n)["itemList"] for n in (3, 20))
    assert few == many[:3]


def test_recommendation_ids_are_new_each_time_and_fit_into_events(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    ids = [wire.recommend(arn, userId="s0")["recommendationId"] for _ in range(3)]
    assert len(set(ids)) == 3
    form = r"RID-[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-CID-[0-9a-f]{6}"
    assert all(re.fullmatch(form, found) and len(found) == 40 for found in ids)


def test_a_list_is_put_in_the_users_order(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), RANKING)
    given = ["nothing-1", "white-3", "black-3", "nothing-2", "white-5", "black-5"]
    ranking = wire.rerank(arn, userId="s0", inputList=given)
    ids = [item["itemId"] for item in ranking]
    assert sorted(ids) == sorted(given)
    assert black(ids) == [True, True, False, False, False, False]
    assert ids[4:] == ["nothing-1", "nothing-2"]  # nobody knows them
    scores = [item["score"] for item in ranking]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1)
    assert scores[4:] == [0, 0]


def test_a_list_for_a_new_user_keeps_all_items(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), RANKING)
    given = ["white-0", "black-0", "black-11"]
    ranking = wire.rerank(arn, userId="nobody", inputList=given)
    assert sorted(item["itemId"] for item in ranking) == sorted(given)
    assert sum(item["score"] for item in ranking) == pytest.approx(1)


def test_an_empty_list_stays_empty(wire: Any) -> None:
    assert wire.rerank(wire.campaign(wire.group("g"), RANKING), userId="s0", inputList=[]) == []


def test_a_list_is_filtered(wire: Any) -> None:
    group = wire.group("g")
    arn = wire.campaign(group, RANKING)
    only = wire.filter(group, 'INCLUDE ItemID WHERE Items.department IN ("white")')
    given = ["white-3", "black-3", "nothing"]
    ranking = wire.rerank(arn, userId="s0", inputList=given, filterArn=only)
    assert [item["itemId"] for item in ranking] == ["white-3"]


def test_lists_of_more_than_500_are_refused(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), RANKING)
    with pytest.raises(InvalidInput) as refused:
        wire.rerank(arn, userId="s0", inputList=["x"] * 501)
    assert refused.value.code == "input_too_long"


def test_a_recipe_answers_what_it_is_for(wire: Any) -> None:
    group = wire.group("g")
    ranking, personal = wire.campaign(group, RANKING), wire.campaign(group, PERSONAL)
    segments = wire.campaign(group, "aws-item-affinity")
    for code, ask in (
        ("recipe_ranks", lambda: wire.recommend(ranking, userId="s0")),
        ("recipe_segments", lambda: wire.recommend(segments, userId="s0")),
        ("recipe_ranks_not", lambda: wire.rerank(personal, userId="s0", inputList=["a"])),
    ):
        with pytest.raises(InvalidInput) as refused:
            ask()
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("recipe", "given", "field"),
    [
        (PERSONAL, {}, "userId"),
        (PERSONAL, {"userId": ""}, "userId"),
        ("aws-similar-items", {"userId": "s0"}, "itemId"),
        ("aws-ecomm-customers-who-viewed-x-also-viewed", {"itemId": "black-0"}, "userId"),
        ("aws-ecomm-frequently-bought-together", {"userId": "s0"}, "itemId"),
    ],
)
def test_a_recipe_says_what_it_needs(wire: Any, recipe: str, given: Any, field: str) -> None:
    arn = wire.recommender(wire.group("g"), recipe, "v0001")
    with pytest.raises(InvalidInput) as refused:
        wire.recommend(arn, **given)
    assert (refused.value.code, refused.value.field) == ("recipe_needs", field)


@pytest.mark.parametrize("both", [True, False])
def test_a_request_names_a_campaign_or_a_recommender(wire: Any, both: bool) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    given = {"campaignArn": arn, "recommenderArn": arn} if both else {}
    with pytest.raises(InvalidInput) as refused:
        wire.recommend(arn, **{"campaignArn": None, **given})
    assert refused.value.code == "one_of_two"


def test_what_is_not_active_does_not_answer(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    wire.registry.move(Campaign, arn, wire.at, "CREATE IN_PROGRESS")
    with pytest.raises(InvalidInput) as refused:
        wire.recommend(arn, userId="s0")
    assert refused.value.code == "not_active"
    assert refused.value.facts["status"] == "CREATE IN_PROGRESS"


def test_an_update_of_a_campaign_holds_at_once(wire: Any) -> None:
    group = wire.group("g")
    arn = wire.campaign(group, PERSONAL)
    other = wire.registry.find(Campaign, wire.campaign(group, RANKING))
    wire.recommend(arn, userId="s0")
    wire.registry.change(Campaign, arn, lambda found: changed(found, version_arn=other.version_arn))
    with pytest.raises(InvalidInput) as refused:
        wire.recommend(arn, userId="s0")
    assert refused.value.code == "recipe_ranks"


@pytest.mark.parametrize("name", ["nobody", "default/x"])
def test_unknown_campaigns_are_not_found(wire: Any, name: str) -> None:
    with pytest.raises(NotFound) as refused:
        wire.recommend(wire.registry.arn(CAMPAIGN, name), userId="s0")
    assert refused.value.code == "no_resource"


def test_a_campaign_of_another_region_is_not_found(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    with pytest.raises(NotFound):
        wire.recommend(arn.replace("us-east-1", "eu-west-1"), userId="s0")


def test_a_shop_that_the_api_did_not_make_has_a_campaign_of_its_name(wire: Any) -> None:
    found = wire.ids(wire.registry.arn(CAMPAIGN, "default"), userId="s0", numResults=5)
    assert all(black(found))


def test_a_shop_without_a_model_has_no_campaign(wire: Any, make_board: Any) -> None:
    (wire.home / "groups" / "bare").mkdir()
    with pytest.raises(NotFound):
        wire.recommend(wire.registry.arn(CAMPAIGN, "bare"), userId="s0")


def test_a_shop_of_another_region_has_no_campaign_here(wire: Any) -> None:
    there = wire.registry.elsewhere(Place("eu-west-1"))
    wire.registry, here = there, wire.registry
    wire.group("default")
    wire.registry = here
    with pytest.raises(NotFound):
        wire.recommend(wire.registry.arn(CAMPAIGN, "default"), userId="s0")


def test_context_puts_items_of_the_page_first(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), PERSONAL)
    found = wire.ids(
        arn, userId="nobody", numResults=12, context={"DEPARTMENT": "white", "MOOD": "good"}
    )
    assert not any(black(found))


def test_similar_items_go_with_one_item_and_have_no_scores(wire: Any) -> None:
    group = wire.group("g")
    for recipe, fitting in (
        ("aws-similar-items", 6),
        ("aws-sims", 6),
        ("aws-semantic-similarity", 5),  # "white thing 0" is like "black thing 0"
    ):
        items = wire.recommend(wire.campaign(group, recipe), itemId="black-0", numResults=6)
        items = items["itemList"]
        ids = [item["itemId"] for item in items]
        assert sum(black(ids)) == fitting, recipe
        assert len(ids) == 6, recipe
        assert "black-0" not in ids
        assert all(set(item) == {"itemId"} for item in items)


def test_unknown_items_are_answered_with_popular_ones(wire: Any) -> None:
    arn = wire.campaign(wire.group("g"), "aws-similar-items")
    assert len(wire.ids(arn, itemId="nothing", numResults=4)) == 4


def test_no_group_sees_another(wire: Any, make_board: Any) -> None:
    """The same ids, another shop: nothing is trained there, and nothing of ours is known."""
    other = make_board(wire.home, ENDCAP_GROUP="other")
    other.put("black-1", department="none")
    arn = wire.campaign(wire.group("theirs", "other"), PERSONAL, model="")
    with pytest.raises(NotFound):
        wire.recommend(arn, userId="s0")


def test_a_damaged_version_is_answered_by_what_the_shop_serves(
    wire: Any, board: Any, damage: Any, second_version: Any
) -> None:
    name = second_version(board)
    arn = wire.campaign(wire.group("g"), PERSONAL, model=name)
    expected = wire.ids(wire.campaign(wire.group("h"), PERSONAL, model="v0001"), userId="s0")
    damage(board, "models", name)
    assert wire.ids(arn, userId="s0") == expected


@pytest.mark.parametrize("recipe", ["aws-popularity-count", "aws-sims"])
def test_a_version_that_is_gone_is_answered_and_counted(wire: Any, recipe: str) -> None:
    group = wire.group("g")
    arn = wire.campaign(group, recipe, model="v0099")
    assert len(wire.ids(arn, itemId="black-0", numResults=4)) == 4
    (opened,) = wire.shops.held()
    told = opened.shop.telemetry.reading().counters
    assert any(name == "fallbacks_total" and ("stage", "load") in labels for name, labels in told)


def test_an_answers_time_begins_when_its_version_is_open(
    wire: Any, board: Any, second_version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened once for all who ask, however long that takes."""
    name, now, opened = second_version(board), [0.0], []
    whole = families.open_apart

    def slow(*given: Any) -> Any:
        opened.append(given)
        now[0] += 3600
        return whole(*given)

    monkeypatch.setattr(families, "open_apart", slow)
    arn = wire.campaign(wire.group("g"), PERSONAL, model=name)
    given = {"campaignArn": arn, "userId": "s0", "numResults": 6}

    async def ask() -> list[Any]:
        asked = [
            recommend(wire.shops, wire.registry, given, wire.at, lambda: now[0]) for _ in range(4)
        ]
        return list(await asyncio.gather(*asked))

    answers = asyncio.run(ask())
    assert all(all(black([i["itemId"] for i in told["itemList"]])) for told in answers)
    assert len(opened) == 1


def test_versions_of_one_shop_share_what_filters_read(
    wire: Any, board: Any, second_version: Any
) -> None:
    group, name = wire.group("g"), second_version(board)
    only = wire.filter(group, 'INCLUDE ItemID WHERE Items.department = "white"')
    arns = [wire.campaign(group, PERSONAL, model=model) for model in ("v0001", name)]
    found = [wire.ids(arn, userId="s0", filterArn=only, numResults=500) for arn in arns]
    assert found[0] == found[1]
    assert len(found[0]) == 12
    (opened,) = wire.shops.held()
    versions = opened.kept["versions"]
    version = versions.of(opened.shop, name, "personal")
    assert version.live.masks.columns is opened.shop.now.masks.columns
