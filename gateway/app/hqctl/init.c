/*
 * hqctl init, clerk add, keyset publish: keys and who holds them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/base/file.h"
#include "gateway/hqctl/clerk.h"
#include "gateway/hqctl/init.h"

static const char init_text[] =
    "DESCRIPTION\n"
    "  Makes DIR, which must be new or empty, with all a headquarters needs: five separate roots\n"
    "  (boxes, HQ servers, consoles, updates, sticks), three root keys and a key set signed by\n"
    "  two of them, the list keys of two clerks, the observe key, freshness and receipt keys and "
    "certificate of\n"
    "  hqd, the issuing CA of hq-cad, the first operator, and hqd.yaml, hq-cad.yaml and\n"
    "  hq-retaind.yaml that start all three. DIR/box is what each checkpoint gets as its "
    "/etc/checkpoint. DIR/README.txt says\n"
    "  what goes where; DIR/secret belongs offline.\n"
    "  It is made as DIR.new and renamed when complete: DIR is whole or not there.\n\n"
    "  Every passphrase is asked for first, at least 12 characters each.\n\n"
    "EXAMPLE\n"
    "  hqctl init /srv/hq --fleet lu-hz --hq-address hq.example --operator zhang \\\n"
    "    --clerk zhang --clerk li\n"
    "  hq-cad --config /srv/hq/hq-cad.yaml & hqd --config /srv/hq/hqd.yaml &\n"
    "  hq-retaind --config /srv/hq/hq-retaind.yaml\n";

static int say_made(const struct hqctl *h, const struct init_options *o)
{
    if (h->json)
        return hqctl_print(json_pack("{s:s,s:s,s:s,s:[s,s]}", "folder", o->folder, "fleet",
                                     o->fleet, "operator", o->operator_name, "clerks", o->clerks[0],
                                     o->clerks[1]));
    printf("Headquarters of fleet %s made in %s.\n"
           "  secret/  root and CA keys: move them offline, one holder each\n"
           "  clerks/  list keys of %s and %s: give each clerk their own\n"
           "  box/     goes to every checkpoint's /etc/checkpoint\n"
           "Start:\n  hq-cad --config %s/hq-cad.yaml\n  hqd --config %s/hqd.yaml\n"
           "  hq-retaind --config %s/hq-retaind.yaml\n"
           "Then:\n  hqctl whoami --dir %s\n",
           o->fleet, o->folder, o->clerks[0], o->clerks[1], o->folder, o->folder, o->folder,
           o->folder);
    return EXIT_OK;
}

int hqctl_init(struct hqctl *h, int argc, char **argv)
{
    struct init_options o = {0};
    struct err_text err = {""};
    size_t clerks = 0;
    const struct arg_option options[] = {
        ARG_OPTION_TEXT_NEEDED(
            "fleet", "NAME", &o.fleet,
            "Name of the fleet: 1 to 64 of a-z 0-9 -. It stands in every certificate."),
        ARG_OPTION_TEXTS_NEEDED(
            "hq-address", "HOST[:PORT]", o.addresses, TLS_HOSTS_MAX, &o.address_count,
            "Where hqd is reached, default port 8442. Further ones go into its certificate."),
        ARG_OPTION_TEXT_NEEDED("operator", "NAME", &o.operator_name,
                               "The first operator: 1 to 64 of a-z 0-9 -."),
        ARG_OPTION_TEXTS_NEEDED("clerk", "NAME", o.clerks, INIT_CLERKS, &clerks,
                                "A clerk who signs the wanted list; given twice, for two people."),
        ARG_OPTION_TEXT(
            "listen", "ADDR:PORT", &o.listen,
            "Where hqd listens. Default: 0.0.0.0 and the port of the first --hq-address."),
        ARG_OPTION_TEXT("est-listen", "ADDR:PORT", &o.est_listen,
                        "Where enrolment listens. Default: 0.0.0.0:8443."),
        ARG_OPTION_TEXT("state-dir", "PATH", &o.state_dir,
                        "Where hqd keeps its database. Default: DIR/state."),
        ARG_OPTION_TEXT("runtime-dir", "PATH", &o.runtime_dir,
                        "Where hqd and hq-cad meet. Default: DIR/run."),
        HQCTL_PASSPHRASE_FD(h, "root key 1, 2, 3; CA keys (box, HQ-server, console root); update "
                               "root; stick root; observe key; first clerk; second clerk")};
    struct arg_spec spec = {
        .text = init_text, ARG_OPTIONS(options), ARG_OPERANDS("DIR", 1, &o.folder)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (clerks != INIT_CLERKS) {
        fprintf(stderr, "hqctl init: one --clerk, expected two people\n");
        return EXIT_USAGE;
    }
    o.passphrases = hqctl_passphrases(h);
    o.now = clock_wall(&clock_system);
    int rc = init_headquarters(&o, &err);
    return rc == 0 ? say_made(h, &o) : hqctl_fail(h, rc, &err);
}

/* ---- the key set ---- */

int hqctl_keyset_put(struct hqctl *h, const char *text, size_t size)
{
    struct hq_answer answer;
    struct err_text err = {""};
    int rc = hq_client_ask(&h->client, "PUT", "/v1/keyset", text, size, 0, &answer, &err);
    if (rc == ERR_CONFLICT)
        rc = err_prefix(&err, rc, "hqd holds version %lld already",
                        (long long)hqctl_number_of(answer.value, "version"));
    hq_answer_fini(&answer);
    return rc == 0 ? 0 : hqctl_fail(h, rc, &err);
}

int hqctl_keyset_publish(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    const char *path = NULL;
    uint8_t *text = NULL;
    size_t size = 0;
    struct arg_spec spec = {.text = "DESCRIPTION\n"
                                    "  FILE is the keyset.json that 'hqctl clerk add' wrote. hqd "
                                    "hands it to every\n  checkpoint. Versions only rise.\n",
                            ARG_OPERANDS("FILE", 1, &path)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = file_read(path, ENVELOPE_SIZE_MAX, &text, &size, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    status = hqctl_connect(h);
    if (status == 0)
        status = hqctl_keyset_put(h, (const char *)text, size);
    free(text);
    if (status == 0)
        status = h->json ? hqctl_print(json_pack("{s:b}", "published", 1))
                         : (puts("Key set published."), EXIT_OK);
    return status;
}

int hqctl_parse_roots(const char *text, int out[2], struct err_text *err)
{
    if (strlen(text) != 3 || text[1] != ',' || text[0] < '1' || text[0] > '3' || text[2] < '1' ||
        text[2] > '3' || text[0] == text[2])
        return err_set(err, ERR_INVALID, "--roots = '%s': expected two of 1, 2, 3 as 1,2", text);
    out[0] = text[0] - '0';
    out[1] = text[2] - '0';
    return 0;
}

static int say_added(const struct hqctl *h, const struct clerk_options *o, uint64_t version,
                     bool published)
{
    if (h->json)
        return hqctl_print(json_pack("{s:s,s:I,s:b}", "clerk", o->name, "keyset_version",
                                     (json_int_t)version, "published", published));
    printf("%s %s has a key: %s/%s/%s.key.pem. Key set version %llu %s.\n",
           o->duty ? "Duty officer" : "Clerk", o->name, o->source.folder,
           o->duty ? "duty" : "clerks", o->name, (unsigned long long)version,
           published ? "published" : "is in keyset.json");
    if (!published)
        printf("Publish it: hqctl keyset publish %s/keyset.json\n", o->source.folder);
    return EXIT_OK;
}

/* With --publish the newest set comes from hqd, so that none published meanwhile is lost. */
static int add_clerk(struct hqctl *h, struct clerk_options *o, bool publish)
{
    struct hq_answer held = {0};
    struct err_text err = {""};
    uint64_t version = 0;
    char *text = NULL;
    size_t size = 0;
    int status = 0;
    int rc = 0;
    if (publish) {
        status = hqctl_connect(h);
        if (status != 0)
            return status;
        rc = hq_client_get(&h->client, "/v1/keyset", &held, &err);
        o->source.keyset_text = held.text;
        o->source.keyset_size = held.size;
    }
    if (rc == 0)
        rc = clerk_add(o, &version, &text, &size, &err);
    if (rc != 0)
        status = hqctl_fail(h, rc, &err);
    else if (publish)
        status = hqctl_keyset_put(h, text, size);
    hq_answer_fini(&held);
    free(text);
    return status == 0 ? say_added(h, o, version, publish) : status;
}

int hqctl_clerk_add(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    const char *operands[2] = {NULL, NULL};
    const char *roots = NULL;
    bool publish = false;
    bool duty = false;
    const struct arg_option options[] = {
        ARG_OPTION_FLAG("duty", &duty,
                        "A duty officer's instruction key, DIR/duty/NAME.key.pem, in place of a "
                        "clerk's."),
        ARG_OPTION_TEXT("roots", "A,B", &roots,
                        "Which two of the three root holders sign. Default: 1,2."),
        ARG_OPTION_FLAG(
            "publish", &publish,
            "Send the new key set to hqd at once. Default: it stays in DIR/keyset.json."),
        HQCTL_PASSPHRASE_FD(h, "first root key, second root key, the new clerk")};
    struct arg_spec spec = {.text = "DESCRIPTION\n"
                                    "  Makes DIR/clerks/NAME.key.pem and the next version of "
                                    "DIR/keyset.json, signed by two\n  root holders, whose keys "
                                    "must be in DIR/secret.\n",
                            ARG_OPTIONS(options),
                            ARG_OPERANDS("DIR NAME", 2, operands)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    struct clerk_options o = {.source = {.folder = operands[0],
                                         .passphrases = hqctl_passphrases(h),
                                         .now = clock_wall(&clock_system)},
                              .name = operands[1],
                              .duty = duty};
    if (!h->choice.config && !h->choice.folder)
        h->choice.folder = o.source.folder;
    if (hqctl_parse_roots(roots ? roots : "1,2", o.source.root_numbers, &err) != 0) {
        fprintf(stderr, "hqctl clerk add: %s\n", err.text);
        return EXIT_USAGE;
    }
    return add_clerk(h, &o, publish);
}
