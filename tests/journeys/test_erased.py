"""A user is erased while the shop is served, and a byte search goes over all that is left."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

NAME = "somebody-51c8"


def completed(endcap: Any, home: Path) -> dict[str, Any]:
    """The receipt, once the server's keeper has looked through what was pending."""
    deadline = time.monotonic() + 60
    while True:
        rows = endcap("erase-user", NAME, "--receipts", "--json", home=home).stdout
        (receipt,) = json.loads(rows)
        if not receipt["pending"] or time.monotonic() > deadline:
            assert receipt["pending"] == []
            return dict(receipt)
        time.sleep(0.2)


@pytest.mark.server
def test_a_served_shop_forgets_a_user_to_the_last_byte(
    serve: Any, endcap: Any, holders: Any, checkerboard_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(checkerboard_home, home)
    server = serve(home=home, workers=2)
    with server.client() as client:
        for item in ("white-1", "white-2", "white-3"):
            body = {"userId": NAME, "itemId": item, "event_type": "view"}
            assert client.post("/v1/events", json=body).status_code == 202
        interest = {"customer_id": NAME, "interest": "white", "location": "Ulm"}
        assert client.post("/v1/recommend", json=interest).status_code == 200
        asked = {"user_id": NAME, "event": "get_recommendations"}
        assert client.post("/v1/submit", json=asked).status_code == 200
        endcap("batch", str(tmp_path / "home" / "batch.jsonl"), home=home)
        assert client.get(f"/v1/users/{NAME}/recommendations").status_code == 200
        assert holders(home, NAME)

        told = client.delete(f"/v1/users/{NAME}")
        assert told.status_code == 202
        receipt = told.json()
        assert receipt["forgotten"]["events of the history"] == 3
        assert receipt["forgotten"]["stored recommendations"] == 1
        assert receipt["untilPurge"]["written files"] == 1
        assert set(receipt["pending"]) > {"events in the lake", "rejected rows"}
        complete = completed(endcap, home)
        assert complete["untilPurge"]["events in the lake"] in (0, 3)
        assert complete["forgotten"]["events of the history"] == 3
        assert client.get(f"/v1/users/{NAME}/recommendations").status_code == 404
        purged = json.loads(endcap("purge", "--json", home=home).stdout)
        assert purged["rows of the lake"] == 3
        assert purged["log records"] >= 5  # three events, the submission, the erasure itself
        deadline = time.monotonic() + 60
        while holders(tmp_path, NAME) and time.monotonic() < deadline:
            time.sleep(0.5)  # a worker lets go of what the store has written anew
        assert holders(tmp_path, NAME) == set()
        answers = [
            client.get("/v1/recommendations/personalized", params={"userId": user}).json()["items"]
            for user in (NAME, "nobody-ever")
        ]
        assert answers[0] == answers[1]
    assert server.stop() == 0
    assert holders(tmp_path, NAME) == set()
    rows = endcap("erase-user", NAME, "--receipts", "--json", home=home).stdout
    (kept,) = json.loads(rows)
    assert (kept["receipt"], kept["untilPurge"]) == (receipt["receipt"], {})
