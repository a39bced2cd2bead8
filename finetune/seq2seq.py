"""Texts and what they become: a T5-style model learns to translate, summarise or rewrite as the rows do
(Raffel et al. 2020, arXiv:1910.10683).

rows → the prompt that the model is asked with before each source → transformers' Seq2SeqTrainer: LoRA or every weight →
BLEU and chrF of what the held-out sources become, beside what they became before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from assistant.catalogue import Family
from assistant.engines.directions import Directions
from assistant.engines.protocol import Capability, Rewriting
from assistant.errors import BadSettings, CapabilityMissing
from assistant.languages import iso
from assistant.models import Models
from assistant.run_worker import Worker
from finetune.formats import Kind
from finetune.lint import parts
from finetune.settings import Settings
from finetune.training import Job

LEARNING_RATE = 1e-3
"""Of an adapter."""


@dataclass(frozen=True, kw_only=True)
class Seq2SeqSettings(Settings):
    """What a sequence-to-sequence model has besides."""

    tunings: ClassVar[tuple[str, ...]] = ("lora", "dora", "full")
    model: str = "parley-t5"
    max_length: int = 256
    """Tokens of a source, and of a target."""
    task: Literal["translate", "summarize"] = "translate"
    """What the model is asked to do with a text afterwards: `parley translate --model RUN`, `parley summarize …`."""
    source_language: str = ""
    """Of a translation; the names of the columns say it where they are codes (en, fr)."""
    target_language: str = ""
    prefix: str | None = None
    """What stands before a source, where the model does not know the task: "translate English to Welsh: "."""
    label_smoothing: float = 0.1
    """So much of each word is shared by all others (Szegedy et al. 2016, arXiv:1512.00567)."""


def train(settings: Seq2SeqSettings, worker: Worker) -> None:
    """Do a run. Raises BadDataset, BadSettings, ModelNotAvailable, TrainingDiverged."""
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

    job = Job.begin(settings, worker, "seq2seq", Family.SEQ2SEQ)
    if job.entry.format == "marian":
        raise BadSettings(f"{job.entry.title} cannot be trained: its weights are of another runtime.")
    model, tokenizer, adapter = job.seq2seq()
    asked, prompts = asked_for(settings, job.rows.report.format.columns)
    known = Directions.read(job.entry.title, tokenizer, model.config, {**job.entry.prompts, **prompts})
    try:
        known.written("a", asked)
    except CapabilityMissing as error:
        hint = f'{error.hint} Or say what stands before a source: prefix="translate Welsh to English: ".'
        raise BadSettings(error.message, hint=hint) from error
    if adapter is not None:
        from peft import get_peft_model

        model = get_peft_model(model, adapter)
    pairs = [pair(row) for row in job.rows.test]
    learnt = dataset([pair(row) for row in job.rows.train], tokenizer, known, asked, settings)
    tested = dataset(pairs, tokenizer, known, asked, settings)
    own = {"label_smoothing_factor": settings.label_smoothing, "include_num_input_tokens_seen": "non_padding"}
    trainer: Any = Seq2SeqTrainer(
        model=model,
        args=job.arguments(
            Seq2SeqTrainingArguments, rows=len(learnt), rate=LEARNING_RATE, tested=len(tested) > 0, **own
        ),
        train_dataset=learnt,
        eval_dataset=tested if len(tested) else None,
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
        processing_class=tokenizer,
    )

    def figures() -> dict[str, float]:
        worker.tell(doing="comparing translations" if asked.task == "translate" else "comparing texts")
        return compared(job, asked, pairs)

    job.go(trainer, tokenizer, figures, prompts=prompts)


def asked_for(settings: Seq2SeqSettings, columns: Sequence[str]) -> tuple[Rewriting, dict[str, str]]:
    """(what the model is asked for, prompts that it gains). columns: of the source and the target.

    Raises BadSettings where the languages of a translation are not known.
    """
    if settings.task == "summarize":
        return Rewriting("summarize"), {"summarize": f"{settings.prefix or ''}{{text}}"}
    given = (settings.source_language or columns[0], settings.target_language or columns[-1])
    source, target = (iso(each.lower()) if len(each) in (2, 3, 5) else "" for each in given)
    if not source or not target:
        raise BadSettings(
            "Between which languages is this a translation?",
            hint="source_language=en target_language=fr says it; task=summarize is for any other rewriting.",
        )
    prompts = {f"{source}-{target}": f"{settings.prefix}{{text}}"} if settings.prefix is not None else {}
    return Rewriting("translate", source, target), prompts


def pair(row: Mapping[str, Any]) -> tuple[str, str]:
    """(source, target) of a row; what is asked and what is answered are such too."""
    return parts(row, Kind.PAIR if "source" in row else Kind.COMPLETION)


def dataset(
    pairs: Sequence[tuple[str, str]], tokenizer: Any, known: Directions, asked: Rewriting, settings: Seq2SeqSettings
) -> Any:
    """input_ids, attention_mask and labels, as Seq2SeqTrainer takes them."""
    from datasets import Dataset

    for side, language in (("src_lang", asked.source), ("tgt_lang", asked.target)):
        if code := known.codes.get(language or ""):
            setattr(tokenizer, side, code)
    if not pairs:
        return Dataset.from_dict({})
    sources = [known.written(source, asked) for source, _ in pairs]
    targets = [target for _, target in pairs]
    encoded = tokenizer(sources, text_target=targets, truncation=True, max_length=settings.max_length)
    return Dataset.from_dict(dict(encoded))


def compared(job: Job, asked: Rewriting, pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """BLEU and chrF of the held-out pairs, greedy, by what was trained and by what it was before."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    if not pairs:
        return {}
    models, run = Models(), job.worker.run
    sources, targets = ([each[side] for each in pairs] for side in (0, 1))
    found: dict[str, float] = {}
    for ending, name in (("", str(run.model)), ("_before", job.settings.model)):
        try:
            engine = models.engine(name, capability=Capability.TEXT2TEXT)
            said = engine.text2text(sources, replace(asked, beams=1))
        except CapabilityMissing:
            continue  # the model did not know the direction before
        found[f"bleu{ending}"] = BLEU().corpus_score(said, [targets]).score
        found[f"chrf{ending}"] = CHRF().corpus_score(said, [targets]).score
    return found
