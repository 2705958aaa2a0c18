/* libFuzzer: a safetensors file. Even first byte: the rest is the file. Odd: the rest is a header,
 * which gets its right length and `first byte / 2` bytes of data. */
#include <quickstep/safetensors.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void write_exactly(int fd, const void *bytes, size_t count)
{
    if (write(fd, bytes, count) != (ssize_t)count)
        abort();
}

/* Everything a caller can do with what was opened. */
static void use(const qs_safetensors *file)
{
    for (size_t i = 0; i < qs_safetensors_count(file); i++) {
        const qs_tensor *tensor = qs_safetensors_at(file, i);
        size_t element_bytes = qs_dtype_size_bytes(tensor->dtype);
        float *values = malloc(tensor->size_bytes / element_bytes * sizeof *values + 1);
        if (!values || qs_safetensors_find(file, tensor->name) != tensor)
            abort();
        (void)qs_safetensors_read_floats(file, tensor, values);
        free(values);
        for (size_t k = 0; k < tensor->size_bytes; k++)
            (void)((const volatile uint8_t *)tensor->data)[k];
    }
    (void)qs_safetensors_metadata(file, "format");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return 0;
    static const uint8_t data[128];
    const int fd = memfd_create("fuzz", 0);
    if (bytes[0] % 2 == 1) {
        const uint64_t length = count - 1;
        write_exactly(fd, &length, sizeof length);
        write_exactly(fd, bytes + 1, count - 1);
        write_exactly(fd, data, bytes[0] / 2);
    } else {
        write_exactly(fd, bytes + 1, count - 1);
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    qs_safetensors *file = NULL;
    const qs_status status = qs_safetensors_open(path, &file);
    if ((status == QS_OK) != (file != NULL) || (status != QS_OK && status != QS_ERROR_MODEL))
        abort();
    if (file)
        use(file);
    qs_safetensors_close(file);
    close(fd);
    return 0;
}
