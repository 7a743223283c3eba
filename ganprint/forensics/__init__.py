"""Forensics: the verdict on an image with its reasons, records, verification and enrolment."""
