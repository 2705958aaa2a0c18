/*
 * libFuzzer: a whole model or autoencoder, one of tests/golden, or a model with a LoRA, edited,
 * opened in one of several ways, and its weights read. The first byte says which; every further
 * EDIT_BYTES are an edit of one file of it: a JSON value (of a safetensors file: of its header)
 * becomes another, goes, or takes a second place; a byte, the end, the file itself go, or it is
 * another folder's. What is random bytes to fuzz_config is a valid file here with one thing wrong.
 */
#include "model/model.h"

#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS_MAX = 128, FILES_MAX = 24, EDIT_BYTES = 5, EDITS_MAX = 4, LENGTH_BYTES = 8 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* ---- the folders ----------------------------------------------------------------------------- */

typedef struct text {
    uint8_t *bytes;
    size_t size;
} text;

typedef struct file {
    char name[NAME_MAX + 1]; /* in its folder, "unet/config.json" */
    char source[PATH_MAX];
    text content;
} file;

typedef struct folder {
    char path[PATH_MAX]; /* a copy of links to the golden files */
    file files[FILES_MAX];
    int file_count;
} folder;

static folder folders[FOLDERS_MAX];
static int folder_count;
static char root[] = "/dev/shm/fuzz-folder-XXXXXX";

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s\n", what, qs_last_error());
    abort();
}

static text read_all(const char *path)
{
    struct stat about;
    FILE *in = fopen(path, "rb");
    check(in && fstat(fileno(in), &about) == 0, path);
    text content = { malloc((size_t)about.st_size + 1), (size_t)about.st_size };
    check(fread(content.bytes, 1, content.size, in) == content.size, path);
    fclose(in);
    return content;
}

static const char *join(const char *folder_path, const char *name)
{
    static char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder_path, name);
    return path;
}

static void link_file(const folder *f, int index)
{
    unlink(join(f->path, f->files[index].name));
    check(symlink(f->files[index].source, join(f->path, f->files[index].name)) == 0, "symlink");
}

static void add_file(folder *f, const char *source, const char *name)
{
    if (f->file_count == FILES_MAX || strcmp(name, "golden.safetensors") == 0)
        return;
    file *added = &f->files[f->file_count++];
    snprintf(added->name, sizeof added->name, "%s", name);
    snprintf(added->source, sizeof added->source, "%s", source);
    added->content = read_all(source);
    link_file(f, f->file_count - 1);
}

/* The files of SOURCE/INNER; folders of folders are other schedulers, and left out. */
static void add_files(folder *f, const char *source, const char *inner)
{
    char here[PATH_MAX], path[2 * PATH_MAX], name[NAME_MAX + 1];
    snprintf(here, sizeof here, "%s/%s", source, inner);
    DIR *list = opendir(here);
    check(list, here);
    for (const struct dirent *entry; (entry = readdir(list));) {
        struct stat about;
        snprintf(path, sizeof path, "%s/%s", here, entry->d_name);
        snprintf(name, sizeof name, "%s%s%.100s", inner, inner[0] ? "/" : "", entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &about) != 0)
            continue;
        if (S_ISREG(about.st_mode)) {
            add_file(f, path, name);
        } else if (!inner[0] && strcmp(name, "schedulers") != 0) {
            check(mkdir(join(f->path, name), 0700) == 0, "mkdir");
            add_files(f, source, name);
        }
    }
    closedir(list);
}

/* source: NULL: empty */
static folder *add_folder(const char *source)
{
    check(folder_count < FOLDERS_MAX, "more folders than there is room for");
    folder *f = &folders[folder_count];
    snprintf(f->path, sizeof f->path, "%s/%d", root, folder_count++);
    check(mkdir(f->path, 0700) == 0, "mkdir");
    if (source)
        add_files(f, source, "");
    return f;
}

static const char *golden(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/golden/%s", getenv("QUICKSTEP_TEST_SOURCE"), name);
    return path;
}

static void add_kind(const char *kind)
{
    char source[2 * PATH_MAX];
    struct dirent **names;
    const int count = scandir(golden(kind), &names, NULL, alphasort);
    check(count > 0, golden(kind));
    for (int i = 0; i < count; ++i) {
        snprintf(source, sizeof source, "%s/%s", golden(kind), names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            add_folder(source);
        free(names[i]);
    }
    free(names);
}

#define LORA "lora.safetensors"

/* As Hugging Face's programs keep what they fetched: refs/main names one of snapshots/. */
static void add_cache(const char *model, const char *reference)
{
    folder *f = add_folder(NULL);
    check(mkdir(join(f->path, "refs"), 0700) == 0, "mkdir");
    check(mkdir(join(f->path, "snapshots"), 0700) == 0, "mkdir");
    check(symlink(golden(model), join(f->path, "snapshots/abc1")) == 0, "symlink");
    add_file(f, reference, "refs/main");
}

static void add_lora(const char *name, const char *reader)
{
    folder *f = add_folder(golden(reader));
    add_file(f, golden(name), LORA);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

static void remove_all(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- edits ----------------------------------------------------------------------------------- */

/* One past the JSON value that begins at `at`, or thereabouts: braces in strings count. */
static size_t value_end(const text *t, size_t at)
{
    int depth = 0;
    for (size_t i = at; i < t->size; ++i) {
        const char c = (char)t->bytes[i];
        if (depth == 0 && i > at && strchr(",]}\n", c))
            return i;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
    return t->size;
}

/* Where the value number `which` of the text begins; keys are values, too. */
static size_t value_begin(const text *t, size_t which)
{
    size_t count = 0;
    for (int pass = 0; pass < 2; ++pass) {
        const size_t wanted = count ? which % count : SIZE_MAX;
        count = 0;
        for (size_t i = 0; i + 1 < t->size; ++i)
            if (t->bytes[i] && strchr(":[{,", t->bytes[i]) && count++ == wanted)
                return i + 1;
    }
    return 0;
}

static void replace(text *t, size_t begin, size_t end, const void *with, size_t size)
{
    text made = { malloc(t->size + size + 1), t->size - (end - begin) + size };
    memcpy(made.bytes, t->bytes, begin);
    memcpy(made.bytes + begin, with, size);
    memcpy(made.bytes + begin + size, t->bytes + end, t->size - end);
    free(t->bytes);
    *t = made;
}

static const char *const values[] = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2",
    "3",
    "4",
    "5",
    "7",
    "8",
    "16",
    "32",
    "64",
    "1000",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "1e308",
    "0.5",
    "1e-300",
    "NaN",
    "-Infinity",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[1]",
    "[0, 0]",
    "[[[[]]]]",
    "\"F16\"",
    "\"BF16\"",
    "\"I64\"",
    "\"epsilon\"",
    "\"v_prediction\"",
    "\"sample\"",
    "\"trailing\"",
    "\"linspace\"",
    "\"DownBlock2D\"",
    "\"AttnDownBlock2D\"",
    "\"CrossAttnDownBlock2D\"",
    "\"UpBlock2D\"",
    "\"silu\"",
    "\"gelu\"",
    "\"default\"",
    "\"scale_shift\"",
    "\"DDIMScheduler\"",
    "\"UNet2DModel\"",
    "\"UNet2DConditionModel\"",
    "\"../../..\"",
    "\"\\u0000\"",
    "\"a\": 1",
    "[4294967296, 4294967296]",
    "[2147483647]",
};
enum { VALUE_COUNT = sizeof values / sizeof *values };

static void edit_json(text *t, unsigned kind, size_t which, unsigned value)
{
    const size_t begin = value_begin(t, which), end = value_end(t, begin);
    const char *with = values[value % VALUE_COUNT];
    if (kind == 0) {
        replace(t, begin, end, with, strlen(with));
    } else if (kind == 1) { /* with the comma after it */
        replace(t, begin, end + (end < t->size), "", 0);
    } else {
        text copy = { malloc(end - begin + 1), end - begin };
        memcpy(copy.bytes, t->bytes + begin, copy.size);
        const size_t to = value_begin(t, which + value);
        replace(t, to, value_end(t, to), copy.bytes, copy.size);
        free(copy.bytes);
    }
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), end_length = strlen(end);
    return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* The header's length follows, of most edits. */
static void edit_header(text *t, unsigned kind, size_t which, unsigned value)
{
    uint64_t length = 0;
    if (t->size < LENGTH_BYTES)
        return;
    memcpy(&length, t->bytes, LENGTH_BYTES);
    if (length > t->size - LENGTH_BYTES)
        return;
    text header = { malloc(length + 1), length };
    memcpy(header.bytes, t->bytes + LENGTH_BYTES, length);
    edit_json(&header, kind, which, value);
    replace(t, LENGTH_BYTES, LENGTH_BYTES + length, header.bytes, header.size);
    length = value == 255 ? length : header.size;
    memcpy(t->bytes, &length, LENGTH_BYTES);
    free(header.bytes);
}

/* Returns false for a file that is to be there no more. */
static bool edit(text *t, const file *other, const char *name, const uint8_t bytes[EDIT_BYTES])
{
    const size_t where = (size_t)bytes[2] << 8 | bytes[3];
    const unsigned kind = bytes[1] % 16;
    switch (kind) {
    case 12: return false;
    case 13: replace(t, 0, t->size, other->content.bytes, other->content.size); return true;
    case 14: replace(t, t->size * where / 65536, t->size, "", 0); return true;
    case 15:
        if (t->size)
            t->bytes[where % t->size] = bytes[4];
        return true;
    }
    if (ends_with(name, ".safetensors"))
        edit_header(t, kind % 3, where, bytes[4]);
    else
        edit_json(t, kind % 3, where, bytes[4]);
    return true;
}

static void edit_file(const folder *f, const uint8_t bytes[EDIT_BYTES], int *index)
{
    *index = bytes[0] % f->file_count;
    const file *changed = &f->files[*index];
    const char *path = join(f->path, changed->name);
    text now = { NULL, 0 };
    if (access(path, R_OK) == 0)
        now = read_all(path); /* as the edit before left it */
    const folder *other = &folders[bytes[4] % folder_count];
    if (now.bytes) {
        const bool stays =
            edit(&now, &other->files[bytes[3] % other->file_count], changed->name, bytes);
        path = join(f->path, changed->name);
        unlink(path);
        FILE *out = stays ? fopen(path, "wb") : NULL;
        check(!stays || (out && fwrite(now.bytes, 1, now.size, out) == now.size), path);
        if (out)
            fclose(out);
    }
    free(now.bytes);
}

/* ---- what is done with them ------------------------------------------------------------------ */

/* No other error than one of the model, or of the options, if there are any, and never without a
 * word. */
static void judge(qs_status status, const void *opened, bool optioned)
{
    check((status == QS_OK) == (opened != NULL), "no model, no error");
    check(status == QS_OK || status == QS_ERROR_MODEL || (optioned && status == QS_ERROR_USAGE),
          "another status");
    check(status == QS_OK || qs_last_error()[0], "no message");
}

static void read_weights(const component *c)
{
    for (size_t i = 0; c->files && i < weight_files_count(c->files); ++i) {
        const qs_tensor *t = weight_files_at(c->files, i);
        float *values = malloc(t->size_bytes / qs_dtype_size_bytes(t->dtype) * sizeof *values + 1);
        const qs_status status = weight_files_read_floats(c->files, t, values);
        check(status == QS_OK || status == QS_ERROR_MODEL, "another status");
        free(values);
    }
}

/* Does it have a LoRA, or had before the edits? */
static bool has_lora(const folder *f)
{
    return strcmp(f->files[f->file_count - 1].name, LORA) == 0;
}

/* How a folder is opened; the first: as it is. */
static qs_model_options variations[] = {
    { 0 },
    { .scheduler = "DDIMScheduler" },
    { .width = 64, .height = 32 },
    { .variant = "fp16" },
    { .decoder = "" }, /* a path of tests/golden */
};
enum { VARIATIONS = sizeof variations / sizeof *variations };

static bool open_folder(const folder *f, const qs_model_options *variation)
{
    const char *path = f->path;
    if (qs_autoencoder_probe(path)) {
        qs_autoencoder *autoencoder = NULL;
        const qs_status status = qs_autoencoder_open(path, &autoencoder);
        judge(status, autoencoder, false);
        if (autoencoder)
            read_weights(&autoencoder->component);
        qs_autoencoder_destroy(autoencoder);
        return status == QS_OK;
    }
    qs_model *model = NULL;
    char lora_path[2 * PATH_MAX];
    snprintf(lora_path, sizeof lora_path, "%s/%s", path, LORA);
    const qs_lora lora = { lora_path, 0.5f };
    qs_model_options options = *variation;
    options.loras = &lora;
    options.lora_count = has_lora(f);
    judge(qs_model_open_with(path, &options, &model), model, variation != variations);
    if (!model)
        return false;
    qs_model_info info;
    qs_model_get_info(model, &info);
    for (uint32_t i = 0; i < info.label_count && i < 2000; ++i)
        check(qs_model_label_name(model, i), "no name");
    for (int i = 0; i < COMPONENT_COUNT; ++i)
        read_weights(&model->components[i]);
    qs_model_destroy(model);
    return true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    check(getenv("QUICKSTEP_TEST_SOURCE"), "QUICKSTEP_TEST_SOURCE=FOLDER of the sources");
    check(mkdtemp(root) && atexit(remove_all) == 0, root);
    add_kind("networks");
    add_kind("latents");
    add_kind("readers");
    add_kind("autoencoders");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/tests/fuzz/seeds/refs_main", getenv("QUICKSTEP_TEST_SOURCE"));
    add_cache("networks/one_block", path);
    static char decoder[PATH_MAX];
    snprintf(decoder, sizeof decoder, "%s", golden("autoencoders/taesd"));
    variations[VARIATIONS - 1].decoder = decoder;
    add_lora("loras/kohya.safetensors", "readers/sd1");
    add_lora("loras/peft.safetensors", "readers/sd1");
    add_lora("loras/diffusers.safetensors", "readers/sd1");
    add_lora("loras/old.safetensors", "readers/sd2");
    add_lora("loras/first.safetensors", "readers/sd2");
    qs_set_log(NULL, NULL);
    for (int i = 0; i < folder_count; ++i)
        check(open_folder(&folders[i], variations), "does not open unchanged");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < 1 + EDIT_BYTES)
        return 0;
    const folder *f = &folders[bytes[0] % folder_count];
    int changed[EDITS_MAX], edits = 0;
    for (size_t at = 1; at + EDIT_BYTES <= count && edits < EDITS_MAX; at += EDIT_BYTES)
        edit_file(f, bytes + at, &changed[edits++]);
    open_folder(f, &variations[bytes[0] / folder_count % VARIATIONS]);
    for (int i = 0; i < edits; ++i)
        link_file(f, changed[i]);
    return 0;
}
