/*
 * hqctl … sign, show and publish of the statements that hqd keeps by version, of which the newest
 * counts: match policy, exempt list, retention terms. Clerks sign them as files. What a kind says
 * and how it is drafted is its own file's. Internal to hqctl.
 */
#pragma once

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/signed/keyset.h"

/* What the three commands need of a kind's file. */
struct versioned_view {
    bool is_draft;
    struct wall_time time;
    uint64_t number;
    struct envelope *envelope;
};

/* `file` is the kind's own struct, zeroed before open or get; close takes a zeroed one, too. */
struct versioned_kind {
    const char *command;     /* behind "hqctl": "match policy" */
    const char *title;       /* "match policy" */
    const char *in_force;    /* behind "does not follow the … in force": "policy" */
    const char *pronoun;     /* "it", "them" */
    const char *number_name; /* "version" */
    const char *path;        /* of hqd */
    int clerks;
    const char *sign_text; /* of the manual */
    const char *show_text;
    const char *publish_text;
    int (*open)(const char *path, void *file, struct err_text *err);
    int (*get)(struct hqctl *h, void *file, struct err_text *err);
    int (*compose)(void *file, struct wall_time now, struct err_text *err);
    int (*save)(const char *path, const void *file, struct err_text *err);
    void (*close)(void *file);
    void (*show)(FILE *to, const void *file, const struct keyset *set);
    json_t *(*json)(const void *file, const struct keyset *set);
    int (*verify)(const struct keyset *set, const char *text, size_t size, struct err_text *err);
    struct versioned_view (*view)(void *file);
};

/* The commands; `file` zeroed. The program's status. */
int versioned_sign(struct hqctl *h, int argc, char **argv, const struct versioned_kind *kind,
                   void *file);
int versioned_show(struct hqctl *h, int argc, char **argv, const struct versioned_kind *kind,
                   void *file);
int versioned_publish(struct hqctl *h, int argc, char **argv, const struct versioned_kind *kind,
                      void *file);
