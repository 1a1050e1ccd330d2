#!/usr/bin/python3
"""Reads every #include of the product and refuses one that tests/layers.txt does not allow."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
L2 = ["drivers/api", "drivers/bus", "drivers/wire", "gateway/match", "gateway/lane", "rules",
      "gateway/signed", "gateway/journal", "gateway/control", "gateway/handling", "gateway/tls"]
LOW = ["gateway/base", "gateway/model", "gateway/config"]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def read_layers(path):
    allowed = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        folder, _, targets = line.partition(":")
        names = targets.split()
        if "L2" in names:
            names = [name for name in names if name != "L2"] + LOW + L2
        allowed[folder.strip()] = None if names == ["ALL"] else set(names)
    return allowed


def rule_of(folder, allowed):
    if folder in allowed:
        return allowed[folder]
    if folder.startswith("drivers/"):
        return allowed["drivers/*"]
    if folder.startswith("gateway/app/"):  # a folder a program
        return allowed["gateway/app"]
    raise KeyError(folder)


def check(root, allowed):
    """Returns (violations, include count)."""
    bad, seen = [], 0
    sources = [p for top in ("gateway", "drivers", "rules")
               for p in sorted((root / top).rglob("*.[ch]"))]
    for path in sources:
        folder = str(path.parent.relative_to(root))
        try:
            targets = rule_of(folder, allowed)
        except KeyError:
            bad.append(f"{folder}: not named in tests/layers.txt")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            seen += 1
            target = str(pathlib.PurePosixPath(match.group(1)).parent)
            where = f"{path.relative_to(root)}:{number}: #include \"{match.group(1)}\""
            if not (root / match.group(1)).is_file():
                bad.append(f"{where}: no such file from the repository root")
            elif target != folder and targets is not None and target not in targets:
                bad.append(f"{where}: {folder} may not include {target}")
    return bad, seen


def main():
    bad, seen = check(ROOT, read_layers(ROOT / "tests/layers.txt"))
    for line in bad:
        print(line, file=sys.stderr)
    print(f"{seen} includes checked, {len(bad)} not allowed")
    return 1 if bad or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
