/*
 * hqctl ca issuing, ca server, ca server-end: other CAs in the place of those there are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/app/hqctl/hqctl.h"
#include "gateway/hqctl/authority.h"
#include "gateway/hqctl/init.h"

int hqctl_ca_issuing(struct hqctl *h, int argc, char **argv)
{
    struct err_text err = {""};
    const char *folder = NULL;
    const struct arg_option options[] = {HQCTL_PASSPHRASE_FD(h, "the CA keys")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  A new CA that issues to checkpoints, under the box root, whose key is in "
            "DIR/secret. Certificates\n  of the one before serve until they are renewed. Restart "
            "hq-cad with the new files.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("DIR", 1, &folder)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    const struct set_source source = {
        .folder = folder, .passphrases = hqctl_passphrases(h), .now = clock_wall(&clock_system)};
    int rc = authority_rotate_issuing(&source, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print(json_pack("{s:s}", "restart", "hq-cad"));
    hqctl_line(stdout, "New: %s/ca/box-issuing.pem and its key. Restart hq-cad.", folder);
    return EXIT_OK;
}

/* Publishes what was made and says what is left to do. */
static int finish(struct hqctl *h, const struct rotated_set *made, bool publish, const char *next)
{
    int status = publish ? hqctl_keyset_put(h, made->text, made->size) : 0;
    if (status != 0)
        return status;
    if (h->json)
        return hqctl_print(json_pack("{s:I,s:b}", "keyset_version", (json_int_t)made->version,
                                     "published", publish));
    hqctl_line(stdout, "Key set version %" PRIu64 " %s", made->version,
               publish ? "is published." : "is in keyset.json: 'hqctl keyset publish' sends it.");
    hqctl_line(stdout, "%s", next);
    return EXIT_OK;
}

/* Where the newest key set comes from when it is published at once. */
static int fetch(struct hqctl *h, struct set_source *source, struct hq_answer *held)
{
    struct err_text err = {""};
    int status = hqctl_connect(h);
    int rc = status == 0 ? hq_client_get(&h->client, "/v1/keyset", held, &err) : 0;
    source->keyset_text = held->text;
    source->keyset_size = held->size;
    return rc == 0 ? status : hqctl_fail(h, rc, &err);
}

/* Shared by both: `ca` with hosts, or the end of the CA before. */
static int run_server(struct hqctl *h, struct server_ca *ca, bool end, bool publish)
{
    struct hq_answer held = {0};
    struct rotated_set made = {0};
    struct err_text err = {""};
    if (!h->choice.config && !h->choice.folder)
        h->choice.folder = ca->source.folder;
    int status = publish ? fetch(h, &ca->source, &held) : 0;
    int rc = status != 0 ? 0
             : end       ? authority_end_server(&ca->source, &made, &err)
                         : authority_rotate_server(ca, &made, &err);
    hq_answer_fini(&held);
    if (status == 0)
        status = rc != 0
                     ? hqctl_fail(h, rc, &err)
                     : finish(h, &made, publish,
                              end ? "Take FILE.before away from every hqd and SIGHUP."
                                  : "Give every hqd its new files, FILE.before too, and SIGHUP. "
                                    "When every checkpoint has this key set: 'hqctl ca "
                                    "server-end'.");
    free(made.text);
    return status;
}

static int parse_hosts(const char *const *addresses, size_t count,
                       char hosts[TLS_HOSTS_MAX][TLS_URN_SIZE], struct server_ca *out,
                       struct err_text *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count && i < TLS_HOSTS_MAX; i++) {
        uint16_t port = 0;
        rc = init_address_parse(addresses[i], hosts[i], &port, err);
        out->hosts[i] = hosts[i];
    }
    return rc == 0 ? 0 : err_prefix(err, rc, "--hq-address");
}

int hqctl_ca_server(struct hqctl *h, int argc, char **argv)
{
    char hosts[TLS_HOSTS_MAX][TLS_URN_SIZE];
    const char *addresses[TLS_HOSTS_MAX];
    struct err_text err = {""};
    struct server_ca ca = {0};
    const char *folder = NULL;
    size_t count = 0;
    bool publish = false;
    const struct arg_option options[] = {
        ARG_OPTION_TEXTS_NEEDED("hq-address", "HOST", addresses, TLS_HOSTS_MAX, &count,
                                "Where hqd is reached; all its names, as of 'hqctl init'."),
        ARG_OPTION_FLAG("publish", &publish, "Send the new key set to hqd at once."),
        HQCTL_PASSPHRASE_FD(h, "root keys 1 and 2, the CA keys")};
    struct arg_spec spec = {
        .text =
            "DESCRIPTION\n"
            "  A new HQ-server CA, hqd's certificate under it, and a key set that tells every "
            "checkpoint both roots.\n  The pair before stays beside the new one as FILE.before: "
            "hqd shows it to whoever trusts the old root\n  alone, so one that was away comes "
            "back and learns of the new one.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("DIR", 1, &folder)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    if (parse_hosts(addresses, count, hosts, &ca, &err) != 0) {
        fprintf(stderr, "hqctl ca server: %s\n", err.text);
        return EXIT_USAGE;
    }
    ca.source = (struct set_source){.folder = folder,
                                    .root_numbers = {1, 2},
                                    .passphrases = hqctl_passphrases(h),
                                    .now = clock_wall(&clock_system)};
    return run_server(h, &ca, false, publish);
}

int hqctl_ca_server_end(struct hqctl *h, int argc, char **argv)
{
    struct server_ca ca = {0};
    const char *folder = NULL;
    bool publish = false;
    const struct arg_option options[] = {
        ARG_OPTION_FLAG("publish", &publish, "Send the new key set to hqd at once."),
        HQCTL_PASSPHRASE_FD(h, "root keys 1 and 2")};
    struct arg_spec spec = {
        .text = "DESCRIPTION\n  Ends the HQ-server CA before: checkpoints trust the new one alone. "
                "One that is still away needs the\n  new box/uplinkd/hq-root.pem by hand then.\n",
        ARG_OPTIONS(options),
        ARG_OPERANDS("DIR", 1, &folder)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    ca.source = (struct set_source){.folder = folder,
                                    .root_numbers = {1, 2},
                                    .passphrases = hqctl_passphrases(h),
                                    .now = clock_wall(&clock_system)};
    return run_server(h, &ca, true, publish);
}
