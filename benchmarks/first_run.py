"""From a fresh clone to the first answer: the seconds of each step, the peak memory, and a second start.

    .venv/bin/python benchmarks/first_run.py [--nation korea] [--size xs] [--text PATH] [--json OUT] [--folder DIR]

Clones this repository into a new folder, so nothing that was built or installed here is used, and does what `make demo` does.
Peak memory is the largest sum of proportional set sizes over the command's processes, sampled every half second.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]


class Peak(threading.Thread):
    """The largest memory of a process and its children, in bytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process(pid)
        self.bytes = 0

    def run(self) -> None:
        """Sample until the process ends."""
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for one in [self.process, *_children(self.process)]:
                try:
                    total += one.memory_full_info().pss
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            self.bytes = max(self.bytes, total)
            time.sleep(0.5)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def timed(command: list[str], cwd: Path) -> tuple[float, int, str]:
    """Seconds, peak bytes and standard output of a command; its messages go to the terminal."""
    began = time.monotonic()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True) as process:
        peak = Peak(process.pid)
        peak.start()
        output = process.stdout.read() if process.stdout else ""
        if process.wait() != 0:
            raise SystemExit(f"{' '.join(command)} failed with exit status {process.returncode}")
    peak.join()
    return time.monotonic() - began, peak.bytes, output


def serve_and_ask(clone: Path, run: str, question: str) -> dict[str, Any]:
    """Seconds from `make demo` on a built run to a listening service, and to the first answer; its memory."""
    began = time.monotonic()
    endpoint = clone / run / "endpoint.json"
    command = ["make", "demo", f"NATION={Path(run).name}", f"RUN={run}", "PORT=0", f"SIZE={ARGUMENTS.size}"]
    with subprocess.Popen(command, cwd=clone, stdout=subprocess.DEVNULL, start_new_session=True) as server:
        try:
            peak = Peak(server.pid)
            peak.start()
            while not endpoint.exists():
                if server.poll() is not None or time.monotonic() - began > 120:
                    raise SystemExit("the service did not start")
                time.sleep(0.1)
            listening = time.monotonic() - began
            asking = [".venv/bin/sejong", "chat", run, "--ask", question, "--json"]
            answer = subprocess.run(asking, cwd=clone, capture_output=True, text=True, check=True)
            answered = time.monotonic() - began
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)
    found = json.loads(answer.stdout)
    return {
        "listening_seconds": listening,
        "first_answer_seconds": answered,
        "peak_bytes": peak.bytes,
        "question": question,
        "answer": found["answer"],
        "quoted": bool(found["quotation"]),
    }


def main() -> None:
    """Do the whole way and print it."""
    folder = ARGUMENTS.folder or Path(tempfile.mkdtemp(prefix="sejong-first-run-"))
    clone = folder / "sejong"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    run = f"runs/{ARGUMENTS.nation}"
    setup, _, _ = timed(["make", "setup", *([f"TORCH_INDEX={ARGUMENTS.torch_index}"] if ARGUMENTS.torch_index else [])], clone)
    command = [".venv/bin/sejong", "build", ARGUMENTS.nation, "--size", ARGUMENTS.size, "--run", run, "--json"]
    command += ["--text", str(ARGUMENTS.text.resolve())] if ARGUMENTS.text else []
    building, peak, output = timed(command, clone)
    stages = json.loads(output)["stages"]
    served = serve_and_ask(clone, run, ARGUMENTS.question) if not ARGUMENTS.text else None
    overhead = sum(one["overhead_seconds"] for one in stages)
    found = {
        "nation": ARGUMENTS.nation,
        "size": ARGUMENTS.size,
        "setup_seconds": setup,
        "build_seconds": building,
        "stages": {one["stage"]: one["seconds"] for one in stages},
        "outside_stages_seconds": building - sum(one["seconds"] for one in stages) - overhead,
        "flow_overhead_seconds": overhead,
        "flow_overhead_share": overhead / building,
        "build_peak_bytes": peak,
        "second_start": served,
        "clone_to_first_answer_seconds": setup + building + (served["first_answer_seconds"] if served else 0.0),
    }
    show(found)
    if ARGUMENTS.json:
        ARGUMENTS.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
    if not ARGUMENTS.folder:
        shutil.rmtree(folder)


def show(found: dict[str, Any]) -> None:
    """The figures for a person."""
    print(f"set-up                 {found['setup_seconds']:8.1f} s")
    for name, seconds in found["stages"].items():
        print(f"  {name:<20} {seconds:8.1f} s")
    build, peak = found["build_seconds"], found["build_peak_bytes"] / 2**30
    print(f"build, whole           {build:8.1f} s   peak memory {peak:.2f} GiB")
    cost, share = found["flow_overhead_seconds"], 100 * found["flow_overhead_share"]
    print(f"start, fetching, hashing of sources {found['outside_stages_seconds']:5.1f} s")
    print(f"flow's book-keeping    {cost:8.2f} s   {share:.2f}% of the build")
    if served := found["second_start"]:
        listening, peak = served["listening_seconds"], served["peak_bytes"] / 2**30
        print(f"second `make demo`     {listening:8.1f} s   peak memory {peak:.2f} GiB")
        print(
            f"  its first answer     {served['first_answer_seconds']:8.1f} s   {served['question']} -> {served['answer'][:60]!r}"
        )
    print(f"clone to first answer  {found['clone_to_first_answer_seconds']:8.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nation", default="korea")
    parser.add_argument("--size", default="xs")
    parser.add_argument("--text", type=Path, help="own text instead of the nation's sources")
    parser.add_argument("--question", default="매크로를 기록하려면 어떻게 하나요?")
    parser.add_argument("--torch-index", default="", help="index to take PyTorch from, as in make setup TORCH_INDEX=URL")
    parser.add_argument("--folder", type=Path, help="keep the clone here")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    ARGUMENTS = parser.parse_args()
    main()
