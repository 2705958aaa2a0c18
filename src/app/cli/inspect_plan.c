/* The memory plan, of whatever was planned. */
#include "inspect.h"

#include <stdio.h>

static double ratio(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0.0;
}

void cli_print_plan(const qs_session_memory *m)
{
    printf("graph       %u nodes, %u barriers\n", m->node_count, m->barrier_count);
    printf("weights     %s", cli_bytes(m->weights_bytes));
    if (m->decode_node_count > 0)
        printf(", of them %s the decoder's", cli_bytes(m->decoder_weights_bytes));
    putchar('\n');
    printf("arena       %s\n", cli_bytes(m->arena_bytes));
    printf("  lower bound (largest live set)  %s, the arena is %.3f of it\n",
           cli_bytes(m->live_max_bytes), ratio(m->arena_bytes, m->live_max_bytes));
    printf("  all activations side by side    %s, the arena is %.3f of it\n",
           cli_bytes(m->activation_sum_bytes), ratio(m->arena_bytes, m->activation_sum_bytes));
    if (m->decode_node_count > 0)
        printf("decode      %u nodes, %s of the arena\n", m->decode_node_count,
               cli_bytes(m->decode_arena_bytes));
    printf("state       %s\n", cli_bytes(m->state_bytes));
    if (m->allocation_count > 0) /* otherwise nothing was */
        printf("memory      %u allocations\n", m->allocation_count);
}
