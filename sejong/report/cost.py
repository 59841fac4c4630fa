"""How long each stage took, and an estimate of the electricity.

The rule is power × time. Power is assumed, not measured: `core_watts` for each core of the processor, and `accelerator_watts`
for each accelerator that a stage says it used. Cooling, disks, network and the making of the machine are not counted.
"""

from dataclasses import dataclass, field

from sejong.flow import Artifact
from sejong.flow.manifest import manifest_device, manifest_metrics, manifest_seconds
from sejong.recipe import ReportSettings


@dataclass(frozen=True)
class Spent:
    """Time and estimated energy of one stage."""

    stage: str
    seconds: float
    watts: float

    @property
    def watt_hours(self) -> float:
        """Power times time."""
        return self.watts * self.seconds / 3600


@dataclass(frozen=True)
class Machine:
    """A machine that stages ran on; `memory` in bytes."""

    processor: str
    cores: int
    memory: int


@dataclass(frozen=True)
class Cost:
    """All stages together, and the machines they ran on."""

    stages: list[Spent] = field(default_factory=list)
    machines: list[Machine] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Sum over stages; the report itself is not in it."""
        return sum(one.seconds for one in self.stages)

    @property
    def watt_hours(self) -> float:
        """Sum over stages."""
        return sum(one.watt_hours for one in self.stages)


def read_cost(settings: ReportSettings, inputs: list[Artifact]) -> Cost:
    """Time from each manifest, power from the settings and the device the manifest names."""
    spent: list[Spent] = []
    machines: list[Machine] = []
    for artifact in inputs:
        manifest = artifact.manifest()
        device = manifest_device(manifest)
        metrics = manifest_metrics(manifest)
        watts = settings.core_watts * device["cores"]
        machine = Machine(device["processor"], device["cores"], device["memory_bytes"])
        used = str(metrics.get("device", "cpu"))
        if not used.startswith("cpu"):
            watts += settings.accelerator_watts * metrics.get("devices", 1)
        spent.append(Spent(artifact.stage, manifest_seconds(manifest), watts))
        if machine not in machines:
            machines.append(machine)
    return Cost(spent, machines)
