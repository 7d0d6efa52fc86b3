"""The DICOM elements that are kept, grouped by what their values must be. Everything else is dropped.

Free text is never kept. Even a coded value stays only if it is one of the standard's own terms, because somebody who
types a name into the wrong field does not care what the field is for. Numbers are parsed and rewritten. The same
rules apply to the items of sequences.
"""

NUMBERS = frozenset(
    """
    SamplesPerPixel Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation PlanarConfiguration NumberOfFrames
    SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue PixelPaddingRangeLimit PixelAspectRatio
    PixelSpacing ImagerPixelSpacing NominalScannedPixelSpacing SliceThickness SpacingBetweenSlices SliceLocation
    ImagePositionPatient ImageOrientationPatient InstanceNumber SeriesNumber AcquisitionNumber TemporalPositionIndex
    TemporalPositionIdentifier DiffusionBValue
    InStackPositionNumber DimensionIndexValues
    WindowCenter WindowWidth RescaleSlope RescaleIntercept LUTDescriptor LUTData
    MagneticFieldStrength EchoTime EffectiveEchoTime RepetitionTime InversionTime FlipAngle EchoTrainLength EchoNumbers
    NumberOfAverages ImagingFrequency PixelBandwidth PercentSampling PercentPhaseFieldOfView ReconstructionDiameter
    LossyImageCompressionRatio
    """.split()  # noqa: SIM905
)
"""Kept if they are finite numbers, and as many as the standard allows there."""

UNBOUNDED = frozenset(
    """
    Rows Columns SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue PixelPaddingRangeLimit
    WindowCenter WindowWidth RescaleSlope RescaleIntercept LUTDescriptor LUTData ImagingFrequency PixelBandwidth
    """.split()  # noqa: SIM905
)
LARGEST = 99_999
"""Largest magnitude of a number that is kept, unless it is UNBOUNDED. A date or telephone number has more digits."""

TERMS: dict[str, frozenset[str]] = {
    keyword: frozenset(terms.split())
    for keyword, terms in {
        "Modality": "MR OT SC",
        "PhotometricInterpretation": "MONOCHROME1 MONOCHROME2 RGB",
        "ImageType": "ORIGINAL DERIVED PRIMARY SECONDARY OTHER M M_FFE M_SE M_IR NORM ND DIS2D DIS3D SE GR T1 T2 NONE "
        "FLAIR AXIAL VOLUME DIFFUSION PROTON_DENSITY",
        "BodyPartExamined": "BRAIN HEAD SKULL",
        "PatientPosition": "HFS HFP HFDR HFDL FFS FFP FFDR FFDL",
        "MRAcquisitionType": "2D 3D",
        "ScanningSequence": "SE IR GR EP RM",
        "SequenceVariant": "SK MTC SS TRSS SP MP OSP NONE",
        "ScanOptions": "PER RG CG PPG FC PFF PFP SP FS",
        "BurnedInAnnotation": "YES NO",
        "RecognizableVisualFeatures": "YES NO",
        "LossyImageCompression": "00 01",
        "LossyImageCompressionMethod": "ISO_10918_1 ISO_14495_1 ISO_15444_1",
        "RescaleType": "US HU OD MGML Z_EFF ED EDW",
        "ModalityLUTType": "US HU OD",
        "VOILUTFunction": "LINEAR LINEAR_EXACT SIGMOID",
        "PresentationLUTShape": "IDENTITY INVERSE",
        "PixelPresentation": "COLOR MONOCHROME",
        "VolumetricProperties": "VOLUME SAMPLED DISTORTED MIXED",
        "ComplexImageComponent": "MAGNITUDE PHASE REAL IMAGINARY MIXED",
        "AcquisitionContrast": "DIFFUSION FLOW_ENCODED FLUID_ATTENUATED PERFUSION PROTON_DENSITY STIR TAGGING T1 T2 "
        "T2_STAR TOF UNKNOWN MIXED",
        "SliceProgressionDirection": "BASE_TO_APEX APEX_TO_BASE",
    }.items()
}
"""Kept if every value is one of these terms of the standard."""

UIDS = frozenset(
    [
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "FrameOfReferenceUID",
        "ConcatenationUID",
        "SynchronizationFrameOfReferenceUID",
        "DimensionOrganizationUID",
    ]
)
"""Replaced by another UID, the same each time: a series stays together, and a repeated upload is recognized."""

CLASSES = frozenset({"SOPClassUID"})
"""Kept if the standard defines the UID."""

SEQUENCES = frozenset(
    """
    ModalityLUTSequence VOILUTSequence SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence
    PixelMeasuresSequence PlanePositionSequence PlaneOrientationSequence FrameContentSequence FrameVOILUTSequence
    PixelValueTransformationSequence MRImageFrameTypeSequence MRTimingAndRelatedParametersSequence MREchoSequence
    """.split()  # noqa: SIM905
)
"""Kept with those elements of their items that are kept elsewhere."""
