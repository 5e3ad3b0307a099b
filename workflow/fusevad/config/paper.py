"""The papers whose tables are made, and their data sets; imports nothing heavy."""

# Titles of data sets, in the order of IEF-VAD's Table 1; the last is AVadCLIP's.
PAPER_DATASETS = {
    "ucf-crime": "UCF-Crime",
    "xd-violence": "XD-Violence",
    "shanghaitech": "ShanghaiTech",
    "msad": "MSAD",
    "cctv-fights": "CCTV-Fights",
}
# Names of papers, by the short names of their documents.
IEF_VAD = "iefvad"
PAPERS = {IEF_VAD: "IEF-VAD", "avadclip": "AVadCLIP", "pivad": "PI-VAD"}
