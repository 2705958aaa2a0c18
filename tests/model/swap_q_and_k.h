/* A model folder with a planted error. Include it first: temporary.h defines _GNU_SOURCE. */
#ifndef QS_TESTS_MODEL_SWAP_Q_AND_K_H
#define QS_TESTS_MODEL_SWAP_Q_AND_K_H

#include "../harness/temporary.h"

#include <quickstep/safetensors.h>

#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static inline void swap_copy_file(const char *from, const char *to)
{
    char bytes[8192];
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    const size_t count = fread(bytes, 1, sizeof bytes, file);
    assert_true(feof(file));
    fclose(file);
    temporary_write(to, bytes, count);
}

/* "a.to_q.weight" -> "a.to_k.weight" and back; any other name stays. */
static inline void swap_name(char *name)
{
    char *q = strstr(name, ".to_q."), *k = strstr(name, ".to_k.");
    if (q)
        q[4] = 'k';
    if (k)
        k[4] = 'q';
}

static inline void swap_weights(const char *from, const char *to)
{
    qs_safetensors *file = NULL;
    assert_int_equal(qs_safetensors_open(from, &file), QS_OK);
    const size_t count = qs_safetensors_count(file);
    qs_tensor *tensors = calloc(count, sizeof *tensors);
    char(*names)[128] = calloc(count, sizeof *names);
    assert_true(tensors && names);
    for (size_t i = 0; i < count; ++i) {
        tensors[i] = *qs_safetensors_at(file, i);
        snprintf(names[i], sizeof names[i], "%s", tensors[i].name);
        swap_name(names[i]);
        tensors[i].name = names[i];
    }
    assert_int_equal(qs_safetensors_write(to, tensors, count, NULL), QS_OK);
    free(names);
    free(tensors);
    qs_safetensors_close(file);
}

/* A copy of the folder in which every to_q is called to_k and the reverse: keys, shapes and counts
 * are right, only the numbers are wrong. To be given to temporary_remove. */
static inline char *swap_q_and_k(const char *model_dir)
{
    static const char *const texts[] = { "model_index.json", "unet/config.json",
                                         "scheduler/scheduler_config.json" };
    static const char weights[] = "unet/diffusion_pytorch_model.safetensors";
    char *folder = temporary_create();
    assert_int_equal(mkdir(temporary_path(folder, "unet"), 0700), 0);
    assert_int_equal(mkdir(temporary_path(folder, "scheduler"), 0700), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i)
        swap_copy_file(temporary_path(model_dir, texts[i]), temporary_path(folder, texts[i]));
    swap_weights(temporary_path(model_dir, weights), temporary_path(folder, weights));
    return folder;
}

#endif
