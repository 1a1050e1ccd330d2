"""What a power cut leaves of a program's files, made from the log of its writes and syncs (writelog.c, preloaded).

A copy of files taken while a program runs contains the page cache and proves nothing. Here every write goes into a log:

    log = WriteLog(state_folder, log_file)       # what lies in the folder now counts as being on the disk
    log.attach(program, end_after=137)           # killed after so many changes and syncs, in the middle of whatever it does;
                                                 # lies=True: its syncs do nothing and are not logged (control run)
    program.start() ... program.wait_killed()    # or program.kill() at a moment of the test's
    log.cut(random.Random(seed))                 # the folder as after a power cut; the log begins anew
    program.start()

What survives: a write once its file was synced after it; a creation, renaming or deletion once its folder was. Of the
rest a drawn subset: writes whole, missing or torn at 512 bytes, in the order made; changes of folders up to a drawn one
(file systems with a journal keep their order). What the program told anybody before it was killed must be there.
A log is of one run of one program over one folder: cut() or begin() between two runs. Its own test is test_writelog.py.
"""
import dataclasses
import os
import pathlib
import shutil
import struct

HEADER = struct.Struct("<IIQQII")
SECTOR = 512
LIBRARY = pathlib.Path(os.environ.get("CHECKPOINT_BUILD", "build/release")).resolve() / "tests" / "writelog.so"


@dataclasses.dataclass
class Record:
    """What was done; `end` is where its record ends in the log."""
    what: str
    inode: int
    at: int
    path: str
    data: bytes
    end: int


@dataclasses.dataclass
class File:
    """Contents before the log, what was written to it since, and up to where in the log it was synced."""
    base: bytes = b""
    changes: list = dataclasses.field(default_factory=list)
    synced: int = 0


def read_tree(folder):
    """Path to contents, None for a folder; what is neither (sockets) and SQLite's -shm left out."""
    return {str(path): None if path.is_dir() else path.read_bytes() for path in sorted(pathlib.Path(folder).rglob("*"))
            if path.is_dir() or (path.is_file() and not path.name.endswith("-shm"))}


def move(tree, record, file):
    """A creation, renaming or deletion, in a folder that may have lost what it speaks of."""
    source, target = record.path, record.data.decode()
    if record.what in "CM":
        if os.path.dirname(source) in tree:
            tree[source] = file
    elif record.what == "R":
        for path in [path for path in tree if path == source or path.startswith(source + "/")]:
            tree[target + path[len(source):]] = tree.pop(path)
    else:
        tree.pop(source, None)


def change(contents, record, arrives):
    """A truncation, or those sectors of a write that arrive."""
    if record.what == "T":
        del contents[record.at:]
        contents.extend(bytes(record.at - len(contents)))
        return
    at, end = record.at, record.at + len(record.data)
    while at < end:
        stop = min(end, (at // SECTOR + 1) * SECTOR)
        if arrives():
            contents.extend(bytes(max(0, stop - len(contents))))
            contents[at:stop] = record.data[at - record.at:stop - record.at]
        at = stop


class WriteLog:
    """The log in `path` of what one program does below `folder`."""

    def __init__(self, folder, path):
        assert LIBRARY.exists(), LIBRARY
        self.folder, self.path = pathlib.Path(folder).resolve(), pathlib.Path(path)
        self.lost = 0  # changes not synced that the last cut took away, whole or in part
        self.begin()

    def begin(self):
        """The folder as it is now counts as being on the disk."""
        self.base = {str(self.folder): None} | read_tree(self.folder)
        self.path.unlink(missing_ok=True)

    def attach(self, program, lies=False, end_after=None):
        """From the program's next start on. Its own LD_PRELOAD, if it has one, is replaced."""
        program.env |= {"LD_PRELOAD": str(LIBRARY), "WRITELOG_FOLDER": str(self.folder),
                        "WRITELOG_FILE": str(self.path),
                        "ASAN_OPTIONS": program.env["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}
        for name, value in (("WRITELOG_LIES", lies), ("WRITELOG_END_AFTER", end_after)):
            program.env.pop(name, None)
            if value:
                program.env[name] = str(int(value))

    def detach(self, program):
        """Its next start writes no log."""
        for name in ("LD_PRELOAD", "WRITELOG_FOLDER", "WRITELOG_FILE", "WRITELOG_LIES", "WRITELOG_END_AFTER"):
            program.env.pop(name, None)

    def size(self):
        """Of the log now: what was told to somebody before must be there after a cut at this point or later."""
        return self.path.stat().st_size if self.path.exists() else 0

    def records(self):
        """All but a last one that the kill cut short."""
        log, at = (self.path.read_bytes() if self.path.exists() else b""), 0
        while len(log) - at >= HEADER.size:
            size, what, inode, place, path_size, data_size = HEADER.unpack_from(log, at)
            assert size == HEADER.size + path_size + data_size, f"{self.path}: no record at {at}"
            at += size
            if at <= len(log):
                data = at - data_size
                yield Record(chr(what), inode, place, log[data - path_size:data].decode(), log[data:at], at)

    def _read(self, end):
        """(namespace before the log, moves with the file created by each, up to where each folder was synced)."""
        before = {path: None if contents is None else File(contents) for path, contents in self.base.items()}
        now, inodes, moves, synced = dict(before), {}, [], {}
        for record in self.records():
            if end is not None and record.end > end:
                break
            if record.what == "O":
                inodes[record.inode] = now[record.path]
            elif record.what in "WT":
                inodes[record.inode].changes.append(record)
            elif record.what == "S":
                inodes[record.inode].synced = max(inodes[record.inode].synced, record.at)
            elif record.what == "D":
                synced[record.path] = max(synced.get(record.path, 0), record.at)
            else:
                file = None
                if record.what == "C":
                    file = inodes[record.inode] = File()
                move(now, record, file)
                moves.append((record, file))
        return before, moves, synced

    def survivors(self, rng=None, end=None):
        """Path to contents as after a power cut, at `end` of the log if told; rng None: everything arrived."""
        tree, moves, synced = self._read(end)

        def is_synced(record):
            paths = [record.path, *([record.data.decode()] if record.what == "R" else [])]
            return all(record.end <= synced.get(os.path.dirname(path), 0) for path in paths)

        loose = [record for record, _ in moves if not is_synced(record)]
        missing = loose[rng.randrange(len(loose) + 1):] if rng else []
        self.lost = len(missing)
        missing = {record.end for record in missing}
        for record, file in moves:
            if record.end not in missing:
                move(tree, record, file)
        share = rng.choice([0.0, 0.5, 0.5, 1.0]) if rng else 1.0
        return {path: None if file is None else self._contents(file, share, rng) for path, file in tree.items()}

    def _contents(self, file, share, rng):
        contents = bytearray(file.base)
        for record in file.changes:
            if record.end <= file.synced or share == 1.0:
                change(contents, record, lambda: True)
                continue
            fate = rng.choice(["whole", "torn", "missing"]) if share else "missing"
            self.lost += fate != "whole"
            if fate == "torn" and record.what == "W":
                change(contents, record, lambda: rng.random() < share)
            elif fate == "whole":
                change(contents, record, lambda: True)
        return bytes(contents)

    def cut(self, rng):
        """The folder becomes what the power cut left of it; the program must have been killed."""
        self.write(self.survivors(rng))

    def write(self, tree):
        """`tree` in place of what lies in the folder; owners and modes of what was there are kept."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if str(path) not in tree:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path, contents in sorted(tree.items()):
            if contents is None:
                pathlib.Path(path).mkdir(mode=0o700, exist_ok=True)
            else:
                new = not os.path.exists(path)
                pathlib.Path(path).write_bytes(contents)
                if new:
                    os.chmod(path, 0o600)
        self.begin()

    def check_whole(self):
        """After an orderly end: what the log says was written is what lies there, so nothing passed it by."""
        said, is_there = self.survivors(), {str(self.folder): None} | read_tree(self.folder)
        assert said.keys() == is_there.keys(), set(said) ^ set(is_there)
        for path, contents in said.items():
            assert contents == is_there[path], f"{path} was written past the log"
