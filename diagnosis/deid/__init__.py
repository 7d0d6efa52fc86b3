"""De-identification before storage: what of an uploaded file may stay, and under which names.

The way is DICOM PS3.15 Annex E's Basic Profile turned around: instead of removing what may identify, only what is
needed to show and to measure the picture is carried over, each value checked for its form (see `tags`). Nothing here
reads or writes the database.
"""
