"""Sejong: a nation builds a language model from its own text, and owns every part of it."""

import os
import sys

__version__ = "0.1.0"

# Nothing leaves the machine: libraries that report their use read these when they are imported.
for _name, _value in {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "TOKENIZERS_PARALLELISM": "true",
}.items():
    os.environ.setdefault(_name, _value)

# OpenVINO reports to an analytics service and has no switch for it; where this module cannot be imported, it uses its own stub.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
