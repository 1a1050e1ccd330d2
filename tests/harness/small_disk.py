"""A small file system of its own under a program's folder, to be filled."""
import shutil
import subprocess
import tempfile


class SmallDisk:
    """Mounted over `path`; what lay there is copied onto it. Needs root."""

    def __init__(self, path, size_bytes):
        self.path = path
        self.ballast = path / "ballast"
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as aside:
            shutil.copytree(path, aside, dirs_exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "tmpfs", path], check=True)
            shutil.copytree(aside, path, dirs_exist_ok=True)

    def fill(self):
        """Until nothing more fits."""
        with open(self.ballast, "ab", buffering=0) as file:
            block = b"\0" * 65536
            while block:
                try:
                    file.write(block)
                except OSError:
                    block = block[:len(block) // 2]

    def free(self):
        self.ballast.unlink(missing_ok=True)

    def unmount(self):
        subprocess.run(["umount", self.path], check=True)
