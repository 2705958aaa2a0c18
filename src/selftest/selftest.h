/*
 * The self-test: every op on the device against a double-precision reference on the CPU.
 *
 * A case is one function. It draws a shape from a seed, names itself, makes its inputs, calls the
 * op as a model would, computes what must come out, and hands over:
 *
 *     static void case_silu(selftest *suite, dtype storage, uint32_t seed)
 *     {
 *         dice d = { seed };
 *         const uint32_t h = dice_size(&d, 20), w = dice_size(&d, 20), c = dice_size(&d, 40);
 *         test t;
 *         if (!test_begin(&t, suite, storage, "silu %s [1, %u, %u, %u] seed %u",
 *                         test_storage_name(storage), h, w, c, seed))
 *             return;                                        // filtered out, or no f16 here
 *         const tensor_id x = test_activation(&t, "x", 1, h, w, c);
 *         test_fill_normal(&t, x, 0, 3);
 *         const tensor_id y = op_activate(&t.graph, "y", x, ACTIVATION_SILU);
 *         test_slice_output(&t, y);
 *         reference expected = reference_like(&t, y);
 *         reference_activate(&expected, test_reference(&t, x), ACTIVATION_SILU);
 *         test_expect(&t, y, &expected, test_limit(&t, 1e-12, 3e-7, 8));
 *         test_end(&t);
 *     }
 *
 * test_end puts every tensor between sentinels, fills with NaN what no case filled, runs the graph,
 * and checks: every value against its limits, pad lanes zero, and not one byte changed that no
 * dispatch said it writes (inputs, weights, sentinels, the other channels of a wider tensor).
 *
 * A case whose op has variants (graph/choice.h) runs with several, on the same inputs, and is
 * called "CASE @ VARIANT": with the default and one of each algorithm (a variant's first word),
 * which the case's name draws, or with all of them if the suite has a filter.
 */
#ifndef QS_SELFTEST_SELFTEST_H
#define QS_SELFTEST_SELFTEST_H

#include "gpu/gpu.h"
#include "graph/choice.h"
#include "ops/ops.h"

typedef struct selftest selftest;

/* ---- random numbers: the same for the same seed everywhere --------------------------------- */

typedef struct dice {
    uint64_t state;
} dice;

uint32_t dice_below(dice *d, uint32_t end); /* 0 .. end - 1 */
uint32_t dice_size(dice *d, uint32_t max);  /* 1 .. max, often 1, a prime or 2^n +- 1 */
double dice_uniform(dice *d);               /* [0, 1) */
double dice_normal(dice *d);

/* Of small latents and pictures: up to 3 of up to 33 x 33 x 5, not of one number only. */
typedef struct shape {
    uint32_t n, h, w, c;
} shape;
shape dice_shape(dice *d);
size_t shape_count(shape s);

/* ---- references ---------------------------------------------------------------------------- */

/* A dense tensor [n, h, w, c] in double. magnitude: for every value the sum of the absolute values
 * that were added up to make it, which is what rounding errors grow with. */
typedef struct reference {
    uint32_t n, h, w, c;
    double *value, *magnitude;
} reference;

static inline size_t reference_count(const reference *r)
{
    return (size_t)r->n * r->h * r->w * r->c;
}

static inline size_t reference_index(const reference *r, uint32_t n, uint32_t y, uint32_t x,
                                     uint32_t c)
{
    return (((size_t)n * r->h + y) * r->w + x) * r->c + c;
}

/* ---- a case -------------------------------------------------------------------------------- */

/* What a result may differ by. nmse: the mean square error over the mean square of the reference.
 * Each value: |error| <= absolute + factor * 2^-24 * magnitude, and one rounding to float16 where
 * that is the storage. NaN and infinity must be where the reference has them. */
typedef struct test_limits {
    double nmse, absolute, factor;
    bool exact; /* the same value, bit for bit but for -0 */
} test_limits;

enum { TEST_TENSORS_MAX = 64, TEST_WEIGHTS_MAX = 16 };

typedef struct test {
    selftest *suite;
    graph graph;
    struct chooser chooser;
    gpu_limits limits;    /* of test_bind_at_most */
    uint64_t hash;        /* of the name before the @ */
    const char *variants; /* the name behind the @; NULL: no op has a variant at this turn */
    arena arena;          /* of everything below */
    dice dice;            /* seeded with the name */
    char name[192];
    struct {
        void *values; /* dense, floats (already rounded to the storage type) or uint32_t; or NULL */
        void *bytes;  /* instead of values: the whole tensor's bytes */
        size_t byte_count;
        reference input; /* of test_reference */
        bool expected;
        reference reference;
        test_limits limits;
    } tensors[TEST_TENSORS_MAX]; /* by tensor_id */
    struct {
        const char *key;
        size_t count;
        float *values;
    } weights[TEST_WEIGHTS_MAX];
    uint32_t weight_count;
    uint32_t repeats; /* run so often, all results bit-identical; 0 means once */
    /* more that must hold of the results, after all else passed; message: "" or what is wrong */
    void (*check)(struct test *t, char *message, size_t message_size);
    const void *check_data;
    uint64_t *offsets; /* of roots in the buffer, for test_result */
} test;

/* False: not wanted (the filter), or not possible on this device (reported). Otherwise test_end
 * must follow. */
bool test_begin(test *t, selftest *suite, dtype storage, const char *format, ...) QS_PRINTF(4, 5);
void test_end(test *t);
/* After the ops, for a case with a dear reference: it is not the turn of this case, and ended. */
bool test_skip(test *t);

const char *test_storage_name(dtype storage); /* "f32" */
const gpu_limits *test_device_limits(const selftest *suite);

/* Before the op: the device binds no more bytes of a tensor at a time. test_end checks that no more
 * of an activation is. */
void test_bind_at_most(test *t, uint64_t bytes);
/* The same, so many pixels, wherever they begin, of the widest activation that there is, or of one
 * of so many channels. */
void test_bind_pixels(test *t, uint32_t pixels, uint32_t channels);

/* Inputs. An activation is, by the dice, a slice of a wider tensor whose other channels are NaN. */
tensor_id test_activation(test *t, const char *name, uint32_t n, uint32_t h, uint32_t w,
                          uint32_t c);
tensor_id test_state(test *t, const char *name, dtype type, uint32_t n, uint32_t h, uint32_t w,
                     uint32_t c);
void test_fill_normal(test *t, tensor_id id, double mean, double sigma);
/* dense, rounded to the tensor's type */
void test_fill(test *t, tensor_id id, const double *values);
void test_fill_u32(test *t, tensor_id id, const uint32_t *values);

/* A state's bytes as they are (a struct); its values stay out of references. */
void test_fill_bytes(test *t, tensor_id id, const void *bytes, size_t size);

/* The filled values (after rounding) as a reference's input. */
const reference *test_reference(test *t, tensor_id id);

/* The values that a weight of this key has, normal, rounded to the storage type. Before the op. */
const double *test_weight(test *t, const char *key, size_t count, double mean, double sigma);

/* By the dice, makes the output a slice of a wider tensor. After the op. */
void test_slice_output(test *t, tensor_id id);

/* Outputs. reference_like: the shape of `id`, values and magnitudes zero. */
reference reference_like(test *t, tensor_id id);
reference reference_make(test *t, uint32_t n, uint32_t h, uint32_t w, uint32_t c);
test_limits test_limit(const test *t, double nmse_f32, double nmse_f16, double factor);
void test_expect(test *t, tensor_id id, const reference *expected, test_limits limits);

/* In check: a value of the result, or a state's bytes. */
double test_result(const test *t, tensor_id id, uint32_t n, uint32_t y, uint32_t x, uint32_t c);
const void *test_result_bytes(const test *t, tensor_id id);

void *test_alloc(test *t, size_t count, size_t size); /* zeroed, freed by test_end; never NULL */

/* ---- a run ---------------------------------------------------------------------------------- */

/* Parts of all cases that share hardly a shader. The last two are for devices of software only. */
typedef enum selftest_part {
    SELFTEST_ON_THIS_DEVICE,        /* every op */
    SELFTEST_WITHOUT_TEXEL_BUFFERS, /* tensors too large for them */
    SELFTEST_AS_ON_HARDWARE,        /* other shaders and tiles */
    SELFTEST_PARTS,                 /* all of them */
} selftest_part;

/* qs_selftest, of one part or SELFTEST_PARTS. */
qs_status selftest_run(qs_device *device, selftest_part part, const char *filter,
                       qs_selftest_fn report, void *user);

/* ---- the cases, one list per subject ------------------------------------------------------- */

void cases_precision(selftest *suite); /* of the driver's arithmetic, no op */
void cases_convolution(selftest *suite);
void cases_linear(selftest *suite);
void cases_group_norm(selftest *suite);
void cases_attention(selftest *suite);
void cases_movement(selftest *suite);  /* add, silu, clamp, rescale, upsample, pool, concat */
void cases_embedding(selftest *suite); /* time and class */
void cases_sampler(selftest *suite);   /* begin, row_times, step_input, keep */
void cases_sampler_row(selftest *suite);
void cases_text(selftest *suite); /* layer norm, GEGLU, token embedding, blend */
void cases_frame(selftest *suite);

#endif
