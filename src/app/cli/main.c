/* quickstep: the command line. Errors are one line; the exit status is the qs_status. */
#include "commands.h"
#include "common/log.h"
#include "common/output.h"
#include "progress.h"
#include "common/signals.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

static const cli_command *const commands[] = {
    &cli_sample,  &cli_grid,    &cli_walk,    &cli_metadata, &cli_encode, &cli_decode,   &cli_embed,
    &cli_forward, &cli_devices, &cli_inspect, &cli_tune,     &cli_bench,  &cli_selftest,
#ifdef HAVE_SERVE
    &cli_serve,
#endif
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_usage(void)
{
    printf("quickstep %s: few-step image generation on any Vulkan device\n\n"
           "Usage: quickstep COMMAND [OPTION...]\n\nCommands:\n",
           qs_version());
    for (int i = 0; i < COMMAND_COUNT; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n"
           "  quickstep help COMMAND   a command's options (also: quickstep COMMAND --help)\n"
           "  quickstep --help         this help\n"
           "  quickstep --help-debug   the words of the variable QUICKSTEP_DEBUG\n"
           "  quickstep --version      the version\n"
           "\n"
           "Models are looked for by name in $QUICKSTEP_MODELS (folders with : between) and where\n"
           "the program came with them.\n"
           "\n"
           "Exit status: 0 done, 1 other errors, 2 usage, 3 bad model file, 4 no suitable device,\n"
           "5 out of memory, 6 device lost or timed out, 7 the picture failed its check, 8 cannot\n"
           "write, 130 and 143 stopped by SIGINT and SIGTERM.\n");
}

static qs_status find_command(const char *name, const cli_command **command)
{
    cli_nearest nearest = { .word = name };
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            *command = commands[i];
            return QS_OK;
        }
        cli_nearest_try(&nearest, commands[i]->name);
    }
    if (nearest.best)
        return app_error(QS_ERROR_USAGE, "there is no command '%s'; did you mean '%s'?", name,
                         nearest.best);
    return app_error(QS_ERROR_USAGE, "there is no command '%s'; see 'quickstep --help'", name);
}

/* --help, --version and the like, which come without a command. */
static qs_status run_program_option(const char *option)
{
    if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0)
        print_usage();
    else if (strcmp(option, "--version") == 0)
        printf("quickstep %s\n", qs_version());
    else if (strcmp(option, "--help-debug") == 0)
        printf("%s", qs_debug_help());
    else
        return app_error(QS_ERROR_USAGE,
                         "the option %s needs a command in front of it; "
                         "see 'quickstep --help'",
                         option);
    return QS_OK;
}

static qs_status run_help(int argc, char **argv)
{
    const cli_command *command;
    if (argc < 2) {
        print_usage();
        return QS_OK;
    }
    const qs_status status = find_command(argv[1], &command);
    if (status == QS_OK)
        cli_print_help(command);
    return status;
}

static qs_status run(int argc, char **argv)
{
    if (argc < 2)
        return app_error(QS_ERROR_USAGE, "what is to be done? See 'quickstep --help'");
    if (argv[1][0] == '-')
        return run_program_option(argv[1]);
    if (strcmp(argv[1], "help") == 0)
        return run_help(argc - 1, argv + 1);
    const cli_command *command;
    const qs_status status = find_command(argv[1], &command);
    return status == QS_OK ? cli_run(command, argc - 1, argv + 1) : status;
}

int main(int argc, char **argv)
{
    app_output_init();
    setlocale(LC_CTYPE, "");
    app_signals_init();
    app_log_to_stderr("quickstep", QS_LOG_INFO);
    cli_progress_init();

    qs_status status = run(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (status == QS_OK)
            status = app_error(QS_ERROR_WRITE, "standard output: %s", strerror(errno));
    }
    cli_progress_clear();
    if (status == QS_CANCELLED)
        return app_signals_exit_status();
    if (status != QS_OK)
        fprintf(stderr, "quickstep: %s\n", app_error_message());
    return status;
}
