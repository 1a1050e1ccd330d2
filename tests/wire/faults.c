/* See faults.h. */
#include "faults.h"

static const int64_t MS = 1000000;

void faults_plan(struct site *site, int64_t ms, void (*end)(struct site *site, uint32_t what),
                 uint32_t what)
{
    for (int i = 0; i < SITE_CURES; i++) {
        if (!site->cures[i].end) {
            site->cures[i] = (struct site_cure){site->now_ns + ms * MS, end, what};
            return;
        }
    }
    end(site, what); /* no room: it was a short one */
}

int64_t faults_run(struct site *site)
{
    int64_t next_ns = INT64_MAX;
    for (int i = 0; i < SITE_CURES; i++) {
        struct site_cure cure = site->cures[i];
        if (cure.end && cure.at_ns <= site->now_ns) {
            site->cures[i].end = NULL;
            cure.end(site, cure.what);
        }
    }
    for (int i = 0; i < SITE_CURES; i++) {
        bool sooner = site->cures[i].end && site->cures[i].at_ns < next_ns;
        next_ns = sooner ? site->cures[i].at_ns : next_ns;
    }
    return next_ns;
}

static void unstick(struct site *s, uint32_t contact)
{
    s->plant.forced &= ~BIT(contact);
    site_disturbed(s);
}

void faults_stick(struct site *site)
{
    uint32_t contact = site_draw(site, CONTACT_COUNT);
    struct plant *plant = &site->plant;
    if (plant->forced & BIT(contact)) {
        return;
    }
    plant->forced |= BIT(contact);
    plant->levels =
        site_chance(site, 50) ? plant->levels | BIT(contact) : plant->levels & ~BIT(contact);
    site_disturbed(site);
    faults_plan(site, 20 + site_draw(site, site_chance(site, 20) ? 20000 : 800), unstick, contact);
}

static void still(struct site *s, uint32_t contacts)
{
    s->plant.bouncing &= ~contacts;
}

void faults_bounce(struct site *site)
{
    uint32_t contacts = BIT(site_draw(site, CONTACT_COUNT));
    site->plant.bouncing |= contacts;
    site_disturbed(site);
    faults_plan(site, 5 + site_draw(site, 60), still, contacts);
}

void faults_line(struct site *site)
{
    site->fault = (enum wire_fault)(1 + site_draw(site, WIRE_FAULT_COUNT - 1));
    site->fault_left = 1 + (site_chance(site, 10) ? site_draw(site, 60) : site_draw(site, 3));
}

static void power_back(struct site *s, uint32_t what)
{
    (void)what; /* there is one module */
    plant_power(&s->plant, true);
}

void faults_power(struct site *site)
{
    plant_power(&site->plant, false);
    site_disturbed(site);
    faults_plan(site, 100 + site_draw(site, 8000), power_back, 0);
}

void faults_foreign(struct site *site)
{
    struct plant *plant = &site->plant;
    site_disturbed(site);
    if (site_chance(site, 50)) {
        plant_fob(plant, site_chance(site, 50) ? 1 : -1);
        return;
    }
    enum plant_coil coil = (enum plant_coil)site_draw(site, 3);
    bool other = coil != COIL_STOP && (plant->coils & (BIT(COIL_RAISE) | BIT(COIL_LOWER))) != 0;
    if (!other && plant->powered) { /* a second master's raise beside our lower is not ours */
        plant_coil(plant, coil, !(plant->coils & BIT(coil)));
        plant->moved_by = plant->motion == 0 ? MOVED_BY_NOBODY : MOVED_BY_FOB;
    }
}
