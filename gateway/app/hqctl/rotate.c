/*
 * hqctl key list, key rotate, root rotate: new keys in the place of old ones.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/text_table.h"
#include "gateway/hqctl/rotate.h"

/* ---- key list ---- */

static const char *const titles[] = {"ROLE", "HOLDER", "FROM", "UNTIL", "KEY"};
enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };

struct row {
    char from[WALL_TEXT_SIZE];
    char until[WALL_TEXT_SIZE];
    char id[HASH_TEXT_SIZE];
};

static void fill_row(const struct keyset_key *key, struct row *out)
{
    wall_format(key->not_before, out->from);
    wall_format(key->not_after, out->until);
    hash_format(key->id, out->id);
}

static int print_json(const struct keyset *set)
{
    struct row row;
    int status = EXIT_OK;
    for (int i = 0; status == EXIT_OK && i < set->roots.count; i++) {
        hash_format(set->roots.keys[i].id, row.id);
        status = hqctl_print(json_pack("{s:s,s:s}", "role", "root", "key", row.id));
    }
    for (int i = 0; status == EXIT_OK && i < set->key_count; i++) {
        const struct keyset_key *key = &set->keys[i];
        fill_row(key, &row);
        status = hqctl_print(json_pack("{s:s,s:s,s:s,s:s,s:s}", "role", key_role_name(key->role),
                                       "holder", key->holder, "from", row.from, "until", row.until,
                                       "key", row.id));
    }
    return status;
}

static int print_table(const struct keyset *set, struct err_text *err)
{
    struct text_table *table = NULL;
    struct row row;
    int rc = text_table_create(titles, COLUMNS, &table);
    for (int i = 0; rc == 0 && i < set->roots.count; i++) {
        hash_format(set->roots.keys[i].id, row.id);
        const char *cells[COLUMNS] = {"root", "-", "-", "-", row.id};
        rc = text_table_add(table, cells);
    }
    for (int i = 0; rc == 0 && i < set->key_count; i++) {
        fill_row(&set->keys[i], &row);
        const char *cells[COLUMNS] = {key_role_name(set->keys[i].role), set->keys[i].holder,
                                      row.from, row.until, row.id};
        rc = text_table_add(table, cells);
    }
    if (rc == 0) {
        printf("Key set version %" PRIu64 " of fleet %s, %d changes of root keys\n", set->version,
               set->fleet, set->root_changes.count);
        text_table_print(table, stdout, text_screen_columns(stdout));
    } else {
        (void)err_set(err, rc, "out of memory"); /* rc is returned */
    }
    text_table_destroy(table);
    return rc;
}

int hqctl_key_list(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    const char *folder = NULL;
    struct arg_spec spec = {.text = "DESCRIPTION\n  What DIR/keyset.json says: the roots in force "
                                    "and whose key may sign what, until when.\n",
                            ARG_OPERANDS("DIR", 1, &folder)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    const struct set_source source = {.folder = folder};
    struct set_edit edit;
    int rc = set_edit_begin(&source, &edit, &err);
    if (rc == 0 && h->json)
        status = print_json(edit.set);
    else if (rc == 0)
        rc = print_table(edit.set, &err);
    set_edit_end(&edit);
    return rc == 0 ? (status > 0 ? status : EXIT_OK) : hqctl_fail(h, rc, &err);
}

/* ---- key rotate, root rotate ---- */

/* What is rotated, and what its caller must do besides. */
struct rotation {
    struct rotate_options options;
    int root; /* 1 to 3: a root key, 0: one of the set */
    bool publish;
};

static int say(const struct hqctl *h, const struct rotation *r, const struct rotated *done)
{
    bool server = r->options.role == KEY_ROLE_FRESHNESS || r->options.role == KEY_ROLE_RECEIPT;
    if (h->json)
        return hqctl_print(json_pack("{s:s,s:s,s:I,s:b}", "key", done->path, "kept", done->kept,
                                     "keyset_version", (json_int_t)done->version, "published",
                                     r->publish));
    hqctl_line(stdout, "New key: %s", done->path);
    if (done->kept[0])
        hqctl_line(stdout, "The one before: %s", done->kept);
    hqctl_line(stdout, "Key set version %" PRIu64 " %s", done->version,
               r->publish ? "is published."
                          : "is in keyset.json: 'hqctl keyset publish' sends it.");
    if (server && !r->root)
        hqctl_line(stdout, "Then give every hqd the new key file and SIGHUP.");
    if (r->options.role == KEY_ROLE_OBSERVE && done->kept[0])
        hqctl_line(stdout, "Keep the one before: it opens what was sealed to it.");
    if (r->root)
        hqctl_line(stdout, "New installation media take box/roots; checkpoints that run need "
                           "nothing. The one before may be destroyed.");
    return EXIT_OK;
}

static int rotate(struct rotation *r, struct rotated *out, struct err_text *err)
{
    return r->root ? root_rotate(&r->options.source, r->root, out, err)
                   : key_rotate(&r->options, out, err);
}

/* With --publish the newest set comes from hqd, so that none published meanwhile is lost. */
static int run(struct hqctl *h, struct rotation *r)
{
    struct hq_answer held = {0};
    struct err_text err = {""};
    struct rotated done = {0};
    int rc = 0;
    if (!h->choice.config && !h->choice.folder)
        h->choice.folder = r->options.source.folder;
    if (r->publish) {
        int status = hqctl_connect(h);
        if (status != 0)
            return status;
        rc = hq_client_get(&h->client, "/v1/keyset", &held, &err);
        r->options.source.keyset_text = held.text;
        r->options.source.keyset_size = held.size;
    }
    if (rc == 0)
        rc = rotate(r, &done, &err);
    hq_answer_fini(&held);
    int status = rc == 0 ? 0 : hqctl_fail(h, rc, &err);
    if (rc == 0 && r->publish)
        status = hqctl_keyset_put(h, done.text, done.size);
    if (status == 0)
        status = say(h, r, &done);
    free(done.text);
    return status;
}

static int parse_role(const char *text, enum key_role *out, struct err_text *err)
{
    if (key_role_parse(text, out) != 0 || *out == KEY_ROLE_ROOT)
        return err_set(err, ERR_INVALID,
                       "ROLE = '%s': expected list, instruction, freshness, receipt or observe",
                       text);
    return 0;
}

int hqctl_key_rotate(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    struct rotation r = {.options = {.overlap_hours = 48}};
    const char *operands[2] = {NULL, NULL};
    const char *roots = NULL;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT("holder", "NAME", &r.options.holder,
                        "Whose: the clerk of a list key, the duty officer of an instruction key."),
        ARG_OPTION_NUMBER("overlap-hours", "N", &r.options.overlap_hours, 0,
                          ROTATE_OVERLAP_HOURS_MAX,
                          "How long the key before may go on signing. Default: 48."),
        ARG_OPTION_FLAG(
            "remove", &r.options.remove,
            "Take the key before out at once, with all that it signed: it is in strange "
            "hands."),
        ARG_OPTION_TEXT("roots", "A,B", &roots,
                        "Which two of the three root holders sign. Default: 1,2."),
        ARG_OPTION_FLAG("publish", &r.publish,
                        "Send the new key set to hqd at once. Default: it stays in "
                        "DIR/keyset.json."),
        HQCTL_PASSPHRASE_FD(h, "first root key, second root key, the new key (none for freshness "
                               "and receipt)")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n"
                "  A new key of the role in the next version of the key set, signed by two root "
                "holders whose keys\n  are in DIR/secret. The key before goes on for the overlap "
                "and what it signed stays good; its file is\n  kept beside the new one. Of role "
                "observe it also makes the first one.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("DIR ROLE", 2, operands)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    struct set_source *source = &r.options.source;
    *source = (struct set_source){.folder = operands[0],
                                  .passphrases = hqctl_passphrases(h),
                                  .now = clock_wall(&clock_system)};
    int rc = parse_role(operands[1], &r.options.role, &err);
    bool personal = r.options.role == KEY_ROLE_LIST || r.options.role == KEY_ROLE_INSTRUCTION;
    if (rc == 0 && personal != (r.options.holder != NULL))
        rc =
            err_set(&err, ERR_INVALID, "--holder: %s",
                    personal ? "missing, expected whose key" : "only of list and instruction keys");
    if (rc == 0)
        rc = hqctl_parse_roots(roots ? roots : "1,2", source->root_numbers, &err);
    if (rc != 0) {
        fprintf(stderr, "hqctl key rotate: %s\n", err.text);
        return EXIT_USAGE;
    }
    return run(h, &r);
}

int hqctl_root_rotate(struct hqctl *h, int argc, char **argv)
{
    struct rotation r = {0};
    const char *folder = NULL;
    int64_t number = 0;
    const struct arg_option options[] = {
        ARG_OPTION_NUMBER("number", "N", &number, 1, 3,
                          "Which of the three roots gets a new key; the other two sign."),
        ARG_OPTION_FLAG("publish", &r.publish,
                        "Send the new key set to hqd at once. Default: it stays in "
                        "DIR/keyset.json."),
        HQCTL_PASSPHRASE_FD(h, "the two root keys that stay, the new root key")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  A new root key in the place of one, vouched for by the two others, whose keys are "
            "in DIR/secret.\n  The key set carries the change, and all there were: a checkpoint "
            "takes it whenever it comes back, from\n  the roots it was set up with. For all "
            "three run it three times.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("DIR", 1, &folder)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (number == 0) {
        fprintf(stderr, "hqctl root rotate: --number: missing, expected 1 to 3\n");
        return EXIT_USAGE;
    }
    r.root = (int)number;
    r.options.source = (struct set_source){
        .folder = folder, .passphrases = hqctl_passphrases(h), .now = clock_wall(&clock_system)};
    return run(h, &r);
}
