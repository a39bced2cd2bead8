"""How long the store takes for what the page waits for: 500 conversations of 100 messages."""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from assistant.conversation import Conversation, StoredMessage
from assistant.store import Store

CONVERSATIONS = 500
MESSAGES = 100
ROUNDS = 40
VOCABULARY = 20_000


def run() -> dict[str, float]:
    """Milliseconds, median and 95th percentile, of each thing that the page asks of a full store."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "parley.db")
        ids = fill(store)
        chance = random.Random(2)
        measured = {
            "sidebar": lambda: store.conversations(limit=100),
            "search_common_word": lambda: store.search("w0"),
            "search_two_words": lambda: store.search("w7 w12"),
            "search_rare_word": lambda: store.search("w19000"),
            "search_first_letter": lambda: store.search("w"),
            "search_unspaced_script": lambda: store.search("東京"),
            "sidebar_search_common_word": lambda: store.conversations(query="w0"),
            "sidebar_search_first_letter": lambda: store.conversations(query="w"),
            "open_conversation": lambda: store.get(chance.choice(ids)),
            "add_message": lambda: store.add_message(ids[0], parent_id=None, role="user", content="w1 w2 w3"),
        }
        figures = {}
        for name, work in measured.items():
            figures |= _milliseconds(name, work)
        store.close()

        def open_and_close() -> None:
            Store(Path(folder) / "parley.db").close()

        return figures | _milliseconds("open_store", open_and_close)


def fill(store: Store) -> list[str]:
    """Conversations whose words are as unevenly frequent as those of a language (Zipf); their ids."""
    chance = random.Random(1)
    words = [f"w{rank}" for rank in range(VOCABULARY)]
    frequencies = list(accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def text(length: int) -> str:
        return " ".join(chance.choices(words, cum_weights=frequencies, k=length))

    def conversation(number: int) -> Conversation:
        moment = start + timedelta(hours=number)
        messages: dict[str, StoredMessage] = {}
        parent = None
        for place in range(MESSAGES):
            asked = place % 2 == 0
            message = StoredMessage(
                id=f"{number}-{place}",
                conversation_id="",
                parent_id=parent,
                role="user" if asked else "assistant",
                content=text(chance.choice([8, 20])) if asked else text(chance.choice([30, 80, 200])),
                created=moment + timedelta(minutes=place),
                model=None if asked else "smollm2-135m-instruct",
                settings={} if asked else {"temperature": 0.7, "top_p": 0.95, "system_prompt": "Be brief."},
                usage={} if asked else {"prompt_tokens": 512, "completion_tokens": 128, "tokens_per_second": 92.5},
            )
            messages[message.id] = message
            parent = message.id
        return Conversation(str(number), text(6), {}, parent, messages, moment, moment + timedelta(minutes=MESSAGES))

    return store.adopt([conversation(number) for number in range(CONVERSATIONS)])


def _milliseconds(name: str, work: Callable[[], object]) -> dict[str, float]:
    work()
    times: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    centiles = statistics.quantiles(times, n=20, method="inclusive")
    return {f"{name}_median": round(statistics.median(times), 2), f"{name}_p95": round(centiles[-1], 2)}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
