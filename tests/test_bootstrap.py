"""Opening shops: folders, groups, leases, damage."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from endcap import bootstrap
from endcap.adapters import remote_files
from endcap.adapters.breaker import uncounted
from endcap.bootstrap import kernel_cache, open_shop, prepare_kernels, stores_of
from endcap.bootstrap.buckets import artifacts_of, lake_of
from endcap.bootstrap.places import lease, make
from endcap.bootstrap.rankers import ranker_of
from endcap.control.dataset_groups import groups
from endcap.domain.errors import Damaged, InvalidInput
from endcap.settings import Settings, load_settings


def settings_of(home: Path, **more: str) -> Settings:
    return load_settings({"ENDCAP_HOME": str(home), **more})


def test_an_empty_home_opens_to_an_empty_shop(tmp_path: Path) -> None:
    shop = open_shop(settings_of(tmp_path / "deep" / "home"))
    assert (shop.group, shop.now.state.offset, shop.now.serving.version) == ("default", 0, "")
    assert groups(tmp_path / "deep" / "home") == ["default"]


def test_groups_share_nothing(tmp_path: Path, empty_board: Any) -> None:
    other = open_shop(empty_board.settings, "other")
    empty_board.post(("u", "x", "view"))
    empty_board.put("x", name="a thing")
    assert empty_board.ids("popular") == ["x"]
    assert empty_board.ids("popular", shop=other) == []
    assert other.log.end() == 0
    assert groups(empty_board.home) == ["default", "other"]


def test_a_restart_finds_everything(empty_board: Any) -> None:
    board = empty_board
    board.put("x", name="a thing")
    board.post(("u", "x", "view"))
    again = board.open()
    assert again.now.state.offset == board.shop.now.state.offset
    assert board.answer(shop=again, user_id="u", seen="none") == board.answer(
        user_id="u", seen="none"
    )


@pytest.mark.parametrize("name", ["../up", "", "a" * 64])
def test_bad_groups_open_nothing(tmp_path: Path, name: str) -> None:
    settings = settings_of(tmp_path / "home", ENDCAP_GROUP=name)
    with pytest.raises(InvalidInput) as caught:
        open_shop(settings)
    assert (caught.value.code, caught.value.value) == ("bad_group", name)
    with pytest.raises(InvalidInput):
        stores_of(settings, name)
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput) as caught:
        open_shop(settings_of(tmp_path / "file" / "home"))
    error = caught.value
    assert (error.code, error.field) == ("home_not_writable", "ENDCAP_HOME")
    assert str(error.value).startswith(str(tmp_path / "file" / "home"))
    assert make(tmp_path / "new") == tmp_path / "new"


def test_stores_open_one_by_one(board: Any) -> None:
    stores = stores_of(board.settings, "default")
    assert stores.log().end() == board.shop.log.end()
    assert stores.artifacts().names("models") == ["v0001"]
    assert stores.lake().manifest() == board.shop.lake.manifest()
    assert stores.documents().get("campaign", "default") is not None


def test_failures_at_the_start_are_counted(board: Any) -> None:
    for path in (board.home / "groups" / "default" / "artifacts" / "models").rglob("*.npy"):
        path.unlink()
    shop = board.open()
    assert shop.now.serving.version == ""
    assert shop.telemetry.counters["load_failures_total", (("code", "artifact_damaged"),)] == 1


def test_a_log_that_is_damaged_behind_the_snapshot_is_not_opened(board: Any) -> None:
    board.post(("u", "black-1", "view"))
    (segment,) = (board.home / "groups" / "default" / "log").glob("*.log")
    raw = bytearray(segment.read_bytes())
    raw[-20] ^= 0xFF
    segment.write_bytes(raw)
    with pytest.raises(Damaged) as caught:
        board.open()
    assert caught.value.code == "log_damaged"


def test_a_lease_has_one_holder(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with lease(tmp_path / "lock"):
            order.append("second")

    with lease(tmp_path / "lock"):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def test_a_lease_ends_with_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boom"), lease(tmp_path / "lock"):
        raise ValueError("boom")
    with lease(tmp_path / "lock"):
        pass


def test_kernels_lie_beside_the_code_or_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    settings = settings_of(tmp_path / "home")
    monkeypatch.setattr(bootstrap, "BESIDE", tmp_path / "code" / "__pycache__")
    prepare_kernels(settings)
    assert kernel_cache(settings) == tmp_path / "code" / "__pycache__"
    assert "NUMBA_CACHE_DIR" not in os.environ  # where numba looks by itself
    (tmp_path / "file").touch()
    monkeypatch.setattr(bootstrap, "BESIDE", tmp_path / "file" / "__pycache__")
    prepare_kernels(settings)
    assert Path(os.environ["NUMBA_CACHE_DIR"]).parent == tmp_path / "home" / "cache"
    monkeypatch.setenv("NUMBA_CACHE_DIR", "mine")
    prepare_kernels(settings)
    assert os.environ["NUMBA_CACHE_DIR"] == "mine"


def test_kernels_without_a_place_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setattr(bootstrap, "BESIDE", tmp_path / "file" / "__pycache__")
    prepare_kernels(settings_of(tmp_path / "file" / "home"))
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_models_in_a_bucket_need_boto3_alone_and_the_lake_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions of Lambda have no fsspec."""
    found = {"boto3"}
    monkeypatch.setattr(remote_files, "find_spec", lambda name: name if name in found else None)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    settings = settings_of(
        tmp_path, ENDCAP_ARTIFACTS="s3://bucket/models", ENDCAP_LAKE="s3://bucket/lake",
        ENDCAP_RANKER="sagemaker://ranker",
    )  # fmt: skip
    artifacts_of(settings, "default", tmp_path)
    assert ranker_of(settings, uncounted) is not None
    with pytest.raises(InvalidInput) as told:
        lake_of(settings, "default", tmp_path)
    assert (told.value.code, told.value.field) == ("aws_extra_missing", "ENDCAP_LAKE")
    found.clear()
    with pytest.raises(InvalidInput):
        ranker_of(settings, uncounted)
