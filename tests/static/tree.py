"""Which C files there are: one list for every static check."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("gateway", "drivers", "rules", "tests")


def c_files(*suffixes):
    """Every file below the folders of C code with one of these suffixes, sorted."""
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")
                   if path.suffix in suffixes and path.is_file())
    if len(files) < 50:
        raise SystemExit(f"only {len(files)} files of {', '.join(suffixes)} found: nothing is checked")
    return files
