/* quickstep bench: how fast pictures, the ops in them, and single ops are. */
#include "commands.h"
#include "engine.h"
#include "json_out.h"
#include "progress.h"
#include "common/signals.h"

#include "common/output.h"
#include "common/roofline.h"
#include "common/trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    char *steps, *batch, *repeats, *trace;
    int json, ops;
} texts;

static const struct poptOption options[] = {
    { "steps", 'n', POPT_ARG_STRING, &texts.steps, 1, "Steps of a picture (default: 1)", "N" },
    { "batch", 'b', POPT_ARG_STRING, &texts.batch, 2, "Pictures at a time (default: 1)", "B" },
    { "repeats", 'r', POPT_ARG_STRING, &texts.repeats, 3,
      "How often everything is measured, after a warm-up (default: 20)", "R" },
    { "json", 'j', POPT_ARG_NONE, &texts.json, 4, "Print JSON", NULL },
    { "trace", '\0', POPT_ARG_STRING, &texts.trace, 6,
      "Write the ops as a timeline that ui.perfetto.dev opens", "FILE.json" },
    { "ops", '\0', POPT_ARG_NONE, &texts.ops, 5,
      "Single ops on fixed shapes instead of a model; FILTER picks by name", NULL },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "Pictures: wall clock from the begin of a batch to its pixels in memory, without profiling;\n"
    "CPU: the process's time on all processors meanwhile, which on a software device is the work.\n"
    "Start: from the command's begin to the first batch in memory. Our caches and those of most\n"
    "drivers lie in XDG_CACHE_HOME: an empty folder there makes it a cold start.\n"
    "Ops: the device's time stamps in the last step of every repeat; a multiplication and an\n"
    "addition count as two operations; bytes are inputs read once and outputs written once.\n"
    "All numbers are medians over the repeats, p95 is the 95th percentile.\n"
    "Trace: one step and one decode, op after op, with the medians as their times.\n"
    "Roof: the share of what the device could do at best, given by its rate of float32 operations\n"
    "and its copy bandwidth, whichever is nearer; both are measured by two small shaders first.\n"
    "What stays in a cache may exceed the copy bandwidth; matrix units and Winograd, the rate.\n";

enum { REPEATS_MAX = 10000 };

/* What runs as one. */
typedef struct op_table {
    size_t count;
    qs_op_time *ops; /* in the order in which they run; ms: the median */
    double *times;   /* [count, repeats] */
} op_table;

typedef struct bench_run {
    cli_engine engine;
    uint32_t steps, batch, repeats;
    double begin_ms;                          /* cli_now_ms() at the command's begin */
    double start_ms;                          /* from there to the first batch of pictures */
    double picture_ms_median, picture_ms_p95; /* per batch of pictures */
    double cpu_ms;                            /* per batch, the mean */
    qs_roofline roofline;
    op_table step, decode;
    qs_session_memory plan; /* how many barriers there are */
} bench_run;

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts `values` in place. Nearest rank: part 0.5 is the median, the lower one of an even count. */
static double percentile(double *values, size_t count, double part)
{
    qsort(values, count, sizeof *values, by_value);
    const size_t rank = (size_t)(part * (double)count + 0.9999999);
    return values[rank > 0 ? rank - 1 : 0];
}

static qs_status draw(bench_run *run, uint32_t repeat, double *ms)
{
    const qs_recipe recipe = { .steps = run->steps, .seed = repeat };
    qs_frame frame;
    app_signals_defer(APP_SIGNALS_SOON_MS);
    const double start_ms = cli_now_ms();
    qs_status status = app_library(
        qs_session_render(run->engine.session, &recipe, cli_progress_step, NULL, &frame, NULL));
    *ms = cli_now_ms() - start_ms;
    if (app_signals_pending())
        status = app_error(QS_CANCELLED, "stopped");
    app_signals_resume();
    return status;
}

static double cpu_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void set_title(const char *what, uint32_t repeat, uint32_t repeats)
{
    char title[64];
    snprintf(title, sizeof title, "%s, repeat %u of %u", what, repeat, repeats);
    cli_progress_title(title);
}

static qs_status measure_pictures(bench_run *run)
{
    double unused;
    double *times = calloc(run->repeats, sizeof *times);
    if (!times)
        return app_error(QS_ERROR_MEMORY, "no memory");
    qs_status status = cli_engine_start(&run->engine, (qs_session_options){ .batch = run->batch });
    if (status == QS_OK) /* the warm-up: shaders are compiled when they are first used */
        status = draw(run, 0, &unused);
    run->start_ms = cli_now_ms() - run->begin_ms;
    const double cpu_begin_ms = cpu_now_ms();
    for (uint32_t i = 0; status == QS_OK && i < run->repeats; i++) {
        set_title("pictures", i + 1, run->repeats);
        status = draw(run, i, &times[i]);
    }
    run->cpu_ms = (cpu_now_ms() - cpu_begin_ms) / run->repeats;
    if (status == QS_OK) {
        run->picture_ms_p95 = percentile(times, run->repeats, 0.95);
        run->picture_ms_median = percentile(times, run->repeats, 0.5);
    }
    free(times);
    return status;
}

typedef qs_status read_times_fn(qs_session *session, qs_op_time *times, size_t *count);

static qs_status make_table(bench_run *run, read_times_fn *read, op_table *table)
{
    qs_status status = QS_OK;
    QS(read(run->engine.session, NULL, &table->count));
    table->ops = calloc(table->count + 1, sizeof *table->ops);
    table->times = calloc(table->count + 1, run->repeats * sizeof *table->times);
    if (!table->ops || !table->times)
        status = app_error(QS_ERROR_MEMORY, "no memory");
fail:
    return status;
}

/* Of the last batch. */
static qs_status fill_table(bench_run *run, read_times_fn *read, uint32_t repeat, op_table *table)
{
    size_t count = table->count;
    const qs_status status = app_library(read(run->engine.session, table->ops, &count));
    for (size_t i = 0; i < count && status == QS_OK; i++)
        table->times[i * run->repeats + repeat] = table->ops[i].ms;
    return status;
}

static void take_medians(const bench_run *run, op_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        table->ops[i].ms = percentile(table->times + i * run->repeats, run->repeats, 0.5);
}

static void free_table(op_table *table)
{
    free(table->ops);
    free(table->times);
}

/* All ops together. */
static qs_op_time sum_of(const op_table *table)
{
    qs_op_time sum = { 0 };
    for (size_t i = 0; i < table->count; i++) {
        sum.ms += table->ops[i].ms;
        sum.flops += table->ops[i].flops;
        sum.bytes += table->ops[i].bytes;
    }
    return sum;
}

static qs_status measure_ops(bench_run *run)
{
    double unused;
    qs_status status = QS_OK;
    TRY(cli_engine_start(&run->engine,
                         (qs_session_options){ .batch = run->batch, .profile = true }));
    TRY(draw(run, 0, &unused));
    TRY(make_table(run, qs_session_op_times, &run->step));
    TRY(make_table(run, qs_session_decode_times, &run->decode));
    qs_session_get_memory(run->engine.session, &run->plan);
    for (uint32_t repeat = 0; repeat < run->repeats; repeat++) {
        set_title("ops", repeat + 1, run->repeats);
        TRY(draw(run, repeat, &unused));
        TRY(fill_table(run, qs_session_op_times, repeat, &run->step));
        TRY(fill_table(run, qs_session_decode_times, repeat, &run->decode));
    }
    take_medians(run, &run->step);
    take_medians(run, &run->decode);
fail:
    return status;
}

static double rate(double amount, double ms)
{
    return ms > 0.0 ? amount / ms * 1e-6 : 0.0; /* per ms -> 1e9 per second */
}

static double op_roof_share(const bench_run *run, const qs_op_time *t)
{
    return app_roof_share(&run->roofline, rate(t->flops, t->ms), rate(t->bytes, t->ms));
}

static qs_status measure_roofline(bench_run *run)
{
    cli_progress_title("roofline");
    return app_library(qs_bench_roofline(run->engine.device, &run->roofline));
}

static void print_roofline(const qs_roofline *roofline)
{
    printf("roofline: %.1f GFLOP/s in float32, %.1f GB/s copied (read and written)\n",
           roofline->gflops, roofline->gbytes_per_s);
    if (roofline->matrix_gflops > 0)
        printf("matrix units: %.1f GFLOP/s in float16\n", roofline->matrix_gflops);
    printf("costs: %.1f us a dispatch of one small workgroup, %.1f a barrier, %.1f a submission\n",
           roofline->dispatch_us, roofline->barrier_us, roofline->submit_us);
    putchar('\n');
}

static json_t *roofline_json(const qs_roofline *roofline)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "gflops", roofline->gflops, "matrix_gflops",
                     roofline->matrix_gflops, "gbytes_per_s", roofline->gbytes_per_s, "dispatch_us",
                     roofline->dispatch_us, "barrier_us", roofline->barrier_us, "submit_us",
                     roofline->submit_us);
}

static int by_time(const void *a, const void *b)
{
    const double x = ((const qs_op_time *)a)->ms, y = ((const qs_op_time *)b)->ms;
    return (x < y) - (x > y);
}

static void print_sum(const char *what, const char *share, const qs_op_time *sum, size_t op_count,
                      uint32_t barrier_count)
{
    printf("%10.3f %7s %9.2f %8.2f %7s  %-12s %zu dispatches, %u barriers, %.1f MB\n", sum->ms,
           share, rate(sum->flops, sum->ms), rate(sum->bytes, sum->ms), "", what, op_count,
           barrier_count, sum->bytes * 1e-6);
}

static void print_text(const bench_run *run)
{
    const qs_op_time step = sum_of(&run->step), decode = sum_of(&run->decode);
    const double per_second = run->batch * 1e3 / run->picture_ms_median;
    printf("%s on %s\n", run->engine.info.name, run->engine.device_info.name);
    printf("%s, %u step%s, batch %u, %u repeats: median %.2f ms, p95 %.2f ms per picture, "
           "%.2f pictures/s\n",
           run->engine.options.precision == QS_F16 ? "f16" : "f32", run->steps,
           run->steps == 1 ? "" : "s", run->batch, run->repeats,
           run->picture_ms_median / run->batch, run->picture_ms_p95 / run->batch, per_second);
    printf("CPU %.2f ms per picture, start %.0f ms\n", run->cpu_ms / run->batch, run->start_ms);
    if (run->step.count == 0) /* a device without timestamps */
        return;
    print_roofline(&run->roofline);
    printf("%10s %7s %9s %8s %7s  %-12s %s\n", "ms", "share", "GFLOP/s", "GB/s", "roof", "op",
           "name");
    for (size_t i = 0; i < run->step.count; i++) {
        const qs_op_time *t = &run->step.ops[i];
        printf("%10.3f %6.1f%% %9.2f %8.2f %6.1f%%  %-12s %s\n", t->ms,
               step.ms > 0.0 ? 100.0 * t->ms / step.ms : 0.0, rate(t->flops, t->ms),
               rate(t->bytes, t->ms), 100.0 * op_roof_share(run, t), t->op, t->name);
    }
    print_sum("one step", "100.0%", &step, run->step.count, run->plan.barrier_count);
    print_sum("decode", "", &decode, run->decode.count, run->plan.decode_barrier_count);
    printf("roof: the share of what the device could do; convolutions are counted as direct ones, "
           "and\n"
           "Winograd's, with up to 4 times fewer products, may exceed it\n");
}

static qs_status print_json(const bench_run *run)
{
    const double total_ms = sum_of(&run->step).ms;
    json_t *ops = json_array();
    for (size_t i = 0; i < run->step.count; i++) {
        const qs_op_time *t = &run->step.ops[i];
        json_array_append_new(
            ops, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f}", "name", t->name, "op", t->op,
                           "ms", t->ms, "share", total_ms > 0.0 ? t->ms / total_ms : 0.0, "gflops",
                           rate(t->flops, t->ms), "gbytes_per_s", rate(t->bytes, t->ms),
                           "roof_share", op_roof_share(run, t)));
    }
    return cli_print_json(json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, "
        "s:i, s:i, s:i, "
        "s:i, s:o, s:o}",
        "version", qs_version(), "model", run->engine.info.name, "device",
        run->engine.device_info.name, "driver", run->engine.device_info.driver_info, "precision",
        run->engine.options.precision == QS_F16 ? "f16" : "f32", "steps", (int)run->steps, "batch",
        (int)run->batch, "repeats", (int)run->repeats, "picture_ms_median",
        run->picture_ms_median / run->batch, "picture_ms_p95", run->picture_ms_p95 / run->batch,
        "cpu_ms", run->cpu_ms / run->batch, "start_ms", run->start_ms, "pictures_per_s",
        run->batch * 1e3 / run->picture_ms_median, "step_ms", total_ms, "decode_ms",
        sum_of(&run->decode).ms, "dispatches", (int)run->step.count, "barriers",
        (int)run->plan.barrier_count, "decode_dispatches", (int)run->decode.count,
        "decode_barriers", (int)run->plan.decode_barrier_count, "roofline",
        roofline_json(&run->roofline), "ops", ops));
}

static qs_status write_trace(const bench_run *run)
{
    const app_trace_span spans[] = { { "step", run->step.ops, run->step.count },
                                     { "decode", run->decode.ops, run->decode.count } };
    return app_trace_write(texts.trace, run->engine.device_info.name, run->engine.info.name, spans,
                           2);
}

static qs_status check_trace(const bench_run *run)
{
    if (!run->engine.device_info.timestamps)
        return app_error(QS_ERROR_DEVICE, "--trace: %s takes no time stamps",
                         run->engine.device_info.name);
    return app_output_check(texts.trace);
}

static qs_status bench_model(bench_run *run)
{
    qs_status status = QS_OK;
    TRY(cli_engine_open(&run->engine));
    if (texts.trace)
        TRY(check_trace(run));
    TRY(measure_pictures(run));
    if (run->engine.device_info.timestamps) {
        TRY(measure_roofline(run));
        TRY(measure_ops(run));
        if (texts.trace)
            TRY(write_trace(run));
        qsort(run->step.ops, run->step.count, sizeof *run->step.ops, by_time);
    }
    cli_progress_clear();
    if (texts.json)
        TRY(print_json(run));
    else
        print_text(run);
fail:
    cli_progress_clear();
    free_table(&run->step);
    free_table(&run->decode);
    return status;
}

typedef struct ops_report {
    const qs_roofline *roofline;
    json_t *list; /* NULL: text */
    uint32_t count;
} ops_report;

static void report_op(void *user, const qs_bench_result *result)
{
    ops_report *report = user;
    const double share = app_roof_share(report->roofline, result->gflops, result->gbytes_per_s);
    if (report->list)
        json_array_append_new(
            report->list, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:i}", "name", result->name,
                                    "ms_median", result->median_ms, "ms_p95", result->p95_ms,
                                    "gflops", result->gflops, "gbytes_per_s", result->gbytes_per_s,
                                    "roof_share", share, "repeats", (int)result->repeats));
    else
        printf("%10.3f %10.3f %9.2f %8.2f %6.1f%%  %s\n", result->median_ms, result->p95_ms,
               result->gflops, result->gbytes_per_s, 100.0 * share, result->name);
    fflush(stdout);
    report->count++;
}

static qs_status bench_ops(bench_run *run, const char *filter)
{
    qs_status status = QS_OK;
    ops_report report = { .roofline = &run->roofline };
    TRY(cli_engine_open_device(&run->engine));
    TRY(measure_roofline(run));
    cli_progress_clear();
    if (texts.json)
        report.list = json_array();
    else {
        print_roofline(&run->roofline);
        printf("%10s %10s %9s %8s %7s  %s\n", "median ms", "p95 ms", "GFLOP/s", "GB/s", "roof",
               "op");
    }
    TRY(app_library(qs_bench_ops(run->engine.device, filter, run->repeats, report_op, &report)));
    if (report.count == 0)
        status = app_error(QS_ERROR_USAGE, "no op's name contains \"%s\"", filter);
    else if (texts.json)
        return cli_print_json(json_pack("{s:s, s:s, s:s, s:o, s:o}", "version", qs_version(),
                                        "device", run->engine.device_info.name, "driver",
                                        run->engine.device_info.driver_info, "roofline",
                                        roofline_json(&run->roofline), "ops", report.list));
fail:
    cli_progress_clear();
    if (status != QS_OK)
        json_decref(report.list);
    return status;
}

static qs_status run_bench(const char *filter)
{
    bench_run run = { .steps = 1, .batch = 1, .repeats = 20, .begin_ms = cli_now_ms() };
    qs_precision precision;
    qs_status status = QS_OK;
    TRY(cli_count("--steps", texts.steps, 1, QS_STEPS_MAX, &run.steps));
    TRY(cli_count("--batch", texts.batch, 1, QS_BATCH_MAX, &run.batch));
    TRY(cli_count("--repeats", texts.repeats, 1, REPEATS_MAX, &run.repeats));
    TRY(cli_precision(&precision));
    if (filter && !texts.ops)
        status = app_error(QS_ERROR_USAGE, "a FILTER goes with --ops only");
    else if (texts.trace && (texts.ops || strcmp(texts.trace, "-") == 0))
        status = app_error(QS_ERROR_USAGE, "--trace wants a file, and a model in place of --ops");
    else
        status = texts.ops ? bench_ops(&run, filter) : bench_model(&run);
fail:
    cli_engine_close(&run.engine);
    return status;
}

const cli_command cli_bench = {
    .name = "bench",
    .arguments = "[FILTER]",
    .summary = "measure pictures and ops",
    .notes = notes,
    .options = options,
    .run = run_bench,
};
