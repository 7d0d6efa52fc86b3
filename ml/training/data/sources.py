"""What is known of each data set: contents, citation and license. A data table only names its sources."""

from typing import TypedDict


class Source(TypedDict):
    """A data set: contents, citation, and the license as published."""

    what: str
    citation: str
    license: str


SOURCES: dict[str, Source] = {
    "cheng": {
        "what": "T1 post-contrast slices, axial, coronal and sagittal, of two hospitals in China, all with tumor",
        "citation": "Cheng et al. 2015, PLoS ONE 10(10); Cheng 2017, figshare 1512427",
        "license": "CC BY 4.0",
    },
    "br35h": {
        "what": "slices of mixed sequence collected from the web, with and without tumor",
        "citation": "Hamada 2020, Br35H",
        "license": "not stated",
    },
    "navoneel": {
        "what": "slices of mixed sequence collected from the web, with and without tumor",
        "citation": "Chakrabarty 2019, Brain MRI Images for Brain Tumor Detection",
        "license": "not stated",
    },
    "nickparvar": {
        "what": "slices without tumor collected from the web",
        "citation": "Nickparvar 2021, Brain Tumor MRI Dataset",
        "license": "CC0",
    },
    "tcga-lgg": {
        "what": "FLAIR and T1 post-contrast slices with and without tumor of the same patients of one institution",
        "citation": "TCGA-LGG, The Cancer Imaging Archive; masks by Buda et al. 2019",
        "license": "images CC BY 3.0, masks CC BY-NC-SA 4.0",
    },
    "not-brain-mri": {
        "what": "chest X-ray, breast ultrasound, photographs, receipts and screenshots, for the gate alone",
        "citation": "several public collections",
        "license": "CC BY 4.0, CC0; photographs for non-commercial use",
    },
}

BASE_WEIGHTS: Source = {
    "what": "VGG16's 13 convolutions, trained on ImageNet",
    "citation": "Simonyan & Zisserman 2014, Very Deep Convolutional Networks; Visual Geometry Group, Oxford",
    "license": "CC BY 4.0",
}


def describe(name: str) -> Source:
    """The description of source `name`; "not stated" for a user's own source."""
    unknown: Source = {"what": "not stated", "citation": "not stated", "license": "not stated"}
    return SOURCES.get(name, unknown)
