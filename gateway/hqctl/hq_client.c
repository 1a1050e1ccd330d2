/*
 * See hq_client.h. State is the one kept connection.
 */
#include "gateway/hqctl/hq_client.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/json.h"

enum { MS_PER_S = 1000, GET_TIMEOUT_S = 60, PATH_SIZE = 1024 };

/* ---- hqctl.yaml ---- */

static int check_connection(void *section, const struct config_at *at, struct err_text *err)
{
    const struct hq_connection *c = section;
    if (strncmp(c->hq, "https://", 8) != 0)
        return config_refuse(at, "hq", err, "no address, expected https://HOST:PORT");
    return tls_label_ok(c->fleet)
               ? 0
               : config_refuse(at, "fleet", err, "not a name, expected 1 to 64 of a-z 0-9 -");
}

static const struct config_option options[] = {
    CONFIG_OPTION(struct hq_connection, hq, "hq", CONFIG_STRING, .min = 9, .required = true,
                  .help = "Address of headquarters, https://HOST:PORT."),
    CONFIG_OPTION(struct hq_connection, hq_root, "hq_root", CONFIG_PATH, .required = true,
                  .help = "The HQ-server root certificate."),
    CONFIG_OPTION(struct hq_connection, fleet, "fleet", CONFIG_STRING, .min = 1, .required = true,
                  .help = "Name of the fleet; the server must be of it."),
    CONFIG_OPTION(struct hq_connection, certificate, "certificate", CONFIG_PATH, .required = true,
                  .help = "The operator's certificate with its chain."),
    CONFIG_OPTION(struct hq_connection, key, "key", CONFIG_PATH, .required = true,
                  .help = "Its private key, mode 0600."),
};
const struct config_section hq_connection_section = {CONFIG_ROWS(options, struct hq_connection),
                                                     .check = check_connection};

/* The first name under <folder>/operators, in the order of the alphabet. */
static int first_operator(const char *folder, char out[TLS_LABEL_SIZE], struct err_text *err)
{
    char path[PATH_SIZE];
    int size = snprintf(path, sizeof(path), "%s/operators", folder);
    DIR *dir = size < (int)sizeof(path) ? opendir(path) : NULL;
    out[0] = '\0';
    if (!dir)
        return err_set(err, ERR_NOT_FOUND,
                       "%s/operators: cannot be read, expected a folder of "
                       "'hqctl init'",
                       folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (tls_label_ok(entry->d_name) && (!out[0] || strcmp(entry->d_name, out) < 0))
            memcpy(out, entry->d_name, strlen(entry->d_name) + 1); /* a label fits */
    (void)closedir(dir);                                           /* was only read */
    return out[0] ? 0 : err_set(err, ERR_NOT_FOUND, "%s: holds no operator", path);
}

static int find_file(const struct hq_connection_choice *choice, char out[PATH_SIZE],
                     struct err_text *err)
{
    char name[TLS_LABEL_SIZE] = "";
    const char *home = getenv("HOME");
    int size = 0;
    if (choice->config) {
        size = snprintf(out, PATH_SIZE, "%s", choice->config);
    } else if (choice->folder) {
        int rc = choice->operator_name ? 0 : first_operator(choice->folder, name, err);
        if (rc != 0)
            return rc;
        size = snprintf(out, PATH_SIZE, "%s/operators/%s/hqctl.yaml", choice->folder,
                        choice->operator_name ? choice->operator_name : name);
    } else if (home) {
        size = snprintf(out, PATH_SIZE, "%s/.config/hqctl.yaml", home);
    } else {
        return err_set(err, ERR_NOT_FOUND, "no HOME, expected --config or --dir");
    }
    return size < PATH_SIZE ? 0 : err_set(err, ERR_TOO_LARGE, "%.100s…: path too long", out);
}

int hq_connection_load(const struct hq_connection_choice *choice, struct hq_connection *out,
                       struct err_text *err)
{
    char path[PATH_SIZE];
    struct hq_connection connection;
    int rc = find_file(choice, path, err);
    if (rc == 0)
        rc = config_load(path, &hq_connection_section, &connection, err);
    if (rc == 0 && choice->hq) {
        if (strncmp(choice->hq, "https://", 8) != 0 || strlen(choice->hq) >= HQ_CLIENT_TEXT)
            return err_set(err, ERR_INVALID, "--hq = '%s': expected https://HOST:PORT", choice->hq);
        memcpy(connection.hq, choice->hq, strlen(choice->hq) + 1);
    }
    if (rc == ERR_NOT_FOUND && !choice->config && !choice->folder)
        rc = err_prefix(err, rc, "no --config or --dir given");
    if (rc == 0)
        *out = connection;
    return rc;
}

/* ---- requests ---- */

int hq_client_open(const struct hq_connection *connection, struct hq_client *out,
                   struct err_text *err)
{
    struct hq_client client = {.connection = *connection};
    const struct https_client_options https = {.root_file = connection->hq_root,
                                               .fleet = connection->fleet,
                                               .cert_file = connection->certificate,
                                               .key_file = connection->key};
    int rc = https_client_create(&https, &client.https, err);
    if (rc == 0)
        *out = client;
    return rc;
}

void hq_client_close(struct hq_client *client)
{
    https_client_destroy(client->https);
    client->https = NULL;
}

void hq_answer_fini(struct hq_answer *answer)
{
    json_decref(answer->value);
    free(answer->text);
    *answer = (struct hq_answer){0};
}

int hq_client_ask(struct hq_client *client, const char *method, const char *path, const void *body,
                  size_t size, int timeout_s, struct hq_answer *out, struct err_text *err)
{
    char url[HTTPS_URL_SIZE];
    struct https_answer answer = {0};
    *out = (struct hq_answer){0};
    size_t length = strlen(client->connection.hq);
    while (length > 0 && client->connection.hq[length - 1] == '/')
        length--;
    int used = snprintf(url, sizeof(url), "%.*s%s", (int)length, client->connection.hq, path);
    if (used >= (int)sizeof(url))
        return err_set(err, ERR_TOO_LARGE, "%.100s…: address too long", url);
    const struct https_request request = {.method = method,
                                          .url = url,
                                          .content_type = body ? "application/json" : NULL,
                                          .body = body,
                                          .body_size = size,
                                          .total_timeout_ms = timeout_s * MS_PER_S};
    int rc = https_client_send(client->https, &request, &answer, err);
    if (rc != 0)
        return rc;
    out->status = answer.status;
    out->text = answer.body;
    out->size = answer.size;
    if (answer.size > 0 && json_parse(answer.body, answer.size, &out->value, NULL) != 0)
        out->value = NULL; /* bytes, or no answer of hqd's: the caller sees the status */
    return answer.status >= 200 && answer.status < 300 ? 0
                                                       : https_answer_error(&request, &answer, err);
}

int hq_client_get(struct hq_client *client, const char *path, struct hq_answer *out,
                  struct err_text *err)
{
    int rc = hq_client_ask(client, "GET", path, NULL, 0, GET_TIMEOUT_S, out, err);
    if (rc == 0 && !json_is_object(out->value))
        rc = err_set(err, ERR_CORRUPT, "%s%s: the answer is no JSON object", client->connection.hq,
                     path);
    return rc;
}

int hq_client_post(struct hq_client *client, const char *path, json_t *body, int timeout_s,
                   struct hq_answer *out, struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    *out = (struct hq_answer){0};
    int rc = body ? json_canonical(body, &text, &size) : ERR_NO_MEMORY;
    if (rc == 0)
        rc = hq_client_ask(client, "POST", path, text, size, timeout_s, out, err);
    else
        rc = err_set(err, rc, "out of memory");
    if (rc == 0 && !json_is_object(out->value))
        rc = err_set(err, ERR_CORRUPT, "%s%s: the answer is no JSON object", client->connection.hq,
                     path);
    free(text);
    json_decref(body);
    return rc;
}

int hq_client_walk(struct hq_client *client, const char *path, const char *name, uint64_t *after,
                   int (*each)(void *ctx, const json_t *item), void *ctx, struct err_text *err)
{
    for (;;) {
        char query[HTTPS_URL_SIZE];
        struct hq_answer answer;
        const json_t *item;
        size_t index;
        int used = snprintf(query, sizeof(query), "%safter=%" PRIu64 "&limit=%d", path, *after,
                            HQ_CLIENT_LIST_MAX);
        if (used >= (int)sizeof(query))
            return err_set(err, ERR_TOO_LARGE, "%.100s…: address too long", path);
        int rc = hq_client_get(client, query, &answer, err);
        const json_t *list = json_object_get(answer.value, name);
        const json_t *next = json_object_get(answer.value, "next");
        size_t count = json_array_size(list);
        if (rc == 0 && (!json_is_array(list) || !json_is_integer(next)))
            rc = err_set(err, ERR_CORRUPT, "%s%s: no '%s' and 'next' in the answer",
                         client->connection.hq, query, name);
        json_array_foreach(list, index, item)
        {
            if (rc == 0)
                rc = each(ctx, item);
        }
        if (rc == 0)
            *after = (uint64_t)json_integer_value(next);
        hq_answer_fini(&answer);
        if (rc != 0 || count == 0)
            return rc;
    }
}
