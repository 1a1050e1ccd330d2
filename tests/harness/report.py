"""What a benchmark in Python says: figures, each with its bound beside it, and what the programs it measures use."""
import json
import os
import pathlib
import resource
import statistics
import sys

NOT_RUN = 77  # exit status


class Report:
    """The figures, and what each must reach; `rows` stand before them."""

    def __init__(self, bench, **rows):
        self.rows, self.short = {"bench": bench, **rows}, []

    def put(self, name, value, most=None, least=None):
        """`most` or `least`: the bound; without one the figure only explains others."""
        value = round(value, 3)
        if most is None and least is None:
            self.rows[name] = value
        else:
            held = value <= most if least is None else value >= least
            self.rows[name] = {"value": value, "bound": f"<= {most}" if least is None else f">= {least}", "held": held}
            if not held:
                self.short.append(name)
        print(f"{name}: {self.rows[name]}", file=sys.stderr, flush=True)

    def p99(self, name, values_ms, most=None, worst=False):
        values_ms = sorted(values_ms)
        self.put(f"{name}_median_ms", statistics.median(values_ms))
        self.put(f"{name}_p99_ms", values_ms[(len(values_ms) * 99 + 99) // 100 - 1], most=most)
        if worst:
            self.put(f"{name}_worst_ms", values_ms[-1])

    def finish(self):
        """The last line."""
        print(json.dumps({**self.rows, "short": self.short}))


def may_run(program):
    """Whether a benchmark may: as root, with all the descriptors there are."""
    if os.geteuid() != 0:
        print(f"{program} needs root: capture on lo", file=sys.stderr)
        return False
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return True


def cpu_s(program):
    """CPU time a program has used."""
    fields = pathlib.Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kb(program):
    for line in pathlib.Path(f"/proc/{program.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError(f"{program.name}: no VmRSS")
