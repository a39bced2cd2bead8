"""Translation: by a sequence-to-sequence model that was made for the two languages where one is here, else by the
chat model."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from assistant.batches import CHUNK, Batch
from assistant.catalogue import Family, ModelEntry
from assistant.engines.protocol import Capability, Rewriting
from assistant.engines.remote import Remote
from assistant.errors import CapabilityMissing, ModelNotAvailable
from assistant.languages import detect, detect_all, name
from assistant.models import GOOD_MODEL
from assistant.rejections import REJECTED
from assistant.tables import BadRow, format_of, rows, text_column
from assistant.tasks import quality, rewriting, translation
from assistant.tasks.translation import Order, Request, Translated, Translation
from assistant.texts import TextTasks

TRANSLATION_COLUMNS = ("language", "translation", "lost")
SENTENCES_AT_A_TIME = 64
CHAT_CHUNK = 16
"""Rows that the chat model translates between two savings: it is slow, and a kill loses as many."""
LOOKED_AT = 200
"""Texts of a file by which its language is told before the work begins."""


class Translating(TextTasks):
    """Translates texts and files. All methods are thread-safe."""

    def needed(self, task: str, model: str | None, **wishes: Any) -> list[ModelEntry | Remote]:
        if task == "translate":
            source, target = wishes.get("languages", ("", ""))
            return [self.translator(source, target, model)]
        return super().needed(task, model, **wishes)

    def translator(
        self, source: str, target: str, model: str | None = None, words: float | None = None
    ) -> ModelEntry | Remote:
        """The model that translates between two languages: the one asked for; else one that was made for it, is here
        and was not measured to be worse than the chat model that is here; else the best chat model that is here; else
        the one to fetch, which was made for it where that can be had without the Hub.

        words: of the text's sentences, on average, where they are known. Raises UnknownModel.
        """
        if model is not None:
            return self.find(model)
        here, chat = self.own_translators(source, target), self.chat_translator()
        if not self.absent(chat):
            here = [entry for entry in here if not quality.worse(entry.bleu, chat.bleu, f"{source}-{target}", words)]
        elif not here:
            here = [each for each in self.better_translators(source, target) if each.embedded and not each.shipped]
        return next(iter(here), chat)

    def _translator(self, order: Order, model: str | None) -> ModelEntry | Remote:
        return self.translator(order.source, order.target, model, order.words)

    def own_translators(self, source: str, target: str) -> list[ModelEntry]:
        """Models that were made for the two languages and are here: those that do nothing else first, and of these,
        what somebody has fetched before what came with Parley."""
        some = [e for e in self.catalogue if made_for(e, source, target) and e.local_path is None]  # one's own is named
        found = [entry for entry in some if not self.absent(entry)]
        return sorted(found, key=lambda entry: (len(entry.tasks) > 1, bool(entry.shipped)))

    def chat_translator(self) -> ModelEntry:
        """The best chat model that translates and is here, or the one to fetch."""
        chats = [entry for entry in self.catalogue if entry.embedded and {"chat", "translate"} <= set(entry.tasks)]
        chats.sort(key=lambda entry: -entry.parameters)
        return next((entry for entry in chats if not self.absent(entry)), self.catalogue[GOOD_MODEL])

    def better_translators(self, source: str, target: str) -> list[ModelEntry]:
        """Models that were made for the two languages and are not here; those of few languages first."""
        found = [e for e in self.catalogue if made_for(e, source, target) and self.absent(e)]
        return sorted(found, key=lambda entry: len(entry.languages))

    def translation_languages(self) -> list[str]:
        """Languages (ISO 639-1) that the models of the catalogue which can run here translate, by their names."""
        codes = {code for e in self.catalogue if "translate" in e.tasks for code in e.languages}
        return sorted(codes, key=name)

    def translate(self, text: str, order: Order, *, model: str | None = None) -> Iterator[Translated]:
        """Translate sentence by sentence, as they come. Closing the iterator stops the work.

        Raises BadSettings for an order that cannot be done, ModelNotAvailable, CapabilityMissing, TextTooLong.
        """
        self.check_length(text)
        return translation.translate(text, order, self._translating(order, model))

    def translation(
        self, text: str, order: Order, *, model: str | None = None, cancel: threading.Event | None = None
    ) -> Translation:
        """The whole translation at once. cancel: ends it after a sentence; what comes out is no translation then."""
        entry = self._translator(order, model)
        sentences = self.translate(text, order, model=model)
        found = tuple(takewhile(lambda _: cancel is None or not cancel.is_set(), sentences))
        notes = self.translation_notes(order, model)
        return Translation(order, entry.key, translation.assembled(text, found), found, notes)

    def translation_notes(self, order: Order, model: str | None = None) -> tuple[str, ...]:
        """What a person should know of how this is translated."""
        entry = self._translator(order, model)
        if isinstance(entry, Remote):
            return ()
        way = f"{order.source}-{order.target}"
        figures = quality.told(entry.bleu, way, order.words)
        made = entry.family is Family.SEQ2SEQ
        how = f"By {entry.key}" if made else f"By the chat model {entry.key}, slow on a CPU"
        notes = [f"{how}: {figures}." if figures else f"{how}."]
        if made and order.formality:
            chat = self.chat_translator().key
            notes.append(f"{entry.key} cannot choose the form of address; {chat} can: name it as model.")
        if model is None and not made:
            for each in self.own_translators(order.source, order.target)[:1]:
                told = quality.told(each.bleu, way, order.words)
                notes.append(f"Quicker and rougher: {each.key}{told and f' ({told})'}.")
        if model is None and not quality.good(entry.bleu, way, order.words):
            better = [each.key for each in self.better_translators(order.source, order.target)][:2]
            notes += [f"Made for it: {' or '.join(better)}; `parley models pull` brings one."] if better else []
        return tuple(notes)

    def order(self, text: str, target: str, source: str | None = None, **wishes: Any) -> Order:
        """An order for a text whose language may have to be detected. Raises BadSettings where it cannot be."""
        source = source or detect(text).code
        return Order(source, target, words=translation.words_in_a_sentence(text, source), **wishes)

    def translation_columns(
        self, texts: Sequence[str], *, target: str, source: str | None = None, model: str | None = None, **wishes: Any
    ) -> list[dict[str, Any]]:
        """The columns that each text gains: TRANSLATION_COLUMNS. A text in the target's language stays as it is; one in
        a language that nobody named and no model here translates becomes {REJECTED: why}, not the others with it.
        wishes: further fields of Order."""
        languages = [source] * len(texts) if source else detect_all(texts)
        found = dict[int, dict[str, Any]]()
        for language in dict.fromkeys(languages):
            places = [place for place, each in enumerate(languages) if each == language]
            some = [texts[place] for place in places]
            try:
                rows = self._columns_of_one_language(some, Order(language, target, **wishes), model)
            except (CapabilityMissing, ModelNotAvailable) as error:
                if source is not None:
                    raise
                rows = [{REJECTED: f"This text is in {name(language)}. {error}"} for _ in some]
            found |= dict(zip(places, rows, strict=True))
        return [found[place] for place in range(len(texts))]

    def _columns_of_one_language(self, texts: Sequence[str], order: Order, model: str | None) -> list[dict[str, Any]]:
        said = [(text, ()) for text in texts]
        if order.words is None:
            order = replace(order, words=translation.words_in_a_sentence("\n\n".join(texts), order.source))
        if order.source != order.target:
            said = translation.translate_all(texts, order, self._translating(order, model))
        return [{"language": order.source, "translation": text, "lost": "; ".join(gone)} for text, gone in said]

    def translation_batch(
        self,
        source: Path,
        output: Path,
        *,
        column: str | None = None,
        model: str | None = None,
        target: str,
        language: str | None = None,
        **wishes: Any,
    ) -> Batch:
        """The job that translates a file: columns added to a table, the text itself replaced in a document, which is
        taken to be in one language as a whole."""
        if language is None and format_of(source) in ("document", "lines"):
            language = whole_language(_first_texts(source, column), target)
        read = language or spoken(source, target, column)
        wishes["words"] = translation.words_in_a_sentence("\n\n".join(_first_texts(source, column)), read)
        entry = self.translator(read, target, model, wishes["words"])
        work = partial(self.translation_columns, target=target, source=language, model=model, **wishes)
        task = f"translate {entry.key} {language}-{target} {sorted(wishes.items(), key=str)}"
        chunk = CHUNK if not isinstance(entry, Remote) and entry.family is Family.SEQ2SEQ else CHAT_CHUNK
        notes = self.translation_notes(Order(read, target, **wishes), model)
        return Batch(
            source, output, TRANSLATION_COLUMNS, work, task, column, rewrites="translation", chunk=chunk, notes=notes
        )

    def _translating(self, order: Order, model: str | None) -> translation.Run:
        entry = self._translator(order, model)
        order.check()
        if isinstance(entry, Remote) or entry.family is Family.DECODER:
            return partial(self._by_chat, model=entry.key)
        if entry.family is not Family.SEQ2SEQ:
            raise CapabilityMissing(f"{entry.title} does not write text.", hint="Name a translator or a chat model.")
        engine = self.engine(entry.key, capability=Capability.TEXT2TEXT)
        asked = Rewriting("translate", order.source, order.target)

        def run(requests: Sequence[Request]) -> Iterator[str]:
            requests = [each for each in requests if not each.insist]  # it would say the same once more
            for some in rewriting.chunks(requests, SENTENCES_AT_A_TIME):
                parted = [rewriting.unmarked(rewriting.with_terms(each)) for each in some]
                said = rewriting.whole([text for _, text, _ in parted], lambda part: engine.text2text(part, asked))
                for (before, _, after), text in zip(parted, said, strict=True):
                    yield before + text + after

        return run

    def _by_chat(self, requests: Sequence[Request], *, model: str) -> Iterator[str]:
        longest = max((len(each.text) for each in requests), default=0)
        replies = self.replies_to([translation.messages(each) for each in requests], model, 40 + longest)
        for request, reply in zip(requests, replies, strict=True):
            yield translation.answer(request, reply)


def made_for(entry: ModelEntry, source: str, target: str) -> bool:
    """Whether a model of the catalogue was trained to translate between the two languages; "" is any source."""
    if entry.family is not Family.SEQ2SEQ or "translate" not in entry.tasks:
        return False
    named: Mapping[str, str] = entry.prompts
    if f"{source}-{target}" in named or (not source and any(key.endswith(f"-{target}") for key in named)):
        return True
    return "*-*" in named and {source or target, target} <= set(entry.languages)


def spoken(path: Path, target: str, column: str | None = None) -> str:
    """The language of most of a file's first texts, leaving out those in the target's; "" where none is told.

    Raises BadDataset where the file, or its column, is not what it should be.
    """
    found = Counter(each for each in detect_all(_first_texts(path, column)) if each != target)
    return found.most_common(1)[0][0] if found else ""


def whole_language(texts: Sequence[str], target: str) -> str | None:
    """The language that all of a document's texts are taken to be in: a name or a loan word in one of them is no other
    language. None where most are in the target's already: then each goes by its own."""
    found = Counter(detect_all([text for text in texts if text.strip()])).most_common(1)
    return found[0][0] if found and found[0][0] != target else None


def _first_texts(path: Path, column: str | None) -> list[str]:
    name = text_column(path, column)
    first = (row.get(name) for row in islice(rows(path), LOOKED_AT) if not isinstance(row, BadRow))
    return [str(text) for text in first if text]
