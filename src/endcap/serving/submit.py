"""``POST /submit``: recommendations of products by name, the submission itself on the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from endcap.app.answers import NOT_ASKED
from endcap.app.submissions import Submissions
from endcap.app.submit import query_of, submission
from endcap.domain.records import Submitted
from endcap.serving.bodies import decode_body
from endcap.serving.parameters import check_id
from endcap.serving.requests import Desk, Reply, Request, answer_reply
from endcap.serving.shapes import DEFAULT_K, SubmitAnswer, SubmitBody, SubmittedProduct

FALLBACK = b"endcap-fallback"
Write = Callable[[Desk, Request], Awaitable[Reply]]
DONE = "Recommendations generated successfully"


async def submit(desk: Desk, request: Request) -> Reply:
    """The submission is on disk before the answer."""
    raw = await request.body(desk.most_body)
    asked = decode_body(raw, SubmitBody)
    user_id = check_id(asked.user_id, "user_id")
    key, body = request.idempotency(raw)
    await desk.intake.submit(Submitted(at=desk.now(), key=key, body=body, user_id=user_id))
    k = DEFAULT_K if asked.k is None else int(asked.k)
    at, deadline = desk.now(), desk.deadline()
    told = NOT_ASKED
    if desk.ranker is not None:
        told = await desk.ranker.ask(query_of(user_id, k, at), deadline)
    found = submission(desk.shop, user_id, k, at, deadline, told)
    products = tuple(SubmittedProduct(*product) for product in found.products)
    reply = answer_reply(SubmitAnswer(DONE, products), found.answer)
    source = (b"endcap-probability", found.source.encode())
    return reply._replace(headers=[*reply.headers, source])


def submit_anyway(submissions: Submissions) -> Write:
    """As ``submit``; where it was taken in with less, the answer says so."""

    async def answer(desk: Desk, request: Request) -> Reply:
        reply = await submit(desk, request)
        return marked(reply, submissions.missed) if submissions.missed else reply

    return answer


def marked(reply: Reply, missed: Sequence[str]) -> Reply:
    """With what is ``missed`` in the header that says what an answer did without."""
    told = [value.decode() for name, value in reply.headers if name == FALLBACK]
    headers = [pair for pair in reply.headers if pair[0] != FALLBACK]
    return reply._replace(headers=[*headers, (FALLBACK, ", ".join([*missed, *told]).encode())])
