"""From a recording to figures: roles, the transcript's form, its quality, the call's metrics."""
