/* The words of QUICKSTEP_DEBUG. */
#ifndef QS_CORE_DEBUG_H
#define QS_CORE_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct debug_words {
    bool validate;        /* Vulkan core validation */
    bool sync;            /* and synchronization validation */
    bool labels;          /* debug names and labels, for capture tools */
    bool time;            /* log every op's time after a picture */
    bool check;           /* count NaN and Inf after every op, name the first */
    bool defaults;        /* every op's default variant */
    uint64_t memory_mib;  /* memory=MIB: pretend that every memory heap is so large; 0: no */
    const char *limits;   /* limits=WORDS: what the device pretends to lack (gpu/lower.c); NULL */
    const char *dump_dir; /* dump=DIR: every activation of every step as .safetensors */
} debug_words;

/* Parsed once per process from the environment; an unknown word is logged as a warning. */
const debug_words *debug_get(void);

/* check or dump: every activation is looked at. */
static inline bool debug_inspects(void)
{
    return debug_get()->check || debug_get()->dump_dir;
}

#endif
