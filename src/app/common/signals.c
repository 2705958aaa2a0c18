#include "common/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t noted, deferred_ms;

static void on_signal(int number)
{
    if (noted)
        _exit(128 + noted); /* the second one, or the time is up (SIGALRM) */
    if (!deferred_ms)
        _exit(128 + number);
    noted = number;
    const struct timeval after = { deferred_ms / 1000, deferred_ms % 1000 * 1000 };
    setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = after }, NULL);
}

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGALRM);
    return set;
}

void app_signals_init(void)
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

void app_signals_defer(unsigned ms)
{
    deferred_ms = (sig_atomic_t)ms;
}

void app_signals_resume(void)
{
    deferred_ms = 0;
}

bool app_signals_pending(void)
{
    return noted != 0;
}

int app_signals_exit_status(void)
{
    return 128 + (noted ? noted : SIGINT);
}

void app_signals_block(void)
{
    const sigset_t set = stop_signals();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

void app_signals_unblock(void)
{
    const sigset_t set = stop_signals();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}
