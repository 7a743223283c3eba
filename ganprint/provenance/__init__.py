"""Provenance: what an image file states beside its pixels."""
