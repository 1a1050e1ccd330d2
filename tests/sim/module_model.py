"""The remote I/O module between the Modbus server and a lane's wires, by model.

Written from the makers' pages (drivers/profiles names them), apart from the product's profiles, so that
the two check each other. Tables: function that reads -> {address: value}; a function may be a call.
"""
import asyncio

from sim.modbus_server import EXCEPTION_ADDRESS, EXCEPTION_VALUE, ModbusError


def registers(first, text, count):
    """A name in registers, the first character of each in its upper half, zeros behind it."""
    data = text.encode().ljust(2 * count, b"\0")
    return {first + at: int.from_bytes(data[2 * at:2 * at + 2], "big") for at in range(count)}


# inputs: (function, first, count); outputs: (kind, first, count); the rest as Module explains.
MODULES = {
    "generic": {"inputs": (2, 0, 16), "outputs": ("coil", 0, 16)},
    "waveshare_rtu_relay": {"inputs": (2, 0, 8), "outputs": ("coil", 0, 8), "flash_on": (0x0200, 0.1),
                            "tables": {3: {0x8000: 200}}},
    "iologik_e1214": {"inputs": (2, 0, 6), "outputs": ("coil", 0, 6), "words": {(3, 32): "outputs", (4, 48): "inputs"},
                      "tables": {2: dict.fromkeys(range(4112, 4118), 0), 4: registers(5000, "E1214", 10)}, "clears": (4128, 2, 4112, 6)},
    "adam_6060": {"inputs": (1, 0, 6), "outputs": ("coil", 0x0010, 6)},
    "adam_4056so": {"inputs": (2, 0, 0), "outputs": ("coil", 0x0010, 12),
                    "tables": {3: {210: 0x4056, 211: 0x534F, 212: 0xA100, 213: 0, 214: 1, 215: 0}}},
    "barrier_registers": {"inputs": (4, 0, 16), "outputs": ("bit", 0, 8),
                          "tables": {3: {1: 0, 2: 0, **dict.fromkeys(range(16, 24), 1)}, 4: {16: 0xCB01}},
                          "writable": [1, 2, *range(16, 24)], "watchdog": (1, 0.1, 2, 16)},
    "tower_light": {"inputs": (2, 0, 0), "outputs": ("coil", 0, 4),
                    "flashing": [0xF000, 0xF100, 0xF200, 0xF300]},
    # A technician's module: outputs as registers of their own, fail-safe coils that may be written.
    "site_module": {"inputs": (3, 100, 24), "outputs": ("register", 200, 8), "values": (0x0AA0, 0x0550),
                    "tables": {3: {300: 0}, 1: dict.fromkeys(range(400, 408), 1), 4: {500: 7}},
                    "writable": [300], "writable_coils": range(400, 408),
                    "identity": {"vendor": "Gate Works", "product": "SM-8", "revision": "1.4"}},
}


class Module:
    """`flash_on`: FC05 at base + channel, value x seconds. `flashing`: other coil values for on. `clears`:
    coils that set a table's entry to 0. `watchdog`: (time register, its unit in s, keep-alive register,
    first fail-safe register)."""

    def __init__(self, barrier, model, input_map, output_map, low_outputs=()):
        self.barrier, self.input_map, self.output_map, self.model = barrier, input_map, output_map, model
        self.input_function, self.input_first, self.input_count = model["inputs"]
        self.low_outputs = set(low_outputs)  # act when de-energised
        self.kind, self.output_first, self.output_count = model["outputs"]
        self.on_value, self.off_value = model.get("values", (1, 0))
        self.tables = {1: {}, 2: {}, 3: {}, 4: {}}
        for function, table in model.get("tables", {}).items():
            self.tables[function].update(table)
        self.timers, self.gone, self.strange = {}, set(), {}
        self.identity = model.get("identity")  # what functions 17 and 43 say; None: it does not know them

    @property
    def powered(self):
        return self.barrier.powered

    def set(self, address, value, function=None):
        """A test's hand on a register or flag; None: there is none any more."""
        if value is None:
            self.gone.add((function, address))
            return
        if (function, address) in self.gone:
            self.gone.remove((function, address))
            return
        if function == 3 and self.kind == "register" and 0 <= address - self.output_first < self.output_count:
            self.strange = {} if value == 0 else {(function, address): value}
            return
        found = [f for f in (function,) if f] or [f for f, table in self.tables.items() if address in table]
        self.tables[found[0]][address] = value

    # --- levels ---

    def input_level(self, channel):
        name = self.input_map.get(channel)
        return bool(name and self.barrier.level(name))

    def output_level(self, channel):
        name = self.output_map.get(channel)
        return bool(name) and self.barrier.coils[name] != (name in self.low_outputs)

    @staticmethod
    def word(level, first, count):
        return sum(level(first + bit) << bit for bit in range(16) if first + bit < count)

    def one_bit(self, function, address):
        channel = address - self.output_first
        if self.kind == "coil" and function == 1 and 0 <= channel < self.output_count:
            return self.output_level(channel)
        channel = address - self.input_first
        if function == self.input_function and 0 <= channel < self.input_count:
            return self.input_level(channel)
        if address in self.tables[function]:
            return bool(self.tables[function][address])
        raise ModbusError(EXCEPTION_ADDRESS)

    def one_word(self, function, address):
        if (function, address) in self.gone:
            raise ModbusError(EXCEPTION_ADDRESS)
        words = {"inputs": (self.input_level, self.input_count), "outputs": (self.output_level, self.output_count)}
        place = 16 * (address - self.input_first)
        if function == self.input_function and 0 <= place < self.input_count:
            return self.word(self.input_level, place, self.input_count)
        if (function, address) in self.strange:
            return self.strange[function, address]
        channel = address - self.output_first
        if function == 3 and self.kind == "bit" and 0 <= 16 * channel < self.output_count:
            return self.word(self.output_level, 16 * channel, self.output_count)
        if function == 3 and self.kind == "register" and 0 <= channel < self.output_count:
            return self.on_value if self.output_level(channel) else self.off_value
        if (function, address) in self.model.get("words", {}):
            level, count = words[self.model["words"][function, address]]
            return self.word(level, 0, count)
        if address in self.tables[function]:
            return self.tables[function][address]
        raise ModbusError(EXCEPTION_ADDRESS)

    # --- what the server calls ---

    def read_bits(self, function, address, count):
        if not 1 <= count <= 2000:
            raise ModbusError(EXCEPTION_VALUE)
        return [self.one_bit(function, address + at) for at in range(count)]

    def read_registers(self, function, address, count):
        if not 1 <= count <= 125:
            raise ModbusError(EXCEPTION_VALUE)
        return [self.one_word(function, address + at) for at in range(count)]

    def write_register(self, address, value):
        channel = address - self.output_first
        if self.kind == "register" and 0 <= channel < self.output_count:
            if value not in (self.on_value, self.off_value):
                raise ModbusError(EXCEPTION_VALUE)
            self.set_channel(channel, value == self.on_value, "write")
            return
        if address not in self.model.get("writable", []):
            raise ModbusError(EXCEPTION_ADDRESS)
        self.tables[3][address] = value
        self.feed_watchdog(address)

    def mask_register(self, address, mask, value):
        place = 16 * (address - self.output_first)
        if self.kind != "bit" or not 0 <= place < self.output_count:
            raise ModbusError(EXCEPTION_ADDRESS)
        before = self.word(self.output_level, place, self.output_count)
        after = before & mask | value & ~mask & 0xFFFF
        for bit in range(16):
            if (before ^ after) >> bit & 1 and place + bit < self.output_count:
                self.set_channel(place + bit, bool(after >> bit & 1), "write")

    def write_coil(self, address, value):
        if "flash_on" in self.model and 0 <= address - self.model["flash_on"][0] < self.output_count:
            self.start_flash(address - self.model["flash_on"][0], value)
            return
        on = value == 0xFF00 or value in self.model.get("flashing", [])
        if not on and value != 0x0000:
            raise ModbusError(EXCEPTION_VALUE)
        if address in self.model.get("writable_coils", []):
            self.tables[1][address] = int(on)
            return
        first, function, cleared, count = self.model.get("clears", (0, 0, 0, 0))
        if 0 <= address - first < count:
            if on:
                self.tables[function][cleared + address - first] = 0
            return
        channel = address - self.output_first
        if self.kind != "coil" or not 0 <= channel < self.output_count:
            raise ModbusError(EXCEPTION_ADDRESS)
        self.set_channel(channel, on, "write")

    def start_flash(self, channel, units):
        if not 1 <= units <= 0x7FFF:
            raise ModbusError(EXCEPTION_VALUE)
        self.set_channel(channel, True, "flash")
        self.timers[channel] = asyncio.get_running_loop().call_later(
            units * self.model["flash_on"][1], self.set_channel, channel, False, "timer")

    def feed_watchdog(self, address):
        time, unit_s, keep_alive, fail_safe = self.model.get("watchdog", (0, 0, 0, 0))
        if not time or address not in (time, keep_alive):
            return
        timer = self.timers.pop("watchdog", None)
        if timer:
            timer.cancel()
        if self.tables[3][time]:
            self.timers["watchdog"] = asyncio.get_running_loop().call_later(
                self.tables[3][time] * unit_s, self.bite, fail_safe)

    def bite(self, fail_safe):
        for channel in range(self.output_count):
            self.set_channel(channel, bool(self.tables[3][fail_safe + channel]), "watchdog")

    def set_channel(self, channel, on, by):
        timer = self.timers.pop(channel, None)
        if timer:
            timer.cancel()
        name = self.output_map.get(channel)
        if name:
            self.barrier.set_coil(name, on != (name in self.low_outputs), by)
