"""Settings: defaults, what goes before what, and a table of what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain.errors import InvalidInput
from endcap.settings import SETTINGS, Settings, load_settings


def test_defaults_without_an_environment() -> None:
    settings = load_settings({"PATH": "/bin"})
    assert settings.home == Path("~/.endcap").expanduser()
    assert settings.group == "default"
    for name, setting in SETTINGS.items():
        if name != "home":
            assert getattr(settings, name) == setting.default


def test_every_setting_has_its_member_and_a_meaning() -> None:
    assert set(SETTINGS) == set(Settings.__struct_fields__)
    assert all(setting.about for setting in SETTINGS.values())


def test_a_given_value_goes_before_the_environment() -> None:
    environment = {"ENDCAP_GROUP": "theirs", "ENDCAP_WORKERS": "4"}
    settings = load_settings(environment, group="mine", workers=None)
    assert (settings.group, settings.workers) == ("mine", 4)


def test_home_is_absolute_and_knows_the_tilde() -> None:
    assert load_settings({"ENDCAP_HOME": "~/shop"}).home == Path.home() / "shop"
    assert load_settings({"ENDCAP_HOME": "shop"}).home == Path.cwd() / "shop"


def test_cores_are_the_threads_or_those_of_the_machine() -> None:
    assert load_settings({"ENDCAP_THREADS": "3"}).cores == 3
    assert load_settings({}).cores >= 1


REFUSED = [
    ("workers", "0"), ("workers", "65"), ("workers", "2.5"), ("workers", "two"), ("workers", ""),
    ("workers", "-1"), ("workers", "1e3"), ("workers", "nan"), ("workers", "None"),
    ("segment_mb", "0"), ("segment_mb", "nan"), ("segment_mb", "inf"), ("segment_mb", "64MB"),
    ("history_events", "9"), ("history_events", "10001"), ("keeper_interval_s", "0"),
    ("keeper_interval_s", "-inf"), ("memory_mb", "127"), ("threads", "-1"), ("threads", "257"),
    ("max_batch", "0"), ("keep_versions", "1"), ("seed", "-1"), ("seed", str(2**31)),
    ("popular_half_life_days", "0"), ("log_level", "loud"), ("log_level", ""),
    ("log_level", "INFO "), ("home", ""), ("home", "  "),
    ("auth", ""), ("auth", "none"), ("auth", "Open"),
    ("rate_per_s", "-1"), ("rate_per_s", "nan"), ("burst", "0"), ("jwks", "http://issuer.example"),
    ("cors_origins", "*"), ("cors_origins", "shop.example"), ("cors_origins", "https://a.b/path"),
    ("cors_origins", "https://*.shop.example"), ("cors_origins", "https://a.b https://c.d"),
    ("cors_origins", "null"), ("cors_origins", "https://a.b,,"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "raw"), REFUSED)
def test_a_bad_setting_is_named(name: str, raw: str) -> None:
    variable = f"ENDCAP_{name.upper()}"
    with pytest.raises(InvalidInput) as caught:
        load_settings({variable: raw})
    assert (caught.value.code, caught.value.field, caught.value.value) == (
        "bad_setting", variable, raw,
    )  # fmt: skip
    setting = SETTINGS[name]
    if setting.least is not None:
        assert f"{setting.least:g}" in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [("ENDCAP_HOM", "ENDCAP_HOME"), ("ENDCAP_WORKER", "ENDCAP_WORKERS"),
     ("ENDCAP_home", "ENDCAP_HOME"), ("ENDCAP_MEMORY", "ENDCAP_MEMORY_MB")],
)  # fmt: skip
def test_an_unknown_variable_is_refused_with_the_nearest(variable: str, nearest: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings({variable: "1"})
    assert (caught.value.code, caught.value.field) == ("unknown_setting", variable)
    assert caught.value.facts["nearest"] == nearest


@pytest.mark.parametrize(
    "text", ["", "https://a.b", " https://a.b , http://[::1]:3000", "http://x,"]
)
def test_origins_that_are_taken(text: str) -> None:
    assert load_settings({"ENDCAP_CORS_ORIGINS": text}).cors_origins == text


NUMBERS = [name for name, setting in SETTINGS.items() if setting.least is not None]


@given(st.sampled_from(NUMBERS), st.floats(0, 1))
def test_every_number_of_the_range_is_taken(name: str, share: float) -> None:
    setting = SETTINGS[name]
    assert setting.least is not None
    assert setting.most is not None
    value = setting.least + share * (setting.most - setting.least)
    if Settings.__annotations__[name] == "int":
        value = int(value)
    assert getattr(load_settings({f"ENDCAP_{name.upper()}": repr(value)}), name) == value
