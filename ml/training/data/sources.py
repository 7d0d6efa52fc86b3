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
        "what": "FLAIR, T1 and T1 post-contrast slices with and without tumor of the same patients of two institutions",
        "citation": "TCGA-LGG, The Cancer Imaging Archive; masks by Buda et al. 2019",
        "license": "images CC BY 3.0, masks CC BY-NC-SA 4.0",
    },
    "feltrin": {
        "what": "T1, T1 post-contrast and T2 slices of whole heads from many hospitals, twelve tumor types, and normal",
        "citation": "Feltrin 2022, Kaggle, 44 classes; images from Radiopaedia",
        "license": "ODbL as stated on Kaggle; Radiopaedia's images CC BY-NC-SA 3.0",
    },
    "brats-t1wce": {
        "what": "T1 post-contrast slices, three planes, skull removed, all with tumor and a box",
        "citation": "RSNA-MICCAI Brain Tumor Radiogenomic Classification 2021, by way of a public detection set",
        "license": "competition terms; BraTS 2021 itself CC BY 4.0",
    },
    "brats": {
        "what": "four sequences of one adult (skull removed) and five children (whole heads), with and without tumor",
        "citation": "BraTS-GLI and BraTS-PED 2023; Baid et al. 2021; Kazerooni et al. 2023",
        "license": "CC BY 4.0",
    },
    "open-ms": {
        "what": "multiple sclerosis in FLAIR, T1, T2 and T1 post-contrast, without tumor",
        "citation": "Lesjak et al. 2017, Neuroinformatics 16(1), 3D MR MS",
        "license": "CC BY",
    },
    "ixi": {
        "what": "T1 slices of healthy heads in three planes",
        "citation": "IXI, brain-development.org",
        "license": "CC BY-SA 3.0",
    },
    "oasis": {
        "what": "T1 slices of healthy brains in three planes, skull removed",
        "citation": "Marcus et al. 2007, OASIS-1",
        "license": "CC BY-NC 3.0",
    },
    "harvard": {
        "what": "T1 and T2 slices of almost normal heads",
        "citation": "Johnson and Becker, The Whole Brain Atlas, Harvard Medical School",
        "license": "for education",
    },
    "harvard-lesion": {
        "what": "T2 slices with infarcts, hemorrhages, a subdural collection and white-matter disease, without tumor",
        "citation": "Johnson and Becker, The Whole Brain Atlas, Harvard Medical School",
        "license": "for education",
    },
    "parkinson": {
        "what": "many sequences of two people without tumor",
        "citation": "not stated",
        "license": "not stated",
    },
    "kaggle-dementia": {
        "what": "T1 slices without tumor, some with atrophy, skull removed",
        "citation": "Kaggle, Alzheimer's classes",
        "license": "not stated",
    },
    "not-brain-mri": {
        "what": "chest X-ray, breast ultrasound, photographs, receipts and screenshots, for the gate alone",
        "citation": "several public collections",
        "license": "CC BY 4.0, CC0; photographs for non-commercial use",
    },
    "not-brain-mri-2": {
        "what": "head CT, PET and SPECT, microscopy, MR phantoms and label maps, for the gate alone",
        "citation": "several public collections",
        "license": "CC BY 4.0, CC0, for education, non-commercial",
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
