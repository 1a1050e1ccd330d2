"""The Prometheus text format 0.0.4, read strictly: what the format does not allow fails, what it only recommends too."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?\d+(?:\.\d+)?)")
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def _labels(text):
    pairs = re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"', text or "")
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a label twice: {text}"
    return tuple(sorted((name, re.sub(r"\\.", lambda m: UNESCAPED[m[0]], value)) for name, value in pairs))


class Exposition:
    """`types`: metric -> type; `samples`: (metric, labels as sorted pairs) -> value."""

    def __init__(self, text):
        self.types, self.samples = {}, {}
        self._current = self._described = None
        assert text.endswith("\n"), "the last line has no line feed"
        for line in text[:-1].split("\n"):
            self._line(line)
        empty = [name for name in self.types if not any(metric == name for metric, _ in self.samples)]
        assert not empty, f"described, but without a sample: {empty}"

    def _line(self, line):
        head = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
        if head and head[1] == "HELP":
            assert head[2] not in self.types, f"{head[2]} is described twice"
            self._described = head[2]
        elif head:
            assert head[2] == self._described, f"TYPE of {head[2]} does not follow its HELP"
            assert head[3] in ("counter", "gauge"), line
            assert (head[3] == "counter") == head[2].endswith("_total"), f"{head[2]} is a {head[3]}"
            self.types[head[2]] = head[3]
            self._current = head[2]
        else:
            self._sample(line)

    def _sample(self, line):
        sample = SAMPLE.fullmatch(line)
        assert sample, f"no sample: {line!r}"
        assert sample[1] == self._current, f"{sample[1]} stands among the samples of {self._current}"
        key = (sample[1], _labels(sample[2]))
        assert key not in self.samples, f"twice: {line}"
        self.samples[key] = float(sample[3])

    def value(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def values(self, name, **labels):
        """Of every series of that name that has these labels."""
        return [value for (metric, pairs), value in self.samples.items()
                if metric == name and set(labels.items()) <= set(pairs)]
