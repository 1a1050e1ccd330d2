"""Where two values made of objects and lists differ: (path, one, other)."""


def differences(a, b, path=""):
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for name in a:
            yield from differences(a[name], b[name], f"{path}.{name}")
    elif isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        for at, pair in enumerate(zip(a, b)):
            yield from differences(*pair, f"{path}[{at}]")
    elif a != b:
        yield path, a, b
