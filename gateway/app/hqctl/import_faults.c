/*
 * See import_faults.h.
 */
#include "gateway/app/hqctl/import_faults.h"

#include <stdio.h>
#include <stdlib.h>

int import_faults_say(const struct hqctl *h, const char *path, const struct import_result *result)
{
    struct err_text text;
    json_t *rows = json_array();
    size_t kept = result->fault_count < IMPORT_FAULTS_MAX ? result->fault_count : IMPORT_FAULTS_MAX;
    for (size_t i = 0; i < kept; i++) {
        const struct import_fault *f = &result->faults[i];
        import_fault_format(path, f, &text);
        hqctl_line(stderr, "%s", text.text);
        (void)json_array_append_new(
            rows, json_pack("{s:I,s:I,s:s,s:s,s:s}", "line", (json_int_t)f->line, "column",
                            (json_int_t)f->column, "field", f->field, "value", f->value, "reason",
                            f->reason)); /* without memory the row is missing */
    }
    if (kept < result->fault_count)
        fprintf(stderr, "… and %zu more\n", result->fault_count - kept);
    fprintf(stderr, "hqctl: nothing imported: %zu fault%s\n", result->fault_count,
            result->fault_count == 1 ? "" : "s");
    if (h->json)
        (void)hqctl_print(json_pack("{s:{s:s,s:s,s:I,s:o}}", "error", "code", "invalid", "en",
                                    "nothing imported", "count", (json_int_t)result->fault_count,
                                    "faults", rows)); /* the status says it as well */
    else
        json_decref(rows);
    return EXIT_RUN;
}
