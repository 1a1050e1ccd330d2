"""A file system in an image file, mounted over a folder, and what the raw image holds: free blocks, journal and all."""
import mmap
import os
import shutil
import subprocess
import tempfile

import pytest


class RawDisk:
    """ext4 over `path`; what lay there is copied onto it, before anything is looked for. Needs root and loop devices."""

    def __init__(self, path, image, size_bytes=192 << 20):
        self.path, self.image = path, image
        with open(image, "wb") as file:
            file.truncate(size_bytes)
        subprocess.run(["mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0", image], check=True, capture_output=True)
        with tempfile.TemporaryDirectory() as aside:
            shutil.copytree(path, aside, dirs_exist_ok=True)
            done = subprocess.run(["mount", "-o", "loop,nodiscard", image, path], capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"no loop device can be mounted here: {done.stderr.strip()}")
            shutil.copytree(aside, path, dirs_exist_ok=True)

    def holds(self, *needles):
        """Of each, whether its bytes stand anywhere on the disk."""
        os.sync()
        with open(self.image, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as image:
            return [image.find(needle) >= 0 for needle in needles]

    def unmount(self):
        subprocess.run(["umount", self.path], check=True)
        os.unlink(self.image)
