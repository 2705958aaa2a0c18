/* What the sampler's cases share: its states and what is in them, the noise that it should draw. */
#ifndef QS_SELFTEST_SAMPLER_STATES_H
#define QS_SELFTEST_SAMPLER_STATES_H

#include "sampler/rows.h"
#include "selftest/selftest.h"

typedef struct states {
    shape shape;
    sampler_states tensors;
    sampler_recipe *content;
} states;

states states_make(test *t, shape s);

/* The recipe into its state, and what only some recipes use: the noise of the host; with edits a
 * picture that is known, a mask, a past. NaN is where nothing may be read. */
void states_fill(test *t, const states *s, bool edits);

void states_expect_cursor(test *t, const states *s, uint32_t cursor);
void states_expect_time(test *t, tensor_id time, float value);

/* The noise that begin takes. */
void states_start(test *t, const states *s, reference *latent);
/* And what the row of the step `cursor` takes. */
void states_step_noise(test *t, const states *s, uint32_t cursor, uint32_t draw, reference *latent);

/* Rows of the samplers, and one with everything in it. */
enum { ROW_EVERYTHING = 5, ROW_KINDS };
extern const char *const dice_row_names[ROW_KINDS];
sampler_row dice_row(dice *d, uint32_t kind);

/* What was embedded of a few rows, and where that of one of them goes. */
typedef struct embedding {
    tensor_id rows, row;
} embedding;

embedding embedding_make(test *t, uint32_t images, uint32_t channels);
void embedding_expect(test *t, const embedding *e, uint32_t cursor);

#endif
