"""The same module behind pymodbus, somebody else's Modbus: framing, CRC, functions and exceptions are
pymodbus' own, what the module has is sim.module_model's. TCP, and RTU over two ptys that are copied into each other
(pymodbus opens a serial line by its path)."""
import asyncio
import os
import struct
import tty

from pymodbus.datastore import ModbusServerContext
from pymodbus.device import ModbusControlBlock
from pymodbus.interfaces import IModbusSlaveContext
from pymodbus.pdu import ExceptionResponse, ModbusExceptions, ModbusRequest, ModbusResponse
from pymodbus.server.async_io import ModbusSerialServer, ModbusTcpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer

from sim.modbus_server import ModbusError, Server


class ModuleContext(IModbusSlaveContext):
    """A module as pymodbus asks it. `note` hears of each request."""

    def __init__(self, module, note):
        self.module, self.note = module, note

    def read(self, function, address, count):
        if function in (1, 2, 5, 15):
            return self.module.read_bits(1 if function in (5, 15) else function, address, count)
        return self.module.read_registers(3 if function in (6, 16, 22) else function, address, count)

    def validate(self, fc_as_hex, address, count=1):
        self.note()
        if fc_as_hex in (5, 6):
            return True  # the module says so when it is written
        try:
            self.read(fc_as_hex, address, count)
            return True
        except ModbusError:
            return False

    def getValues(self, fc_as_hex, address, count=1):
        return self.read(fc_as_hex, address, count)

    def setValues(self, fc_as_hex, address, values):
        if fc_as_hex == 22:
            self.module.mask_register(address, 0, values[0])
        else:
            self.module.write_register(address, values[0])


class CoilResponse(ModbusResponse):
    function_code = 5

    def __init__(self, address, value):
        super().__init__()
        self.address, self.value = address, value

    def encode(self):
        return struct.pack(">HH", self.address, self.value)


class CoilRequest(ModbusRequest):
    """Function 5 with values of a module's own, which pymodbus' takes for off."""

    function_code = 5
    _rtu_frame_size = 8

    def decode(self, data):
        self.address, self.value = struct.unpack(">HH", data)

    def execute(self, context):
        try:
            context.note()
            context.module.write_coil(self.address, self.value)
        except ModbusError as error:
            return self.doException(error.code)
        return CoilResponse(self.address, self.value)


class PymodbusServer(Server):
    def __init__(self, modules):
        super().__init__(modules)
        contexts = {unit: ModuleContext(module, self.note) for unit, module in modules.items()}
        self.context = ModbusServerContext(slaves=contexts, single=False)
        for module in modules.values():
            self.identify(getattr(module, "identity", None))

    @staticmethod
    def identify(identity):
        """What pymodbus' own functions 17 and 43 answer, for every unit."""
        objects = {number: (identity or {}).get(key, "") for number, key in enumerate(("vendor", "product", "revision"))}
        ModbusControlBlock().Identity.update(objects)

    def note(self):
        self.requests += 1

    def manipulate(self, response):
        """The fault that is due, put on pymodbus' answer."""
        kind = self.faults.take(response.unit_id, response.function_code & 0x7F)
        if kind in ("silence", "drop"):
            response.should_respond = False
        elif kind == "exception":
            broken = ExceptionResponse(response.function_code & 0x7F, ModbusExceptions.SlaveFailure)
            broken.unit_id, broken.transaction_id = response.unit_id, response.transaction_id
            return broken, False
        elif kind == "unit":
            response.unit_id += 1
        elif kind == "function":
            response.function_code ^= 3
        elif kind in ("garbage", "crc", "short"):
            return self.spoilt(kind, self.framer().buildPacket(response)), True
        return response, False

    def spoilt(self, kind, frame):
        if kind == "garbage":
            return self.faults.random.randbytes(24)
        if kind == "short":
            return frame[:-1]
        return self.miscounted(frame)

    def options(self):
        return {"response_manipulator": self.manipulate, "ignore_missing_slaves": True}


class PymodbusTcp(PymodbusServer):
    def framer(self):
        return ModbusSocketFramer(None)

    def miscounted(self, frame):
        return bytes([frame[0] ^ 0x55]) + frame[1:]  # another transaction

    async def start(self, host, port):
        server = ModbusTcpServer(self.context, ModbusSocketFramer, address=(host, port), allow_reuse_address=True,
                                 **self.options())
        server.decoder.register(CoilRequest)
        self.task = asyncio.get_running_loop().create_task(server.serve_forever())
        await server.serving
        return server.server.sockets[0].getsockname()[1]


class PymodbusRtu(PymodbusServer):
    """On a line that is there (`path`), or on one of its own with a symbolic link to it (`link`)."""

    def __init__(self, modules, link, path, baud):
        super().__init__(modules)
        self.link, self.path, self.baud = link, path, baud

    def framer(self):
        return ModbusRtuFramer(None)

    def miscounted(self, frame):
        return frame[:-1] + bytes([frame[-1] ^ 0x55])

    def open_own(self):
        ends = [os.openpty() for _ in range(2)]
        for at, (master, slave) in enumerate(ends):
            tty.setraw(slave)
            other = ends[1 - at][0]
            asyncio.get_running_loop().add_reader(master, self.copy, master, other)
        os.symlink(os.ttyname(ends[0][1]), self.link)
        return os.ttyname(ends[1][1])

    async def start(self):
        server = ModbusSerialServer(self.context, ModbusRtuFramer, port=self.path or self.open_own(),
                                    baudrate=self.baud, **self.options())
        server.decoder.register(CoilRequest)
        await server.start()
        self.server = server

    @staticmethod
    def copy(source, target):
        os.write(target, os.read(source, 512))
