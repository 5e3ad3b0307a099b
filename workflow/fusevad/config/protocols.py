"""The three ways to choose the epoch, and what a reader must know about each."""

PROTOCOLS = {
    "last": "the weights after the last epoch; like all three, trained without the held-out tenth",
    "validation": "the epoch chosen on validation videos, which are training videos held out with "
    "their video-level labels only; the test set is opened once",
    "oracle": "the best epoch ON THE TEST SET: the habit of the literature, too high by "
    "construction",
}

# Protocols whose weights a run keeps.
KEPT_PROTOCOLS = ("last", "validation")

# Protocol whose weights teach another run: the test set chooses nothing.
TEACHING = "validation"
