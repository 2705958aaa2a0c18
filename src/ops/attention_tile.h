/* Attention whose keys go through shared memory: attention_tile.comp, attention_matrix.comp. */
#ifndef QS_OPS_ATTENTION_TILE_H
#define QS_OPS_ATTENTION_TILE_H

#include "ops/op_support.h"

typedef struct attention_tile {
    bool matrix;            /* on matrix units */
    uint32_t queries, keys; /* of a workgroup; of them at a time. queries 0: no tile */
    uint32_t lanes;         /* of a workgroup */
    uint32_t chunk;         /* vectors of a head in shared memory at a time; matrix: all */
    uint32_t rows, columns; /* matrix: subgroups along queries and keys */
    uint32_t splits;        /* workgroups that share the keys of a query */
} attention_tile;

/* What is computed. */
typedef struct attention_size {
    uint32_t images, tokens, heads, width;
} attention_size;

/* Tiles that the device can run, the one that should be the fastest first; returns their number.
 * 0: none fits, or a software device, where a barrier costs more than it saves. */
enum { ATTENTION_TILES_MAX = 12 };
uint32_t attention_list_tiles(const graph *g, const attention_size *size,
                              attention_tile tiles[ATTENTION_TILES_MAX]);

/* Keys of one part, a multiple of the tile's: splits * this reaches the last one, and no part is
 * empty. */
uint32_t attention_split_keys(const attention_tile *tile, uint32_t tokens);

/* Appends the node `name` for y; in front of it NAME.parts if the keys are split. scale: of q k,
 * times log2(e). */
void attention_append_tile(graph *g, const char *name, tensor_id qkv, tensor_id y,
                           const attention_size *size, float scale, const attention_tile *tile);

#endif
