#include "signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t noted, deferred;

static void on_signal(int number)
{
    if (noted)
        _exit(128 + noted); /* the second one, or the time is up (SIGALRM) */
    if (!deferred)
        _exit(128 + number);
    noted = number;
    setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_usec = 500000 }, NULL);
}

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

void cli_signals_init(void)
{
    struct sigaction action = { .sa_handler = on_signal,
                                .sa_mask = stop_signals(),
                                .sa_flags = SA_RESTART };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void cli_signals_defer(void)
{
    deferred = 1;
}

void cli_signals_resume(void)
{
    deferred = 0;
}

bool cli_signals_pending(void)
{
    return noted != 0;
}

int cli_signals_exit_status(void)
{
    return 128 + (noted ? noted : SIGINT);
}

void cli_signals_block(void)
{
    const sigset_t set = stop_signals();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

void cli_signals_unblock(void)
{
    const sigset_t set = stop_signals();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}
