"""The official client on real weights: what a model without weights cannot show."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from openai import OpenAI

from assistant.service import Assistant
from tests.ui.api.conftest import running
from ui.api.state import Serving

pytestmark = pytest.mark.model
MODEL = "smollm2-135m-instruct"
ENCODER = "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    with pytest.MonkeyPatch.context() as patch:
        from tests.conftest import WEIGHTS

        patch.setenv("PARLEY_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("PARLEY_MODELS", str(WEIGHTS))
        assistant = Assistant()
        with running(assistant, Serving()) as server:
            yield server.openai()
        assistant.close()


def ask(text: str, **more: object) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 24, **more}


def test_a_reply_and_its_stream_say_the_same(client: OpenAI) -> None:
    whole = client.chat.completions.create(**ask("What is the capital of France?"))  # type: ignore[call-overload]
    (choice,) = whole.choices
    assert "Paris" in choice.message.content
    told = client.chat.completions.create(  # type: ignore[call-overload]
        **ask("What is the capital of France?", stream=True, stream_options={"include_usage": True})
    )
    chunks = list(told)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == choice.message.content
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens and len(chunks) > 4


def test_a_seed_says_the_same_twice(client: OpenAI) -> None:
    def once(seed: int) -> str:
        made = client.chat.completions.create(**ask("Tell me a story.", temperature=1.0, seed=seed))  # type: ignore[call-overload]
        return made.choices[0].message.content

    assert once(1) == once(1) != once(2)


def test_probabilities_are_of_what_was_said(client: OpenAI) -> None:
    made = client.chat.completions.create(**ask("What is the capital of France?", logprobs=True, top_logprobs=3))  # type: ignore[call-overload]
    tokens = made.choices[0].logprobs.content
    assert "".join(token.token for token in tokens).strip() == made.choices[0].message.content.strip()
    for token in tokens:  # a model's own penalty for repetition may choose one that is not the likeliest
        top = [each.logprob for each in token.top_logprobs]
        assert top == sorted(top, reverse=True) and token.logprob <= top[0] + 1e-6 <= 1e-6
    assert tokens[0].logprob == tokens[0].top_logprobs[0].logprob


def test_json_is_what_the_schema_says(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Oslo", "Lima"]}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}}
    made = client.chat.completions.create(**ask("Name a city.", response_format=form, max_tokens=64))  # type: ignore[call-overload]
    found = json.loads(made.choices[0].message.content)
    assert found["city"] in ("Oslo", "Lima") and isinstance(found["people"], int) and len(found) == 2


def test_a_tool_is_called_with_what_it_takes(client: OpenAI) -> None:
    takes = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": takes}}
    choice = {"type": "function", "function": {"name": "weather"}}
    made = client.chat.completions.create(  # type: ignore[call-overload]
        **ask("How is the weather in Paris?", tools=[tool], tool_choice=choice, max_tokens=64)
    )
    (call,) = made.choices[0].message.tool_calls
    assert call.function.name == "weather" and isinstance(json.loads(call.function.arguments)["city"], str)


def test_embeddings_are_near_where_meanings_are(client: OpenAI) -> None:
    texts = ["A cat sat on the mat.", "A kitten rested on the rug.", "Interest rates rose again."]
    found = np.array([each.embedding for each in client.embeddings.create(model=ENCODER, input=texts).data])
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert found[0] @ found[1] > 0.4 > found[0] @ found[2]


def test_feelings_are_told(client: OpenAI) -> None:
    answer = client.post(
        "/sentiment", body={"input": ["What a lovely day!", "It broke at once, and nobody helped."]}, cast_to=dict
    )
    assert [each["sentiment"] for each in answer["data"]] == ["positive", "negative"]
