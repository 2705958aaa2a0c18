#include "weights/low_rank.h"

#include "core/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t element_count(const qs_tensor *t)
{
    return t->size_bytes / qs_dtype_size_bytes(t->dtype);
}

static qs_status read_factor(const low_rank *r, const qs_tensor *t, float *values)
{
    const qs_status status = qs_safetensors_read_floats(r->file, t, values);
    for (size_t i = 0; status == QS_OK && i < element_count(t); ++i)
        if (!isfinite(values[i]))
            return qs_error(QS_ERROR_MODEL,
                            "%s: tensor \"%s\" has NaN or Inf: the file is damaged, or its "
                            "training went wrong",
                            r->path, t->name);
    return status;
}

enum { BLOCK_COLUMNS = 512 }; /* of 64 ranks: what a core's own cache holds */

/* sum = up * down, some columns of a row of the product; stride: of down's rows. Four ranks at a
 * time: a pass over `sum` costs more than what it adds. */
static void multiply_row(float *restrict sum, size_t columns, const float *up, size_t rank,
                         const float *restrict down, size_t stride)
{
    size_t k = 0;
    memset(sum, 0, columns * sizeof *sum);
    for (; k + 4 <= rank; k += 4) {
        const float *restrict a = down + k * stride, *restrict b = a + stride;
        const float *restrict c = b + stride, *restrict d = c + stride;
        for (size_t i = 0; i < columns; ++i)
            sum[i] += up[k] * a[i] + up[k + 1] * b[i] + up[k + 2] * c[i] + up[k + 3] * d[i];
    }
    for (; k < rank; ++k)
        for (size_t i = 0; i < columns; ++i)
            sum[i] += up[k] * down[k * stride + i];
}

/* The same columns of all rows. */
static void add_columns(const low_rank *r, size_t columns, const float *up, const float *down,
                        size_t stride, float *weight)
{
    const size_t rows = (size_t)r->up->shape[0], rank = (size_t)r->up->shape[1];
    float sum[BLOCK_COLUMNS];
    for (size_t row = 0; row < rows; ++row) {
        multiply_row(sum, columns, up + row * rank, rank, down, stride);
        for (size_t i = 0; i < columns; ++i)
            weight[row * stride + i] += r->factor * sum[i];
    }
}

static qs_status add(const low_rank *r, float *weight)
{
    qs_status status = QS_OK;
    const size_t rows = (size_t)r->up->shape[0], rank = (size_t)r->up->shape[1];
    const size_t columns = element_count(r->down) / rank;
    float *up = malloc(rows * rank * sizeof *up), *down = malloc(rank * columns * sizeof *down);
    if (!up || !down)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no host memory for \"%s\"", r->path, r->up->name));
    TRY(read_factor(r, r->up, up));
    TRY(read_factor(r, r->down, down));
    for (size_t first = 0; first < columns; first += BLOCK_COLUMNS) {
        const size_t left = columns - first;
        add_columns(r, left < BLOCK_COLUMNS ? left : BLOCK_COLUMNS, up, down + first, columns,
                    weight + first);
    }
fail:
    free(up);
    free(down);
    return status;
}

qs_status low_rank_add(const low_rank *list, float *weight)
{
    qs_status status = QS_OK;
    for (; list && status == QS_OK; list = list->next)
        status = add(list, weight);
    return status;
}
