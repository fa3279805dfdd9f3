"""The types of what requests say of filters. The OpenAPI document is generated from them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from endcap.domain.filter_tokens import MOST_TEXT

FilterText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_TEXT,
        description="Which items may be in the answer, in the filter language.",
        examples=['Items.department = "produce" AND Items.price <= 5'],
    ),
]
FilterValue = str | int | float | bool | list[str | int | float | bool]
FilterValues = Annotated[
    dict[str, FilterValue],
    Meta(description="Values for the $parameters of the filter: texts, numbers, or lists of them."),
]
FilterValuesText = Annotated[
    str,
    Meta(min_length=2, description="A JSON object with values for the $parameters of the filter.",
         examples=['{"department": ["produce", "bakery"], "most": 5}']),
]  # fmt: skip
