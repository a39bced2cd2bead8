"""What the lab's other tabs are for and where each fails, as figures and a few sentences, with the papers."""

from __future__ import annotations

from demos.explained import Explained
from demos.figures import Figure

CLOSE = 0.65
"""Rows between boxes that stand close to each other: arrows still meet them at their sides."""

COMPARISONS: dict[str, tuple[Explained, Figure]] = {
    "faceoff": (
        Explained(
            "The same pictures, three ways to make them. GAN, VAE and diffusion each draw some, and a small classifier "
            "that was trained here looks at these and at real ones: how far they are from each other is measured "
            "between what it sees in them.",
            "Choosing. Precision is how many could be real, recall how many of the real ones could have been made, the "
            "Fréchet distance (FID) and the kernel distance (KID) put both into one number; beside them stand seconds "
            "and sharpness. A VAE shows the mean of what is possible, and that is blurred.",
            "A judge sees what it has learnt to see: these distances compare with each other, not with Inception's in "
            "papers, and with fewer pictures they are larger. None of them says whether pictures were learnt by heart.",
            {
                "FID: GANs trained by a two time-scale update rule (Heusel et al. 2017)": (
                    "https://arxiv.org/abs/1706.08500"
                ),
                "KID: Demystifying MMD GANs (Bińkowski et al. 2018)": "https://arxiv.org/abs/1801.01401",
                "Improved precision and recall (Kynkäänniemi et al. 2019)": "https://arxiv.org/abs/1904.06991",
                "A note on the evaluation of generative models (Theis et al. 2016)": "https://arxiv.org/abs/1511.01844",
                "Pros and cons of GAN evaluation measures (Borji 2019)": "https://arxiv.org/abs/1802.03446",
            },
        ),
        Figure(
            {
                "_noise": (0, 0.9, "noise"),
                "gan": (1, 0, "GAN"),
                "vae": (1, 0.9, "VAE"),
                "diffusion": (1, 1.8, "diffusion"),
                "_made": (2, 0.9, "made"),
                "_real": (2, 1.8, "real"),
                "judge": (3, 0.9, "classifier"),
                "_y": (4, 0.9, "how far apart?"),
            },
            (
                *(("_noise", name) for name in ("gan", "vae", "diffusion")),
                *((name, "_made") for name in ("gan", "vae", "diffusion")),
                ("_made", "judge"),
                ("_real", "judge"),
                ("judge", "_y"),
            ),
            "GAN, VAE and diffusion make pictures of noise; a classifier looks at these and at real ones, and what it "
            "sees is compared.",
        ),
    ),
    "eras": (
        Explained(
            "Is a sentence for something or against it? Four answers, as each of four eras would have given it. Rules "
            "look words up in a list that people wrote. Statistics count words and pairs of words, and learn a weight "
            "for each. Deep learning reads vectors of words in order. A transformer, which has read much before it met "
            "the task, looks at all words at once.",
            "Each is still the right one somewhere. Rules need no examples and can be read. Statistics learn from "
            "thousands of rows in a second and read fastest. Deep learning sees what words do together, as far as its "
            "rows show it. The transformer is right most often, and needs the fewest rows of one's own.",
            "Rules know nothing of the subject, statistics lose the order of words, deep learning knows the words of "
            "its rows alone, and the transformer is the slowest. What each went by is marked, but a mark is no reason: "
            "a sentence without one of its words may be one that nobody would write.",
            {
                "VADER (Hutto & Gilbert 2014)": "https://ojs.aaai.org/index.php/ICWSM/article/view/14550",
                "Thumbs up? (Pang, Lee & Vaithyanathan 2002)": "https://arxiv.org/abs/cs/0205070",
                "Long short-term memory (Hochreiter & Schmidhuber 1997)": "https://doi.org/10.1162/neco.1997.9.8.1735",
                "BERT (Devlin et al. 2019)": "https://arxiv.org/abs/1810.04805",
                "Understanding networks through erasure (Li et al. 2016)": "https://arxiv.org/abs/1612.08220",
            },
        ),
        Figure(
            {
                "_x": (0, 1.5 * CLOSE, "sentence"),
                "_rules": (1, 0, "looked up"),
                "rules": (2, 0, "rules"),
                "_statistics": (1, CLOSE, "counted"),
                "statistics": (2, CLOSE, "statistics"),
                "_lstm": (1, 2 * CLOSE, "read in order"),
                "lstm": (2, 2 * CLOSE, "LSTM"),
                "_transformer": (1, 3 * CLOSE, "seen at once"),
                "transformer": (2, 3 * CLOSE, "transformer"),
                "_y": (3, 1.5 * CLOSE, "for or against?"),
            },
            tuple(
                arrow
                for name in ("rules", "statistics", "lstm", "transformer")
                for arrow in (("_x", f"_{name}"), (f"_{name}", name), (name, "_y"))
            ),
            "A sentence goes to four readers: rules look its words up, statistics count them, an LSTM reads them in "
            "order, a transformer all at once; each says whether it is for something or against it.",
        ),
    ),
    "paint": (
        Explained(
            "A text encoder turns a sentence into vectors. Noise is taken away step by step, as in the lab's own "
            "diffusion, but from a small code instead of from pixels, and at each step the network looks at the "
            "sentence by attention. A decoder, that of a VAE, turns the code into a picture.",
            "Whatever can be said: things that were never seen together, in any style. What the lab's diffusion does "
            "with ten kinds of clothing, these do with words, having learnt from hundreds of millions of pictures with "
            "their captions. Guidance says how closely the words are followed.",
            "Counting, spelling, who does what to whom. It repeats the prejudices of the pictures that it learnt from, "
            "and licences forbid some uses. And it is large: seconds a picture on a GPU, many minutes without one.",
            {
                "Latent diffusion (Rombach et al. 2022)": "https://arxiv.org/abs/2112.10752",
                "CLIP (Radford et al. 2021)": "https://arxiv.org/abs/2103.00020",
                "Classifier-free guidance (Ho & Salimans 2022)": "https://arxiv.org/abs/2207.12598",
                "Diffusion transformers (Peebles & Xie 2023)": "https://arxiv.org/abs/2212.09748",
                "Stable bias (Luccioni et al. 2023)": "https://arxiv.org/abs/2303.11408",
            },
        ),
        Figure(
            {
                "_p": (0, 0, "sentence"),
                "text": (1, 0, "text encoder"),
                "_n": (0, 0.9, "noise"),
                "_z": (1, 0.9, "code"),
                "u": (2, 0.45, "network × 25"),
                "d": (3, 0.45, "decoder"),
                "_y": (4, 0.45, "picture"),
            },
            (("_p", "text"), ("text", "u"), ("_n", "_z"), ("_z", "u"), ("u", "d"), ("d", "_y")),
            "A text encoder reads a sentence; a network takes noise away from a code, looking at the sentence, 25 "
            "times; a decoder turns the code into a picture.",
        ),
    ),
}
"""By the tab's name in the page's code."""
