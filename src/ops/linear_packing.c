#include "ops/linear_packing.h"

#include "core/half.h"
#include "graph/graph.h"

size_t linear_packed_bytes(uint32_t co, uint32_t ci, bool half)
{
    return (size_t)divide_up(co, 4) * divide_up(ci, 4) * 4 * (half ? 8 : 16);
}

void linear_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 bool half, void *packed)
{
    const size_t width = (size_t)divide_up(co, 4) * 4;
    for (size_t o = 0; o < rows; o++)
        for (size_t i = 0; i < ci; i++)
            store_float(packed, i * width + row + o, half, values[o * ci + i]);
}

linear_tile linear_choose_tile(bool cpu, uint32_t subgroup_size, uint32_t rows)
{
    const uint32_t most = rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
    return cpu ? (linear_tile){ .lanes = subgroup_size, .rows = most, .slices = 1 }
               : (linear_tile){ .lanes = 64, .rows = most, .slices = 8 };
}

bool linear_groups(linear_tile tile, uint32_t rows, uint32_t co, uint32_t groups[3])
{
    groups[0] = divide_up(divide_up(co, 4), tile.lanes / tile.slices);
    groups[1] = divide_up(rows, tile.rows);
    groups[2] = 1;
    return groups[0] <= 65535 && groups[1] <= 65535;
}
