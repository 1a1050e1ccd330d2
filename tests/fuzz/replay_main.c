/*
 * Replays a corpus folder through a fuzz target, so that every kept input is an ordinary test.
 * Fails on an unreadable or empty folder: a corpus that is not there checks nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_BYTES = 1 << 20 };

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        perror(path);
        return -1;
    }
    uint8_t *buffer = malloc(INPUT_MAX_BYTES);
    size_t size = buffer ? fread(buffer, 1, INPUT_MAX_BYTES, file) : 0;
    (void)fclose(file); /* read only: nothing to lose */
    if (!buffer) {
        return -1;
    }
    /* An exact-size copy lets AddressSanitizer see a read past the end. */
    uint8_t *exact = malloc(size ? size : 1);
    if (exact) {
        memcpy(exact, buffer, size);
        (void)LLVMFuzzerTestOneInput(exact, size); /* always 0 by libFuzzer's contract */
    }
    free(exact);
    free(buffer);
    return exact ? 0 : -1;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    DIR *dir = opendir(argv[1]);
    if (!dir) {
        perror(argv[1]);
        return 1;
    }
    int inputs = 0;
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name); /* fopen reports it */
        failed |= replay_file(path);
        inputs++;
    }
    closedir(dir);
    printf("%d inputs replayed\n", inputs);
    return inputs > 0 && !failed ? 0 : 1;
}
