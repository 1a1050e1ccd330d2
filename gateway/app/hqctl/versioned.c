/*
 * See versioned.h. No state.
 */
#include "gateway/app/hqctl/versioned.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/app/hqctl/signed_file.h"
#include "gateway/base/clock.h"

/* ---- sign ---- */

static int say_signed(const struct hqctl *h, const struct versioned_kind *kind, void *file,
                      const struct signed_file_args *args)
{
    if (h->json)
        return hqctl_print_with(kind->json(file, args->set), "file", json_string(args->out));
    signed_file_tell(args->out, kind->view(file).envelope->signature_count, kind->clerks,
                     kind->command);
    return EXIT_OK;
}

static int sign_file(const struct hqctl *h, const struct versioned_kind *kind, void *file,
                     const struct signed_file_args *args)
{
    struct err_text err = {""};
    int rc = kind->open(args->path, file, &err);
    if (rc == 0)
        rc = kind->compose(file, clock_wall(&clock_system), &err);
    if (rc == 0) {
        struct versioned_view view = kind->view(file);
        kind->show(hqctl_talk(h), file, args->set);
        rc = signed_file_sign(h, args, view.time, view.envelope, &err);
    }
    if (rc == 0)
        rc = kind->save(args->out, file, &err);
    int status = rc == 0 ? say_signed(h, kind, file, args) : hqctl_fail(h, rc, &err);
    kind->close(file);
    return status;
}

int versioned_sign(struct hqctl *h, int argc, char **argv, const struct versioned_kind *kind,
                   void *file)
{
    struct signed_file_args args;
    int status = signed_file_sign_args(h, argc, argv, kind->sign_text, &args);
    if (status >= 0)
        return status;
    status = sign_file(h, kind, file, &args);
    free(args.set);
    return status;
}

/* ---- show ---- */

/* As a box would; 0 without a key set to do so. */
static int verify(const struct versioned_kind *kind, const struct envelope *envelope,
                  const struct keyset *set, struct err_text *err)
{
    char *text = NULL;
    size_t size = 0;
    if (!set)
        return 0;
    int rc = envelope_write(envelope, &text, &size);
    if (rc == 0)
        rc = kind->verify(set, text, size, err);
    free(text);
    return rc;
}

static int show_file(const struct hqctl *h, const struct versioned_kind *kind, void *file,
                     const struct keyset *set)
{
    struct err_text err = {""};
    bool was_draft = kind->view(file).is_draft;
    int rc = kind->compose(file, clock_wall(&clock_system), &err);
    if (rc == 0 && !was_draft)
        rc = verify(kind, kind->view(file).envelope, set, &err);
    if (h->json && rc == 0)
        return hqctl_print_with(kind->json(file, set), "verified", json_boolean(set && !was_draft));
    if (!kind->view(file).is_draft)
        kind->show(hqctl_talk(h), file, set);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (was_draft)
        puts("Not signed yet.");
    else if (set)
        printf("A box would take %s: signatures and clerks verified.\n", kind->pronoun);
    else
        puts("Not verified: give --dir, or --keyset and --roots.");
    return EXIT_OK;
}

static int open_for_show(struct hqctl *h, const struct versioned_kind *kind, const char *path,
                         void *file)
{
    struct err_text err = {""};
    int status = path ? 0 : hqctl_connect(h);
    if (status != 0)
        return status;
    int rc = path ? kind->open(path, file, &err) : kind->get(h, file, &err);
    return rc == 0 ? 0 : hqctl_fail(h, rc, &err);
}

int versioned_show(struct hqctl *h, int argc, char **argv, const struct versioned_kind *kind,
                   void *file)
{
    struct signed_file_args args;
    int status = signed_file_show_args(h, argc, argv, kind->show_text, "[FILE]", &args);
    if (status >= 0)
        return status;
    status = open_for_show(h, kind, args.path, file);
    if (status == 0)
        status = show_file(h, kind, file, args.set);
    kind->close(file);
    free(args.set);
    return status;
}

/* ---- publish ---- */

static int publish(struct hqctl *h, const struct versioned_kind *kind,
                   const struct versioned_view *view)
{
    struct err_text err = {""};
    char draft[64];
    (void)snprintf(draft, sizeof(draft), "hqctl %s draft", kind->command); /* fits */
    const struct signed_file_put put = {.path = kind->path,
                                        .what = kind->in_force,
                                        .number_name = kind->number_name,
                                        .draft = draft,
                                        .number = view->number};
    int rc = signed_file_publish(h, &put, view->envelope, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    if (h->json)
        return hqctl_print(json_pack("{s:I}", kind->number_name, (json_int_t)view->number));
    printf("Published: %s %s %" PRIu64 ". 'hqctl checkpoints' shows who has %s.\n", kind->title,
           kind->number_name, view->number, kind->pronoun);
    return EXIT_OK;
}

int versioned_publish(struct hqctl *h, int argc, char **argv, const struct versioned_kind *kind,
                      void *file)
{
    struct err_text err = {""};
    const char *path = NULL;
    struct arg_spec spec = {.text = kind->publish_text, ARG_OPERANDS("FILE", 1, &path)};
    int status = hqctl_parse(h, argc, argv, &spec);
    if (status >= 0)
        return status;
    int rc = kind->open(path, file, &err);
    if (rc != 0)
        return hqctl_fail(h, rc, &err);
    struct versioned_view view = kind->view(file);
    status = signed_file_connect(h, path, view.is_draft, kind->command);
    if (status == 0)
        status = publish(h, kind, &view);
    kind->close(file);
    return status;
}
