"""What this machine is and what it can do: `sejong doctor`."""

import importlib.metadata
import importlib.util
import shutil
from pathlib import Path
from typing import Any

import psutil

from sejong.flow.manifest import device

PROGRAMS = {
    "apt-get": "fetches the default text from Debian packages",
    "dpkg": "unpacks them",
    "git": "fetches public law as text",
    "c++": "lets torch.compile speed training up",
}
LIBRARIES = ("torch", "transformers", "tokenizers", "pyarrow", "openvino", "openvino-genai", "fastapi")


def examine(where: Path) -> dict[str, Any]:
    """Chips, memory, disk, backends, programs and libraries found here; `where` is the folder whose disk counts."""
    return {
        **device(),
        "memory_free_bytes": psutil.virtual_memory().available,
        "disk_free_bytes": shutil.disk_usage(where).free,
        "processor_features": _features(),
        "training_devices": _training_devices(),
        "serving_devices": _serving_devices(),
        "programs": {name: _program(name) for name in PROGRAMS},
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES if _installed(name)},
    }


def sentences(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The examination as label and plain words."""
    lines = [
        (
            "processor",
            f"{found['processor']}, {found['cores']} cores ({', '.join(found['processor_features']) or 'plain'})",
        ),
        ("memory", f"{found['memory_bytes'] / 2**30:.1f} GiB, {found['memory_free_bytes'] / 2**30:.1f} GiB free"),
        ("disk", f"{found['disk_free_bytes'] / 2**30:.1f} GiB free here"),
    ]
    lines += [("training on", one) for one in found["training_devices"]]
    lines += [("serving on", one) for one in found["serving_devices"] or ["nothing: install the `serve` extra"]]
    lines += [
        (name, found["programs"][name] or f"not found: {what} only where it is installed") for name, what in PROGRAMS.items()
    ]
    lines += [("library", f"{name} {version}") for name, version in found["libraries"].items()]
    return lines


def _features() -> list[str]:
    """The instruction sets that decide number formats, where the system names them."""
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve")
    try:
        flags = next(
            line
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.lower().startswith(("flags", "features"))
        )
    except (OSError, StopIteration):
        return []
    have = set(flags.split())
    return [name for name in wanted if name in have]


def _training_devices() -> list[str]:
    import torch

    found = [f"cpu, {torch.get_num_threads()} threads"]
    accelerator = torch.accelerator.current_accelerator(check_available=True) if torch.accelerator.is_available() else None
    if accelerator is not None:
        names = [_accelerator_name(accelerator.type, index) for index in range(torch.accelerator.device_count())]
        found = [f"{accelerator.type}:{index}, {name}" for index, name in enumerate(names)] + found
    if importlib.util.find_spec("habana_frameworks") and not any(one.startswith("hpu") for one in found):
        found.append("hpu: the Gaudi plug-in is installed but no device answers")
    return found


def _accelerator_name(kind: str, index: int) -> str:
    import torch

    module = getattr(torch, kind, None)
    return str(module.get_device_name(index)) if module is not None and hasattr(module, "get_device_name") else "an accelerator"


def _serving_devices() -> list[str]:
    if not _installed("openvino"):
        return []
    import openvino

    core = openvino.Core()
    return [f"{name}, {core.get_property(name, 'FULL_DEVICE_NAME')} (OpenVINO)" for name in core.available_devices]


def _program(name: str) -> str | None:
    return shutil.which(name) or (shutil.which("g++") or shutil.which("clang++") if name == "c++" else None)


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
