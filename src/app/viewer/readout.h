/* Numbers and names as a person reads them; what the user interface shows, without drawing it. */
#ifndef VIEWER_READOUT_H
#define VIEWER_READOUT_H

#include "viewer/viewer.h"

enum { READOUT_SIZE = 16, READOUT_KINDS_MAX = 16, READOUT_TITLE_SIZE = 512 };

/* "6.21 M". Returns text. */
const char *readout_count(uint64_t value, char text[READOUT_SIZE]);
/* Three digits, whatever the size: "41.7"; "-" for 0, not known. Returns text. */
const char *readout_number(double value, char text[READOUT_SIZE]);
const char *readout_sampler(qs_sampler sampler); /* "multistep consistency" */

/* What the window knows of a model before it has a session: model .. diffusion_sampler. */
void readout_model(const qs_model *model, viewer_readings *readings);
const char *readout_label(const viewer_readings *readings, int32_t label);
/* The example behind the one that is shown, or the first; NULL: there is none. */
const char *readout_next_example(const viewer_readings *readings, const char *shown);
/* "Quickstep: sprites on llvmpipe". Returns text. */
const char *readout_title(const viewer_readings *readings, uint32_t model,
                          char text[READOUT_TITLE_SIZE]);
/* Is a picture of the model enlarged like a photograph? Small ones with alpha are sprites. */
bool readout_is_smooth(const qs_model_info *model);
/* Where a notch is along the slider, 0 .. 1, and the notch nearest to a place. */
float readout_notch_place(const viewer_slider *slider, uint32_t notch);
uint32_t readout_notch_at(const viewer_slider *slider, float place);
/* The notch of a number of steps; false: there is none. */
bool readout_find_notch(const viewer_slider *slider, uint32_t steps, uint32_t *notch);
uint32_t readout_default_notch(const viewer_readings *readings);

/* What the ops of one kind took together. */
typedef struct readout_kind {
    const char *op; /* "conv2d" */
    double ms;
} readout_kind;

/* The kinds of op, the one that took most first; returns how many. */
size_t readout_kinds(const qs_op_time *ops, size_t count, readout_kind kinds[READOUT_KINDS_MAX]);
/* The places in `ops` of the longest ones, longest first; returns how many, at most `most`. */
size_t readout_longest(const qs_op_time *ops, size_t count, size_t *places, size_t most);
double readout_total_ms(const qs_op_time *ops, size_t count);
/* The median (0.5) or another part of the last pictures' times; 0: there are none. */
double readout_time(const viewer_readings *readings, double part);

/* How many of so many steps run from a canvas at this strength. */
uint32_t readout_edit_steps(const qs_model_info *model, uint32_t steps, float strength);
/* A strength at which one of them does at least. */
float readout_strength(const qs_model_info *model, uint32_t steps, float strength);

#endif
