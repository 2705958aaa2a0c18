/* Ctrl-C, Ctrl-Break and a closed console are the signals; the system calls their handler in a
 * thread of its own. */
#include "common/signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <windows.h>

static atomic_int noted, deferred_ms;
static SRWLOCK writing = SRWLOCK_INIT; /* held while a file is written: a handler that ends waits */

static BOOL WINAPI on_event(DWORD event)
{
    const int number = event == CTRL_C_EVENT ? SIGINT : SIGTERM;
    const int before = atomic_exchange(&noted, number);
    if (before == 0)
        Sleep((DWORD)atomic_load(&deferred_ms));
    AcquireSRWLockExclusive(&writing);
    ExitProcess(128 + (unsigned)(before ? before : number));
    return TRUE;
}

void app_signals_init(void)
{
    SetConsoleCtrlHandler(on_event, TRUE);
}

void app_signals_defer(unsigned ms)
{
    atomic_store(&deferred_ms, (int)ms);
}

void app_signals_resume(void)
{
    atomic_store(&deferred_ms, 0);
}

bool app_signals_pending(void)
{
    return atomic_load(&noted) != 0;
}

int app_signals_exit_status(void)
{
    const int number = atomic_load(&noted);
    return 128 + (number ? number : SIGINT);
}

void app_signals_block(void)
{
    AcquireSRWLockExclusive(&writing);
}

void app_signals_unblock(void)
{
    ReleaseSRWLockExclusive(&writing);
}
