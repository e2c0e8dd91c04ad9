"""Property tests without a time limit per example: on a busy machine it would fail right code."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
