"""The demo's last line: what was sent, seen, alerted, held and received at headquarters, each counted from outside."""
import statistics


def percentiles(values_ns):
    """(median, 99th percentile) in ms with two decimals; None, None without values."""
    if not values_ns:
        return None, None
    ordered = sorted(values_ns)
    top = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return round(statistics.median(ordered) / 1e6, 2), round(top / 1e6, 2)


def coil_delays(traffic, coils, events):
    """Frame to the first of `coils` switched on behind it, for each read of `events` (ids)."""
    on = sorted(e["mono_ns"] for e in traffic.sim.events("coil", on=True) if e["coil"] in coils)
    delays = []
    for event in events:
        sent = traffic.camera.sent_ns[event]
        after = next((at for at in on if at > sent), None)
        if after is not None:
            delays.append(after - sent)
    return delays


def console_delays(watch, stream):
    """From a hit's event on the local socket to the same at the tablet, both as this process sees them."""
    return [shown - watch.alerted_ns[event] for event, shown in stream.shown_ns.items() if event in watch.alerted_ns]


def alert_delays(traffic, watch):
    return [watch.alerted_ns[event] - lane.camera.sent_ns[event]
            for lane in traffic for event in lane.expected if event in watch.alerted_ns]
