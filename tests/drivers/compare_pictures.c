/*
 * compare_pictures A.safetensors B.safetensors NAME LIMIT: the largest difference of the float32
 * tensor NAME in both, on standard output; exit 1 where it exceeds LIMIT or the shapes differ.
 */
#include <quickstep/safetensors.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static float *read_tensor(const char *path, const char *name, size_t *count)
{
    qs_safetensors *file;
    if (qs_safetensors_open(path, &file) != QS_OK) {
        fprintf(stderr, "%s\n", qs_last_error());
        return NULL;
    }
    const qs_tensor *tensor = qs_safetensors_find(file, name);
    float *values = NULL;
    if (!tensor || tensor->dtype != QS_DTYPE_F32) {
        fprintf(stderr, "%s has no float32 \"%s\"\n", path, name);
    } else {
        *count = tensor->size_bytes / sizeof *values;
        values = malloc(tensor->size_bytes + 1);
        if (values && qs_safetensors_read_floats(file, tensor, values) != QS_OK) {
            free(values);
            values = NULL;
        }
    }
    qs_safetensors_close(file);
    return values;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    size_t count_a = 0, count_b = 0;
    float *a = read_tensor(argv[1], argv[3], &count_a),
          *b = read_tensor(argv[2], argv[3], &count_b);
    float largest = 0;
    bool same = a && b && count_a > 0 && count_a == count_b;
    for (size_t i = 0; same && i < count_a; i++) {
        const float difference = fabsf(a[i] - b[i]);
        same = isfinite(difference);
        largest = difference > largest ? difference : largest;
    }
    free(a);
    free(b);
    printf("%.3g\n", (double)largest);
    return same && largest <= strtof(argv[4], NULL) ? 0 : 1;
}
