"""DICOM networking: receive from scanners and archives, fetch from an archive, send results back.

Everything received goes through `intake.receive`, which de-identifies it before anything is stored. Until then it is
held in unnamed temporary files, and none of its values is logged.
"""
