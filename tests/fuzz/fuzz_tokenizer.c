/* libFuzzer: a tokenizer/ folder and a prompt. The input is cut at NUL bytes into the files of the
 * folder and the text; the first byte says which of tokenizer.json and vocab.json with merges.txt
 * it is. */
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static char folder[] = "/dev/shm/fuzz-tokenizer-XXXXXX";

static const char *const names[] = { "tokenizer_config.json", "tokenizer.json", "vocab.json",
                                     "merges.txt" };

static void put(const char *name, const char *text, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(text, 1, size, file) != size || fclose(file) != 0)
        abort();
}

static void clear(void)
{
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
}

static void clear_at_exit(void)
{
    clear();
    rmdir(folder);
}

static void use(const tokenizer *t, const char *text)
{
    uint32_t dropped = 0;
    const uint32_t length = tokenizer_length(t);
    if (length < 1 || length > TOKENIZER_LENGTH_MAX)
        abort();
    uint32_t *ids = malloc(length * sizeof *ids);
    const qs_status status = tokenizer_encode(t, text, ids, &dropped);
    if (status != QS_OK && status != QS_ERROR_USAGE)
        abort();
    for (uint32_t i = 0; status == QS_OK && i < length; ++i)
        if (ids[i] >= tokenizer_id_count(t))
            abort();
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static bool made;
    if (!made && (!mkdtemp(folder) || atexit(clear_at_exit) != 0))
        abort();
    made = true;
    if (count == 0)
        return 0;
    char *parts = malloc(count);
    memcpy(parts, bytes + 1, count - 1);
    parts[count - 1] = '\0';
    const char *part = parts, *end = parts + count - 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        const bool wanted = i == 0 || (bytes[0] % 2 == 0) == (i == 1);
        if (!wanted || part > end)
            continue;
        put(names[i], part, strlen(part));
        part += strlen(part) + 1;
    }
    tokenizer *t = NULL;
    const qs_status status = tokenizer_open(folder, &t);
    if ((status == QS_OK) != (t != NULL) || (status != QS_OK && status != QS_ERROR_MODEL))
        abort();
    if (t)
        use(t, part <= end ? part : "a photo of a café, isn't it?");
    tokenizer_close(t);
    clear();
    free(parts);
    return 0;
}
