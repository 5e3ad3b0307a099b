"""The IEF-VAD paper's data sets; imports nothing heavy."""

# Titles, in the order of the paper's Table 1.
PAPER_DATASETS = {
    "ucf-crime": "UCF-Crime",
    "xd-violence": "XD-Violence",
    "shanghaitech": "ShanghaiTech",
    "msad": "MSAD",
}
