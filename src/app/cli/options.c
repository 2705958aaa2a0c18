#include "options.h"

#include "common/log.h"
#include "progress.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

cli_shared cli_shared_options;

struct poptOption cli_model_options[] = {
    { "model", 'm', POPT_ARG_STRING, &cli_shared_options.model, CLI_SHARED_FIRST,
      "The model: a folder, or the name of one that came with the program (default: sprites)",
      "DIR" },
    { "precision", 'p', POPT_ARG_STRING, &cli_shared_options.precision, CLI_SHARED_FIRST + 1,
      "How numbers are stored on the device: f32 (default) or f16", "f32|f16" },
    { "variant", '\0', POPT_ARG_STRING, &cli_shared_options.variant, CLI_SHARED_FIRST + 4,
      "Which of the model's weights, e.g. fp16 (default: those without a variant, or the only one)",
      "WORD" },
    { "scheduler", '\0', POPT_ARG_STRING, &cli_shared_options.scheduler, CLI_SHARED_FIRST + 5,
      "What samples in place of the model's scheduler: a scheduler_config.json, or a class, which "
      "reads the model's (diffusers' defaults, where it has none)",
      "FILE|CLASS" },
    { "size", '\0', POPT_ARG_STRING, &cli_shared_options.size, CLI_SHARED_FIRST + 11,
      "How large the pictures of a model that reads prompts are (default: as it was trained)",
      "WxH" },
    { "decoder", '\0', POPT_ARG_STRING, &cli_shared_options.decoder, CLI_SHARED_MORE + 1,
      "What makes pictures of latents in place of the model's vae/: tiny or kl, where the folder "
      "has both (the other one in taesd/, vae_tiny/ or vae_kl/), or an autoencoder's folder or "
      "name",
      "tiny|kl|DIR" },
    { "lora", '\0', POPT_ARG_ARGV, &cli_shared_options.loras, CLI_SHARED_MORE,
      "Add a LoRA (a safetensors file with kohya's, PEFT's or diffusers' names) to the model's "
      "weights, SCALE times (default: 1); may be given several times",
      "FILE[:SCALE]" },
    { "offload", '\0', POPT_ARG_NONE, &cli_shared_options.offload, CLI_SHARED_MORE + 2,
      "Keep the text encoder's weights on the device only while it reads; another prompt loads "
      "them anew",
      NULL },
    { "no-tune", '\0', POPT_ARG_NONE, &cli_shared_options.no_tune, CLI_SHARED_FIRST + 10,
      "Every op's default algorithm and tile, not those that were measured: see 'quickstep tune'",
      NULL },
    CLI_END,
};

struct poptOption cli_device_options[] = {
    { "device", 'd', POPT_ARG_STRING, &cli_shared_options.device, CLI_SHARED_FIRST + 2,
      "The device: its number, UUID or a part of its name, see 'quickstep devices'", "DEVICE" },
    { "quiet", 'q', POPT_ARG_NONE, &cli_shared_options.quiet, CLI_SHARED_FIRST + 3,
      "No progress and no notices on standard error", NULL },
    { "no-matrix", '\0', POPT_ARG_NONE, &cli_shared_options.no_matrix, CLI_SHARED_FIRST + 9,
      "Leave the device's matrix units alone, which float16 uses otherwise", NULL },
    CLI_END,
};

struct poptOption cli_help_options[] = {
    { "help", 'h', POPT_ARG_NONE, NULL, CLI_HELP, "Show this help", NULL },
    CLI_END,
};

/* Edits that turn a into b (Levenshtein), words of less than 32 characters. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    size_t row[LONGEST + 1];
    const size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > LONGEST || b_length > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            const size_t above = row[j];
            size_t best =
                diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            best = best < above + 1 ? best : above + 1;
            row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
            diagonal = above;
        }
    }
    return row[b_length];
}

void cli_nearest_try(cli_nearest *nearest, const char *candidate)
{
    const size_t length = strlen(nearest->word);
    size_t distance = edit_distance(nearest->word, candidate);
    if (length >= 3 && strncmp(nearest->word, candidate, length) == 0)
        distance = 1; /* an abbreviation */
    if (distance > 2 || distance >= length || (nearest->best && distance >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}

static void try_table(cli_nearest *nearest, const struct poptOption *options)
{
    for (; options->longName || options->arg; options++) {
        if (options->argInfo == POPT_ARG_INCLUDE_TABLE)
            try_table(nearest, options->arg);
        else if (options->longName)
            cli_nearest_try(nearest, options->longName);
    }
}

static qs_status option_error(const cli_command *command, poptContext context, int error)
{
    const char *option = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    if (error == POPT_ERROR_NOARG)
        return app_error(QS_ERROR_USAGE, "%s wants a value; see 'quickstep help %s'", option,
                         command->name);
    if (error != POPT_ERROR_BADOPT)
        return app_error(QS_ERROR_USAGE, "%s: %s", option, poptStrerror(error));
    char word[64];
    snprintf(word, sizeof word, "%s", option + strspn(option, "-"));
    word[strcspn(word, "=")] = '\0';
    cli_nearest nearest = { .word = word };
    try_table(&nearest, command->options);
    if (nearest.best)
        return app_error(QS_ERROR_USAGE, "'%s' has no option %s; did you mean --%s?", command->name,
                         option, nearest.best);
    return app_error(QS_ERROR_USAGE, "'%s' has no option %s; see 'quickstep help %s'",
                     command->name, option, command->name);
}

static const struct poptOption *find_option(const struct poptOption *options, int value)
{
    for (; options->longName || options->arg; options++) {
        const struct poptOption *found = options->argInfo == POPT_ARG_INCLUDE_TABLE
                                             ? find_option(options->arg, value)
                                         : options->val == value ? options
                                                                 : NULL;
        if (found)
            return found;
    }
    return NULL;
}

/* Every option's own variable was filled by popt. */
static qs_status read_options(const cli_command *command, poptContext context, bool *help)
{
    static char
        *given[CLI_OPTIONS_MAX]; /* also keeps the first text where popt stores a second one */
    static char no_text[] = "";
    int value;
    while ((value = poptGetNextOpt(context)) > 0) {
        const struct poptOption *option = find_option(command->options, value);
        const bool is_list = option->argInfo == POPT_ARG_ARGV;
        if (given[value] && !is_list)
            return app_error(QS_ERROR_USAGE, "--%s is given twice", option->longName);
        given[value] = option->argInfo == POPT_ARG_STRING ? *(char **)option->arg : no_text;
    }
    *help = given[CLI_HELP] != NULL;
    return value < -1 ? option_error(command, context, value) : QS_OK;
}

static poptContext make_context(const cli_command *command, int argc, char **argv)
{
    poptContext context =
        poptGetContext("quickstep", argc, (const char **)argv, command->options, 0);
    char after[64];
    snprintf(after, sizeof after, "[OPTION...]%s%s", command->arguments ? " " : "",
             command->arguments ? command->arguments : "");
    poptSetOtherOptionHelp(context, after);
    return context;
}

static void print_help(const cli_command *command, poptContext context)
{
    printf("quickstep %s: %s\n", command->name, command->summary);
    poptPrintHelp(context, stdout, 0);
    if (command->notes)
        printf("\n%s", command->notes);
}

void cli_print_help(const cli_command *command)
{
    char name[64];
    snprintf(name, sizeof name, "quickstep %s", command->name);
    char *argv[] = { name, NULL };
    poptContext context = make_context(command, 1, argv);
    print_help(command, context);
    poptFreeContext(context);
}

qs_status cli_run(const cli_command *command, int argc, char **argv)
{
    bool help = false;
    char *argument = NULL;
    poptContext context = make_context(command, argc, argv);
    qs_status status = read_options(command, context, &help);
    if (status == QS_OK && !help) {
        const char *first = poptGetArg(context);
        const char *extra = first && command->arguments ? poptGetArg(context) : first;
        if (extra)
            status = app_error(QS_ERROR_USAGE, "'%s' does not take the argument '%s'",
                               command->name, extra);
        argument = first ? strdup(first) : NULL;
        if (first && !argument)
            status = app_error(QS_ERROR_MEMORY, "no memory for the argument '%s'", first);
    }
    poptFreeContext(context);
    if (cli_shared_options.quiet) {
        app_log_to_stderr("quickstep", QS_LOG_WARNING);
        cli_progress_off();
    }
    if (status == QS_OK && help)
        cli_print_help(command);
    else if (status == QS_OK)
        status = command->run(argument);
    free(argument);
    return status;
}

qs_status cli_number(const char *option, const char *text, uint64_t min, uint64_t max,
                     uint64_t *number)
{
    errno = 0;
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || value < min || value > max)
        return app_error(QS_ERROR_USAGE,
                         "%s wants a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'",
                         option, min, max, text);
    *number = value;
    return QS_OK;
}

qs_status cli_count(const char *option, const char *text, uint32_t min, uint32_t max,
                    uint32_t *number)
{
    uint64_t value = 0;
    if (!text)
        return QS_OK;
    const qs_status status = cli_number(option, text, min, max, &value);
    if (status == QS_OK)
        *number = (uint32_t)value;
    return status;
}

qs_status cli_real(const char *option, const char *text, double min, double max, float *number)
{
    char *end = NULL;
    if (!text)
        return QS_OK;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= min && value <= max))
        return app_error(QS_ERROR_USAGE, "%s wants a number from %g to %g, not '%s'", option, min,
                         max, text);
    *number = (float)value;
    return QS_OK;
}
