/*
 * libFuzzer: a LoRA, added to two small components whose weights are then read. The input is the
 * file's tensors, a line each: a letter that says the type, the name, the sizes, as in
 *
 *     Munet.conv_in.lora_A.weight 2 4 3 3
 *
 * or "=KEY VALUE", of the metadata.
 */
#include "weights/lora.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TENSORS_MAX = 64, METADATA_MAX = 8, DATA_BYTES = 1 << 16, COMPONENTS = 2, WEIGHTS_MAX = 10 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static char root[] = "/dev/shm/fuzz-lora-XXXXXX";
static uint8_t data[DATA_BYTES];

static const struct {
    const char *name;
    struct {
        const char *name;
        uint32_t rank;
        uint64_t shape[4];
    } weights[WEIGHTS_MAX];
} parts[COMPONENTS] = {
    { "unet",
      { { "conv_in.weight", 4, { 8, 4, 3, 3 } },
        { "conv_in.bias", 1, { 8 } },
        { "time_embedding.linear_1.weight", 2, { 16, 8 } },
        { "down_blocks.0.resnets.0.conv1.weight", 4, { 8, 8, 3, 3 } },
        { "down_blocks.0.resnets.1.conv1.weight", 4, { 8, 8, 3, 3 } },
        { "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight", 2, { 8, 8 } },
        { "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0.weight", 2, { 8, 8 } },
        { "down_blocks.1.attentions.0.proj_in.weight", 4, { 8, 8, 1, 1 } },
        { "mid_block.resnets.0.time_emb_proj.weight", 2, { 8, 16 } },
        { "up_blocks.0.resnets.0.conv_shortcut.weight", 4, { 8, 16, 1, 1 } } } },
    { "text_encoder",
      { { "text_model.encoder.layers.0.self_attn.q_proj.weight", 2, { 8, 8 } },
        { "text_model.encoder.layers.0.self_attn.out_proj.weight", 2, { 8, 8 } },
        { "text_model.encoder.layers.0.mlp.fc1.weight", 2, { 16, 8 } } } },
};

static const char *path_of(const char *folder, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s%s", root, folder, name);
    return path;
}

#define WEIGHTS_FILE "/" WEIGHTS_DIFFUSERS ".safetensors"
#define LORA_FILE path_of("", "lora.safetensors")

/* False: more than there is data for, or 2^64 and over. */
static bool measure(qs_tensor *t)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < t->rank; ++i) {
        if (t->shape[i] > DATA_BYTES)
            return false;
        count *= t->shape[i];
        if (count > DATA_BYTES)
            return false;
    }
    t->data = data;
    t->size_bytes = count * qs_dtype_size_bytes(t->dtype);
    return t->size_bytes <= sizeof data;
}

static void remove_all(void)
{
    unlink(LORA_FILE);
    for (int i = 0; i < COMPONENTS; ++i) {
        unlink(path_of(parts[i].name, WEIGHTS_FILE));
        rmdir(path_of(parts[i].name, ""));
    }
    rmdir(root);
}

static void check(bool good)
{
    if (!good)
        abort();
}

static void read_weights(const component *c)
{
    float values[1024];
    for (size_t i = 0; i < weight_files_count(c->files); ++i) {
        const qs_status status =
            weight_files_read_floats(c->files, weight_files_at(c->files, i), values);
        check(status == QS_OK || status == QS_ERROR_MODEL);
    }
}

/* "Mname 2 3": cuts it. */
static bool read_tensor(char *line, qs_tensor *t)
{
    *t = (qs_tensor){ .dtype = (qs_dtype)(line[0] % (QS_DTYPE_F8_E5M2 + 1)), .name = line + 1 };
    strsep(&line, " ");
    for (char *size; (size = strsep(&line, " ")) && t->rank < QS_RANK_MAX;)
        t->shape[t->rank++] = strtoull(size, NULL, 10);
    return t->name[0] && measure(t);
}

static bool write_lora(char *text)
{
    qs_tensor tensors[TENSORS_MAX];
    const char *metadata[2 * METADATA_MAX + 1];
    size_t count = 0, keys = 0;
    for (char *line; (line = strsep(&text, "\n"));) {
        if (line[0] == '=' && keys < 2 * METADATA_MAX) {
            char *value = line + 1;
            metadata[keys++] = strsep(&value, " ");
            metadata[keys++] = value ? value : "";
        } else if ((line[0] & 0x80) == 0 && line[0] && count < TENSORS_MAX) {
            count += read_tensor(line, &tensors[count]);
        }
    }
    metadata[keys] = NULL;
    return qs_safetensors_write(LORA_FILE, tensors, count, metadata) == QS_OK;
}

static void add_lora(void)
{
    component components[COMPONENTS] = { 0 };
    lora *l = NULL;
    for (int i = 0; i < COMPONENTS; ++i)
        check(component_open(&components[i], parts[i].name, path_of(parts[i].name, ""),
                             WEIGHTS_DIFFUSERS, NULL) == QS_OK);
    qs_status status = lora_open(LORA_FILE, 0.5f, &l);
    check((status == QS_OK) == (l != NULL));
    if (l)
        status = lora_add(l, components, COMPONENTS, "small");
    check(status == QS_OK || (status == QS_ERROR_MODEL && qs_last_error()[0]));
    for (int i = 0; i < COMPONENTS; ++i) {
        if (status == QS_OK)
            read_weights(&components[i]);
        component_close(&components[i]);
    }
    lora_close(l);
}

static void write_component(int index)
{
    qs_tensor tensors[WEIGHTS_MAX];
    size_t count = 0;
    for (; count < WEIGHTS_MAX && parts[index].weights[count].name; ++count) {
        qs_tensor *t = &tensors[count];
        *t = (qs_tensor){ .name = parts[index].weights[count].name,
                          .dtype = QS_DTYPE_F32,
                          .rank = parts[index].weights[count].rank };
        memcpy(t->shape, parts[index].weights[count].shape, sizeof parts->weights->shape);
        check(measure(t));
    }
    check(mkdir(path_of(parts[index].name, ""), 0700) == 0);
    check(qs_safetensors_write(path_of(parts[index].name, WEIGHTS_FILE), tensors, count, NULL) ==
          QS_OK);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    memset(data, 0x3c, sizeof data); /* finite, of every type */
    check(mkdtemp(root) && atexit(remove_all) == 0);
    for (int i = 0; i < COMPONENTS; ++i)
        write_component(i);
    qs_set_log(NULL, NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char *text = malloc(count + 1);
    memcpy(text, bytes, count);
    text[count] = '\0';
    if (write_lora(text))
        add_lora();
    free(text);
    return 0;
}
