/*
 * A Modbus module behind libmodbus' own server, for the wire test: tables that the test fills,
 * answers by modbus_reply. What libmodbus' server does not know is done here: coil values of a
 * module's own are echoed, a timed one ends, and clearing coils clear. usage: libmodbus_module tcp
 * | rtu LINE First line out: the port, or "ready". Commands on stdin, each answered by "ok" or a
 * value: set TABLE ADDRESS VALUE | get TABLE ADDRESS | timer FIRST COUNT UNIT_MS | clears FIRST
 * COUNT TABLE TARGET | fault none|silence|exception|unit|garbage|crc
 */
#include <errno.h>
#include <modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    TABLE_SIZE = 1 << 16,
    UNIT = 1,
    BAUD_BPS = 115200,
    LINE_SIZE = 96,
    NEVER_MS = -1,
    COIL_ON = 0xFF00,
    WRITE_COIL = 5,
    MS_PER_S = 1000,
    NS_PER_MS = 1000000
};

struct timed {
    unsigned first;
    unsigned count;
    unsigned unit_ms;
};

struct clearing {
    unsigned first;
    unsigned count;
    unsigned table;
    unsigned target;
};

struct module {
    modbus_t *modbus;
    modbus_mapping_t *map;
    int listener; /* -1 on a serial line */
    bool connected;
    struct timed timer;
    struct clearing clears;
    int64_t ends_ms[64]; /* of coil 0 …; 0 = not running */
    char fault[16];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

/* --- the coil values that are the module's own --- */

static unsigned word_at(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* True when it was answered here. */
static bool own_coil(struct module *m, const uint8_t *query, int size)
{
    const uint8_t *pdu = query + modbus_get_header_length(m->modbus);
    unsigned address = word_at(pdu + 1);
    unsigned value = word_at(pdu + 3);
    bool timed = m->timer.count > 0 && address - m->timer.first < m->timer.count;
    if (pdu[0] != WRITE_COIL || (!timed && (value == COIL_ON || value == 0))) {
        return false;
    }
    unsigned channel = timed ? address - m->timer.first : address;
    if (channel < TABLE_SIZE) {
        m->map->tab_bits[channel] = 1;
    }
    if (timed && channel < sizeof(m->ends_ms) / sizeof(m->ends_ms[0])) {
        m->ends_ms[channel] = now_ms() + (int64_t)value * m->timer.unit_ms;
    }
    return write(modbus_get_socket(m->modbus), query, (size_t)size) == size; /* the echo */
}

static void clear(struct module *m)
{
    for (unsigned i = 0; i < m->clears.count; i++) {
        uint8_t *coil = &m->map->tab_bits[m->clears.first + i];
        if (*coil) {
            m->map->tab_input_bits[m->clears.target + i] = 0;
        }
        *coil = 0;
    }
}

static int end_timers(struct module *m)
{
    int64_t next_ms = INT64_MAX;
    int64_t now = now_ms();
    for (size_t i = 0; i < sizeof(m->ends_ms) / sizeof(m->ends_ms[0]); i++) {
        if (m->ends_ms[i] > 0 && m->ends_ms[i] <= now) {
            m->map->tab_bits[i] = 0;
            m->ends_ms[i] = 0;
        } else if (m->ends_ms[i] > 0 && m->ends_ms[i] < next_ms) {
            next_ms = m->ends_ms[i];
        }
    }
    return next_ms == INT64_MAX ? NEVER_MS : (int)(next_ms - now);
}

/* --- answers --- */

static bool put(struct module *m, const uint8_t *bytes, size_t size)
{
    return write(modbus_get_socket(m->modbus), bytes, size) == (ssize_t)size;
}

static void answer_wrong(struct module *m, const uint8_t *query, int size)
{
    uint8_t bytes[MODBUS_TCP_MAX_ADU_LENGTH];
    bool tcp = m->listener >= 0;
    memcpy(bytes, query, (size_t)size);
    if (strcmp(m->fault, "garbage") == 0) {
        memset(bytes, 0x5A, (size_t)size);
    } else if (strcmp(m->fault, "unit") == 0) {
        bytes[modbus_get_header_length(m->modbus) - 1]++;
    } else { /* crc; over TCP another transaction */
        bytes[tcp ? 0 : size - 1] ^= 0x55;
    }
    if (!put(m, bytes, (size_t)size)) {
        fprintf(stderr, "libmodbus_module: write: %s\n", strerror(errno));
    }
}

static void answer(struct module *m, const uint8_t *query, int size)
{
    int done = 0;
    if (strcmp(m->fault, "silence") == 0) {
        return;
    }
    if (strcmp(m->fault, "exception") == 0) {
        done = modbus_reply_exception(m->modbus, query, MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE);
    } else if (m->fault[0] != '\0') {
        answer_wrong(m, query, size);
    } else if (!own_coil(m, query, size)) {
        done = modbus_reply(m->modbus, query, size, m->map);
        clear(m);
    }
    if (done < 0) {
        fprintf(stderr, "libmodbus_module: reply: %s\n", modbus_strerror(errno));
    }
}

static void hear(struct module *m)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    int size = modbus_receive(m->modbus, query);
    if (size > 0) {
        answer(m, query, size);
    } else if (size < 0 && m->listener >= 0) {
        modbus_close(m->modbus);
        m->connected = false;
    }
}

/* --- commands --- */

/* The place of a table's entry, wide as it is. */
static bool read_entry(struct module *m, unsigned table, unsigned address, unsigned *value,
                       bool set)
{
    if (address >= TABLE_SIZE || table < 1 || table > 4) {
        return false;
    }
    if (table <= 2) {
        uint8_t *bit = table == 1 ? &m->map->tab_bits[address] : &m->map->tab_input_bits[address];
        *bit = set ? (uint8_t)*value : *bit;
        *value = *bit;
    } else {
        uint16_t *word =
            table == 3 ? &m->map->tab_registers[address] : &m->map->tab_input_registers[address];
        *word = set ? (uint16_t)*value : *word;
        *value = *word;
    }
    return true;
}

enum { NUMBERS_MAX = 4 };

/* The numbers behind a command's name; how many. */
static size_t read_numbers(const char *text, unsigned out[NUMBERS_MAX])
{
    size_t count = 0;
    char *end;
    while (count < NUMBERS_MAX) {
        out[count] = (unsigned)strtoul(text, &end, 10);
        if (end == text) {
            break;
        }
        text = end;
        count++;
    }
    return count;
}

static bool is_command(const char *line, const char *name, size_t found, size_t expected)
{
    return strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ' ' && found == expected;
}

static bool obey(struct module *m, char *line)
{
    unsigned n[NUMBERS_MAX];
    line[strcspn(line, "\n")] = '\0';
    const char *behind = strchr(line, ' ');
    size_t found = behind ? read_numbers(behind, n) : 0;
    if (is_command(line, "get", found, 2)) {
        return read_entry(m, n[0], n[1], &n[2], false) && printf("%u\n", n[2]) > 0;
    }
    bool done = true;
    if (is_command(line, "set", found, 3)) {
        done = read_entry(m, n[0], n[1], &n[2], true);
    } else if (is_command(line, "timer", found, 3)) {
        m->timer = (struct timed){n[0], n[1], n[2]};
    } else if (is_command(line, "clears", found, 4)) {
        m->clears = (struct clearing){n[0], n[1], n[2], n[3]};
    } else if (is_command(line, "fault", found, 0)) {
        (void)snprintf(m->fault, sizeof(m->fault), "%s", behind + 1); /* a longer one is none */
        if (strcmp(m->fault, "none") == 0) {
            m->fault[0] = '\0';
        }
    } else {
        done = false;
    }
    return done && puts("ok") >= 0;
}

/* --- start --- */

static bool open_line(struct module *m, int argc, char **argv)
{
    m->listener = -1;
    if (argc == 3 && strcmp(argv[1], "rtu") == 0) {
        m->modbus = modbus_new_rtu(argv[2], BAUD_BPS, 'N', 8, 1);
        m->connected = m->modbus && modbus_connect(m->modbus) == 0;
        return m->connected && modbus_set_slave(m->modbus, UNIT) == 0 && puts("ready") >= 0;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    m->modbus = modbus_new_tcp("127.0.0.1", 1);
    m->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return m->modbus && m->listener >= 0 &&
           bind(m->listener, (struct sockaddr *)&address, size) == 0 &&
           listen(m->listener, 4) == 0 &&
           getsockname(m->listener, (struct sockaddr *)&address, &size) == 0 &&
           printf("%u\n", ntohs(address.sin_port)) > 0;
}

int main(int argc, char **argv)
{
    static struct module m;
    m.map = modbus_mapping_new(TABLE_SIZE, TABLE_SIZE, TABLE_SIZE, TABLE_SIZE);
    if (!m.map || !open_line(&m, argc, argv)) {
        fprintf(stderr, "libmodbus_module: %s\n", argc > 1 ? strerror(errno) : "usage");
        return 1;
    }
    setvbuf(stdin, NULL, _IONBF, 0); /* so that poll sees what is left */
    fflush(stdout);
    bool asked = true;
    while (asked) {
        struct pollfd fds[] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = m.connected ? modbus_get_socket(m.modbus) : m.listener, .events = POLLIN}};
        if (poll(fds, 2, end_timers(&m)) < 0 && errno != EINTR) {
            break;
        }
        if (fds[1].revents && m.connected) {
            hear(&m);
        } else if (fds[1].revents) {
            m.connected = modbus_tcp_accept(m.modbus, &m.listener) >= 0;
        }
        if (fds[0].revents) {
            char line[LINE_SIZE];
            asked = fgets(line, sizeof(line), stdin) && obey(&m, line);
            fflush(stdout);
        }
    }
    if (m.connected) {
        modbus_close(m.modbus);
    }
    if (m.listener >= 0) {
        close(m.listener);
    }
    modbus_mapping_free(m.map);
    modbus_free(m.modbus);
    return 0;
}
