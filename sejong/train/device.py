"""Where training runs: the accelerator PyTorch finds, else the CPU; always deterministic."""

import os
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.utils import deterministic

from sejong.errors import Failed

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def prepare(threads: int) -> torch.device:
    """Fix what the bytes of a result depend on, and name the device. `threads` 0 means all cores."""
    transformers.utils.logging.disable_progress_bar()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    torch.set_num_threads(threads or os.cpu_count() or 1)
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing here reads unwritten memory
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def compiler_fault(device: torch.device) -> str | None:
    """Why torch.compile cannot work here, or None."""
    if device.type != "cpu":
        return None
    if not any(shutil.which(name) for name in (os.environ.get("CXX"), "g++", "clang++") if name):
        return "no C++ compiler on this machine"
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        return "no Python headers on this machine"
    return None


def require_compiler(device: torch.device, section: str) -> None:
    """Refuse to go on where `section`.compile is true and cannot be done: eager training would give other bytes."""
    if fault := compiler_fault(device):
        remedy = f"install g++ and python3-dev, or set {section}.compile to false"
        raise Failed(f"{section}.compile is true, but there is {fault}: {remedy}")


def describe(device: torch.device) -> dict[str, Any]:
    """The device in words, for the metrics."""
    if device.type == "cpu":
        return {"device": f"cpu ({torch.backends.cpu.get_cpu_capability()})", "threads": torch.get_num_threads()}
    name = getattr(torch, device.type).get_device_name() if hasattr(getattr(torch, device.type), "get_device_name") else ""
    return {"device": f"{device.type} {name}".strip(), "threads": torch.get_num_threads()}
