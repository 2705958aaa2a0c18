#include "ops/conv2d_bands.h"

/* Rows of bands begin at multiples of it, as Winograd's tiles and enlarged pixels do. */
enum { ROWS_UNIT = 4 };

static bool fits(const graph *g, tensor_id id)
{
    return id == NO_TENSOR || op_is_bound_whole(g, id);
}

/* Of an image, that are bound at a time, wherever they begin. */
static uint32_t rows_bound(const graph *g, tensor_id id)
{
    const tensor *t = graph_tensor(g, id);
    return min_u32(op_pixels_bound(g, id) / t->w, t->h);
}

/* Rows of the output that the rows of the input are enough for that are bound at a time. */
static uint32_t rows_made(const graph *g, const conv2d_params *p)
{
    const uint32_t rows = rows_bound(g, p->x);
    if (rows == graph_tensor(g, p->x)->h)
        return UINT32_MAX;
    if (p->upsample)
        return rows > 2 ? 2 * (rows - 2) : 0;
    return rows >= p->kernel ? (rows - p->kernel) / p->stride + 1 : 0;
}

conv2d_bands conv2d_cut(const graph *g, const char *name, const conv2d_params *p, tensor_id y)
{
    conv2d_bands bands = { .whole_name = name, .whole = *p, .whole_y = y };
    if (fits(g, p->x) && fits(g, y) && fits(g, p->residual))
        return bands;
    uint32_t most = min_u32(rows_bound(g, y), rows_made(g, p));
    if (p->residual != NO_TENSOR)
        most = min_u32(most, rows_bound(g, p->residual) * (p->upsample_residual ? 2 : 1));
    most = most / ROWS_UNIT * ROWS_UNIT;
    if (most == 0) /* the plan says which tensor it is */
        return bands;
    const uint32_t h = graph_tensor(g, y)->h, count = divide_up(h, most);
    bands.rows = divide_up(divide_up(h, count), ROWS_UNIT) * ROWS_UNIT;
    return bands;
}

static tensor_id rows_of(graph *g, tensor_id id, uint32_t image, uint32_t first, uint32_t end)
{
    const tensor *t = graph_tensor(g, id);
    return graph_band(g, id, (image * t->h + first) * t->w, end - first, t->w);
}

/* Of the output's rows [row, row + rows): those that the kernel reaches. */
static void cut_input(graph *g, conv2d_bands *b, uint32_t rows)
{
    const conv2d_params *whole = &b->whole;
    const uint32_t h = graph_tensor(g, whole->x)->h, scale = whole->upsample ? 2 : 1;
    const uint32_t reach = whole->upsample ? 2 : whole->kernel - 1;
    const uint32_t first = b->row / scale * whole->stride, last = (b->row + rows - 1) / scale;
    const uint32_t begin = first > whole->pad_top ? first - whole->pad_top : 0;
    b->p.pad_top = first < whole->pad_top ? whole->pad_top - first : 0;
    const uint32_t end = last * whole->stride + reach + 1;
    b->p.x =
        rows_of(g, whole->x, b->image, begin, end > whole->pad_top + h ? h : end - whole->pad_top);
}

bool conv2d_next_band(graph *g, conv2d_bands *b)
{
    const tensor y = *graph_tensor(g, b->whole_y);
    if (graph_status(g) != QS_OK || b->image == y.n)
        return false;
    b->p = b->whole;
    b->name = b->whole_name;
    b->y = b->whole_y;
    if (b->rows == 0) {
        b->image = y.n;
        return true;
    }
    const uint32_t rows = min_u32(b->rows, y.h - b->row);
    const uint32_t per_image = divide_up(y.h, b->rows);
    b->name =
        op_band_name(g, b->whole_name, b->image * per_image + b->row / b->rows, y.n * per_image);
    cut_input(g, b, rows);
    if (b->whole.embedding != NO_TENSOR)
        b->p.embedding = graph_band(g, b->whole.embedding, b->image, 1, 1);
    if (b->whole.residual != NO_TENSOR) {
        const uint32_t scale = b->whole.upsample_residual ? 2 : 1;
        b->p.residual =
            rows_of(g, b->whole.residual, b->image, b->row / scale, (b->row + rows) / scale);
    }
    b->y = rows_of(g, b->whole_y, b->image, b->row, b->row + rows);
    b->row += rows;
    if (b->row == y.h) {
        b->row = 0;
        b->image++;
    }
    return graph_status(g) == QS_OK;
}
