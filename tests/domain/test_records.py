"""Log records keep everything they are given, and hashes keep their parts apart."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain.records import (
    AnyRecord,
    EventsPosted,
    ItemsPut,
    Linked,
    Pointed,
    Record,
    Submitted,
    UserErased,
    UsersPut,
    content_id,
    decode,
    decode_known,
    digest,
    encode,
    encode_without,
    users_of,
)
from endcap.domain.values import Event, Item, User

# UTF-8 cannot hold lone surrogates; the API refuses them before they get here.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.integers(-(2**62), 2**62)
numbers = st.floats(allow_nan=False)
# Integers beyond 64 bits have no MessagePack form; the API refuses them too.
attribute = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), numbers, texts,
    st.lists(texts, max_size=3),
)  # fmt: skip
attributes = st.dictionaries(texts, attribute, max_size=4)
events = st.builds(
    Event,
    user_id=texts,
    item_id=texts,
    event_type=texts,
    ts=times,
    event_id=texts,
    value=st.none() | numbers,
    session_id=st.none() | texts,
    attributes=st.none() | attributes,
)
items = st.builds(Item, item_id=texts, attributes=attributes)
users = st.builds(User, user_id=texts, attributes=attributes)
header = {"at": times, "key": st.binary(max_size=16), "body": st.binary(max_size=16)}
records = st.one_of(
    st.builds(EventsPosted, events=st.lists(events, max_size=3).map(tuple), **header),
    st.builds(ItemsPut, items=st.lists(items, max_size=3).map(tuple), **header),
    st.builds(UsersPut, users=st.lists(users, max_size=3).map(tuple), **header),
    st.builds(UserErased, user_id=texts, **header),
    st.builds(Pointed, name=texts, value=texts, **header),
    st.builds(Linked, session=texts, user_id=texts, **header),
)


@given(records)
def test_decode_gives_back_what_was_encoded(record: AnyRecord) -> None:
    again = decode(encode(record))
    assert type(again) is type(record)
    assert again == record


@given(records)
def test_decode_reads_a_view_without_a_copy(record: AnyRecord) -> None:
    raw = b"before" + encode(record) + b"behind"
    assert decode(memoryview(raw)[6:-6]) == record


def test_a_whole_number_attribute_stays_whole() -> None:
    item = Item("i", {"stock": 3, "price": 3.0, "new": True})
    again = decode(encode(ItemsPut(at=1, items=(item,))))
    assert isinstance(again, ItemsPut)
    assert {k: type(v) for k, v in again.items[0].attributes.items()} == {
        "stock": int, "price": float, "new": bool,
    }  # fmt: skip


def test_every_record_kind_is_decodable() -> None:
    kinds = {type(decode(encode(kind(at=1)))) for kind in Record.__subclasses__()}
    assert kinds == set(Record.__subclasses__())


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x93\xa1z\x01\xc4\x00", b"junk"])
def test_other_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(payload)


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_digests_differ_when_parts_differ(one: list[bytes], other: list[bytes]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)
    assert len(digest(*one)) == 16


def test_parts_of_a_digest_do_not_run_together() -> None:
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("é") == digest("é".encode())


def test_a_content_id_depends_on_every_member() -> None:
    one = ("u", "i", "view", 5, 1.0)
    others = [("v", *one[1:]), ("u", "j", *one[2:]), ("u", "i", "buy", 5, 1.0),
              (*one[:3], 6, 1.0), (*one[:4], None), (*one[:4], 1.5)]  # fmt: skip
    ids = {content_id(*parts) for parts in (one, *others)}
    assert len(ids) == 7
    assert content_id("u", "i", "view", 5, 1) == content_id(*one)
    # Ids live in logs and lakes: another release must give the same.
    assert content_id(*one) == "8f59e8de9ced45aa1f763cb2edcb8621"


owners = st.sampled_from(["U1", "U2", "a" * 300, "é"])
owned = st.one_of(
    st.builds(
        EventsPosted,
        events=st.lists(st.builds(Event, owners, texts, texts, times, texts), max_size=5).map(
            tuple
        ),
        **header,
    ),
    st.builds(
        UsersPut,
        users=st.lists(st.builds(User, owners, attributes), max_size=4).map(tuple),
        **header,
    ),
    st.builds(UserErased, user_id=owners, **header),
    st.builds(Submitted, user_id=owners, **header),
    st.builds(Linked, session=owners, user_id=owners, **header),
)


@given(owned, st.sets(owners))
def test_a_record_without_a_user_is_as_long_and_names_the_others(
    record: AnyRecord, gone: set[str]
) -> None:
    payload = encode_without(record, gone)
    assert len(payload) == len(encode(record))
    left = decode(payload)
    assert set(users_of(left)) - {""} == set(users_of(record)) - gone
    assert (left.at, left.key, left.body) == (record.at, record.key, record.body)
    if not gone.intersection(users_of(record)):
        assert payload == encode(record)


OTHER = Event("u", "I", "view", 2, "e")


@pytest.mark.parametrize("length", [1, 2, 30, 300, 70_000])
def test_an_id_of_any_length_leaves_no_byte(length: int) -> None:
    name = "~" * length
    erased = encode_without(UserErased(7, user_id=name), {name})
    posted = EventsPosted(7, events=(Event(name, "I", "view", 1, name), OTHER))
    for payload in (erased, encode_without(posted, {name})):
        assert name.encode() not in payload[2:]
        assert decode(payload).at == 7


# As they were written first: logs outlive releases.
WRITTEN = {
    "95a16507c4016bc401629298a175a169a47669657705a165c0c0c098a175a169a47669657705a165"
    "cb4004000000000000a17381a6646576696365a3776562": EventsPosted(
        7,
        b"k",
        b"b",
        (
            Event("u", "i", "view", 5, "e"),
            Event("u", "i", "view", 5, "e", 2.5, "s", {"device": "web"}),
        ),
    ),
    "95a16907c400c4009192a16981a57072696365cb3ff8000000000000": ItemsPut(
        7, items=(Item("i", {"price": 1.5}),)
    ),
    "95a17507c400c4009192a17581a361676504": UsersPut(7, users=(User("u", {"age": 4}),)),
    "95a17807c400c400a175": UserErased(7, user_id="u"),
    "96a17007c400c400a46b657973a131": Pointed(7, name="keys", value="1"),
    "95a17307c400c400a175": Submitted(7, user_id="u"),
    "96a16c07c400c400a973657373696f6e3a73a175": Linked(7, session="session:s", user_id="u"),
}


@pytest.mark.parametrize(("written", "record"), WRITTEN.items())
def test_what_was_written_once_can_be_read(written: str, record: AnyRecord) -> None:
    assert decode(bytes.fromhex(written)) == record
    assert encode(record).hex() == written


def test_a_record_of_a_later_release_is_passed_over() -> None:
    assert decode_known(bytes.fromhex("94a17a07c400c400")) is None
