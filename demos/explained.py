"""What each architecture is for and where it fails, in a few sentences, with the papers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Explained:
    """how, good, bad: a paragraph each; papers: title → arXiv number or address."""

    how: str
    good: str
    bad: str
    papers: dict[str, str]


EXPLAINED = {
    "rnn": Explained(
        "It reads one character at a time and keeps what it knows in one state of fixed size. From the state it "
        "foretells the next character; writing is foretelling over and over.",
        "Streams: the millionth character costs what the first did, and the memory never grows. Speech on a small "
        "chip, sensors, anything that comes in as it goes.",
        "All of the past has to fit into that state. On the way back through time the gradient is multiplied at "
        "every step, so it fades or bursts; gates (LSTM, GRU) put that off.",
        {
            "Long short-term memory (Hochreiter & Schmidhuber 1997)": "https://doi.org/10.1162/neco.1997.9.8.1735",
            "GRU (Cho et al. 2014)": "https://arxiv.org/abs/1406.1078",
            "On the difficulty of training recurrent networks (Pascanu et al. 2013)": "https://arxiv.org/abs/1211.5063",
        },
    ),
    "transformer": Explained(
        "Every character looks at all characters before it and takes what it needs from each. Nothing is carried "
        "from step to step, so a whole text is learnt from in one pass.",
        "Language: what was said long ago is as near as the last word. It learns on many cores at once and gets "
        "better with size for longer than anything before it. The models that you chat with are of this kind.",
        "Looking back costs the square of the length, and beyond its window it is blind. Small ones with little to "
        "learn from are often beaten by an LSTM.",
        {
            "Attention is all you need (Vaswani et al. 2017)": "https://arxiv.org/abs/1706.03762",
            "Improving language understanding by generative pre-training (Radford et al. 2018)": (
                "https://openai.com/index/language-unsupervised/"
            ),
        },
    ),
    "gan": Explained(
        "Two networks play against each other: one makes pictures of noise, the other says which are real. Each "
        "learns from the mistakes of the other.",
        "Sharp pictures in a single pass: the fastest of the three. Turning one kind of picture into another.",
        "The game may never settle. The generator may find a few pictures that always pass and forget the rest "
        "(mode collapse): watch the diversity while it trains.",
        {
            "Generative adversarial nets (Goodfellow et al. 2014)": "https://arxiv.org/abs/1406.2661",
            "DCGAN (Radford et al. 2016)": "https://arxiv.org/abs/1511.06434",
            "WGAN-GP (Gulrajani et al. 2017)": "https://arxiv.org/abs/1704.00028",
        },
    ),
    "vae": Explained(
        "An encoder squeezes a picture into a few numbers with a spread, a decoder turns them back. The numbers "
        "are held near a bell curve, so that there are no great holes between them; new pictures are draws from a "
        "mixture of bells that is fitted to where they really lie.",
        "A map of all pictures, on which one can walk from one to the other. What cannot be squeezed and given "
        "back does not belong: an alarm for the unusual.",
        "Blur: of everything that the numbers leave open, the decoder shows the mean. And its likelihood is no "
        "judge of what is unusual: plain strangers look likely to it.",
        {
            "Auto-encoding variational Bayes (Kingma & Welling 2014)": "https://arxiv.org/abs/1312.6114",
            "From variational to deterministic autoencoders (Ghosh et al. 2020)": "https://arxiv.org/abs/1903.12436",
            "β-VAE (Higgins et al. 2017)": "https://openreview.net/forum?id=Sy2fzU9gl",
            "Do deep generative models know what they don't know? (Nalisnick et al. 2019)": (
                "https://arxiv.org/abs/1810.09136"
            ),
        },
    ),
    "diffusion": Explained(
        "Pictures are drowned in noise step by step, and a network learns to say what the noise hides. Run "
        "backwards from noise alone, it makes pictures.",
        "Both sharp and varied, with a training that simply goes down. What is known of a picture can be held fast "
        "while the rest is made: filling holes, enlarging, restoring.",
        "Many passes for one picture. Samplers that take larger steps (DDIM, DPM-Solver) need twenty where the "
        "first needed a thousand.",
        {
            "Denoising diffusion probabilistic models (Ho et al. 2020)": "https://arxiv.org/abs/2006.11239",
            "DDIM (Song et al. 2021)": "https://arxiv.org/abs/2010.02502",
            "DPM-Solver (Lu et al. 2022)": "https://arxiv.org/abs/2206.00927",
            "Classifier-free guidance (Ho & Salimans 2022)": "https://arxiv.org/abs/2207.12598",
            "Guidance in an interval (Kynkäänniemi et al. 2024)": "https://arxiv.org/abs/2404.07724",
        },
    ),
    "pix2pix": Explained(
        "It learns from pairs: the edges of a picture, and the picture. A U-Net paints between the lines, as near to "
        "the real picture as it can, and a second network says of each patch whether it looks real beside its edges.",
        "Turning one kind of picture into another where pairs are at hand: drawings into photographs, maps into views "
        "from above, grey into colour. The drawing says what is made, and one pass makes it.",
        "One drawing, one answer: it cannot offer a second. Lines unlike those it has learnt from, a person's own "
        "thick strokes say, are filled in poorly; and pairs are seldom at hand.",
        {
            "pix2pix (Isola et al. 2017)": "https://arxiv.org/abs/1611.07004",
            "U-Net (Ronneberger et al. 2015)": "https://arxiv.org/abs/1505.04597",
        },
    ),
    "classifier": Explained(
        "Layers of small filters go over a picture: the first find edges, later ones what edges make together, and "
        "what is left at the end is a score for each kind.",
        "Saying what a picture shows, at once. What its layers see serves others too: it measures how near made "
        "pictures are to real ones, and carries the style of one picture to another.",
        "It knows its own kinds alone and is sure of one even of a picture that shows none. And it goes by texture "
        "and by whatever else helps: a change too small to see can turn its answer.",
        {
            "Gradient-based learning applied to document recognition (LeCun et al. 1998)": (
                "https://doi.org/10.1109/5.726791"
            ),
            "Visualizing and understanding convolutional networks (Zeiler & Fergus 2014)": (
                "https://arxiv.org/abs/1311.2901"
            ),
            "A neural algorithm of artistic style (Gatys et al. 2015)": "https://arxiv.org/abs/1508.06576",
            "Intriguing properties of neural networks (Szegedy et al. 2014)": "https://arxiv.org/abs/1312.6199",
        },
    ),
    "translator": Explained(
        "One network reads a sentence in both directions, another writes its translation. For each word that it writes "
        "it looks anew at all that was read and takes what it needs: attention, where it was first seen.",
        "Languages that order their words differently. It learnt by itself which word stands for which, and one can "
        "look where it looked.",
        "Words that it never read are none to it, and what it has written it does not take back. Both networks go word "
        "by word, which no number of cores makes faster; the transformer kept the attention and dropped the rest.",
        {
            "Neural machine translation by jointly learning to align and translate (Bahdanau et al. 2015)": (
                "https://arxiv.org/abs/1409.0473"
            ),
            "Sequence to sequence learning (Sutskever et al. 2014)": "https://arxiv.org/abs/1409.3215",
        },
    ),
    "captioner": Explained(
        "One network looks at a picture and squeezes it into a vector, another begins with that and says word after "
        "word. Both learn together from pictures with captions: here the kind, how light it is, and its shape.",
        "More than a label: anything that can be put in words, as many as it takes. The one that looks learns to see "
        "what is talked of.",
        "It looks once, before the first word, and not closely. A sentence may be fluent and wrong, for each word "
        "makes the next one likely whatever is on the picture.",
        {
            "Show and tell (Vinyals et al. 2015)": "https://arxiv.org/abs/1411.4555",
            "Show, attend and tell (Xu et al. 2015)": "https://arxiv.org/abs/1502.03044",
        },
    ),
    "forecaster": Explained(
        "It reads numbers in the order of time, with those of a season ago beside them, and says of the next one a "
        "mean and a spread. Futures are drawn from that, number after number; the middle of them is the forecast.",
        "Saying how sure it is: the futures part where little is known. What many rows have in common it learns once.",
        "It goes on with what it has seen. Where a row is short or has no season, the last value, or that of a season "
        "ago, foretells as well and costs nothing: always measure against them.",
        {
            "DeepAR (Salinas et al. 2020)": "https://arxiv.org/abs/1704.04110",
            "Another look at measures of forecast accuracy (Hyndman & Koehler 2006)": (
                "https://doi.org/10.1016/j.ijforecast.2006.03.001"
            ),
        },
    ),
}
