"""An encoder with a head of numbers on the mean of its tokens' last states.

transformers' own heads for BERT read the first token alone. Sentence encoders are trained to say what a text means by
the mean of all (Reimers and Gurevych 2019, arXiv:1908.10084), and a head that begins there learns more from few pairs:
two such judges taught by different halves of a set agree more (docs/experiments.md).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")
"""What configurations call it. Rows are learnt from once or twice here, so that nothing is learnt by heart, and drawing
the masks takes half of a step's time on a CPU."""


class MeanPooledForSequenceClassification(PreTrainedModel):
    """Its head is called `score`: what loads these weights as a head on the first token finds none, and says so."""

    config_class = PreTrainedConfig
    base_model_prefix = "encoder"
    input_modalities = "text"
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: Any) -> None:
        """config: of the encoder, with num_labels."""
        super().__init__(config)
        for name in DROPOUTS:
            if hasattr(config, name):
                setattr(config, name, 0.0)
        self.encoder: Any = AutoModel.from_config(config)
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = None  # it reads the first token
        self.score = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **more: Any) -> SequenceClassifierOutput:
        """logits: (row, label). input_ids, attention_mask: (row, token)."""
        given = {name: value for name, value in more.items() if name in ("token_type_ids", "position_ids")}
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **given).last_hidden_state
        mask = (torch.ones_like(input_ids) if attention_mask is None else attention_mask).unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        return SequenceClassifierOutput(logits=self.score(mean))
