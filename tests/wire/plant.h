/*
 * The lane as it is outside: boom, controller, contacts, loops, vehicles and people, in virtual
 * time. Knows nothing of the gateway's code: it takes coils and gives contact levels, and it knows
 * the truth that a monitor compares with.
 *
 * Metres along the lane, vehicles drive towards plus: camera at -15, entry loop -5 … -2, stop line
 * -2, boom 0, exit loop 3 … 5. Times in ms of the caller's clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    PLANT_VEHICLES_MAX = 6,
    PLANT_CAMERA_M = -15,
    PLANT_TRAVEL_MS = 2000 /* a full raise or lower */
};

/* Contacts and coils by number: channel n of the module is bit n. */
enum plant_contact {
    CONTACT_OPEN,
    CONTACT_CLOSED,
    CONTACT_PRESENCE,
    CONTACT_OBSTACLE,
    CONTACT_ENTRY,
    CONTACT_EXIT,
    CONTACT_LOCAL,
    CONTACT_STOP_BUTTON, /* normally closed: level 0 means pressed */
    CONTACT_FAULT,
    CONTACT_BOOM_OFF,
    CONTACT_PERSON_OK,
    CONTACT_DETECTOR_OK,
    CONTACT_FIRE,
    CONTACT_PANIC,
    CONTACT_DOOR,
    CONTACT_MAINS,
    CONTACT_COUNT
};
enum plant_coil {
    COIL_RAISE,
    COIL_LOWER,
    COIL_STOP,
    COIL_RED,
    COIL_YELLOW,
    COIL_GREEN,
    COIL_SIREN,
    COIL_STROBE,
    COIL_COUNT
};
#define BIT(n) (1u << (n))

enum road_user { USER_CAR, USER_GAP_TRUCK, USER_MOTORCYCLE, USER_PEDESTRIAN };
enum mover { MOVED_BY_NOBODY, MOVED_BY_COIL, MOVED_BY_CONTROLLER, MOVED_BY_FOB };

struct plant_vehicle {
    uint32_t id; /* 0: free place */
    enum road_user user;
    double front_m, length_m;
    double gap_from_m, gap_to_m; /* behind the front: an axle gap no loop senses; 0, 0 = none */
    double speed_mps;            /* negative: it reverses */
    bool runs;                   /* heeds neither light nor boom */
    bool tailgates;              /* goes with the one ahead, on red too */
    bool turns_away;             /* leaves the queue before the stop line */
    bool lurks;                  /* a pedestrian, waits beside the lane until the boom comes down */
    bool wanted;
    bool read;    /* the camera has had its chance */
    bool granted; /* the boom was opened for it */
};

struct plant {
    double boom; /* 0 closed … 1 open */
    int motion;  /* -1 lowering, 1 raising */
    enum mover moved_by;
    uint32_t coils;
    bool auto_close; /* the controller closes behind the exit loop */
    bool maintained; /* it keeps the boom up while raise is energised, and closes after that */
    int64_t close_at_ms;
    bool detector;           /* the non-loop detector is wired into presence */
    uint32_t forced, levels; /* contacts held by a fault: which, and their truth */
    uint32_t bouncing;       /* contacts whose level is noise now */
    uint32_t welded;         /* relays that do not open any more, COIL bits */
    bool powered;
    int64_t now_ms;
    struct plant_vehicle vehicles[PLANT_VEHICLES_MAX];
    uint32_t next_id;
    uint32_t harm;       /* times the boom came down on somebody */
    enum mover harm_by;  /* who moved it, the last time */
    uint32_t harm_fault; /* contacts that were forced or bouncing then */
    uint32_t noise;      /* the bounce's own small generator */
};

void plant_init(struct plant *plant, bool auto_close, bool detector);
/* Up to now_ms, in steps of 5 ms at most. */
void plant_run(struct plant *plant, int64_t now_ms);
/* A write of a coil that reached the module. */
void plant_coil(struct plant *plant, enum plant_coil coil, bool on);
/* The facts as a perfect observer sees them, CONTACT bits (stop button: pressed). */
uint32_t plant_truth(const struct plant *plant);
/* What the module's inputs say: truth, faults, bounce, polarity. */
uint32_t plant_levels(struct plant *plant);
void plant_power(struct plant *plant, bool on);
/* Somebody with a remote fob or at the controller moves the boom. */
void plant_fob(struct plant *plant, int motion);
/* NULL: the road is full. */
struct plant_vehicle *plant_arrive(struct plant *plant, enum road_user user);
/* No vehicle on the road; somebody on foot may be there. */
bool plant_is_empty(const struct plant *plant);
/* The vehicle next to pass the stop line that has reached it, NULL: nobody. */
struct plant_vehicle *plant_at_stop_line(struct plant *plant);
