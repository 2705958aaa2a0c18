/* Ctrl-C, Ctrl-Break and a closed console are the signals; the system calls their handler in a
 * thread of its own. */
#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <windows.h>

static atomic_int noted, deferred;
static CRITICAL_SECTION writing; /* held while a file is written: a handler that ends waits */

static BOOL WINAPI on_event(DWORD event)
{
    const int number = event == CTRL_C_EVENT ? SIGINT : SIGTERM;
    const int before = atomic_exchange(&noted, number);
    if (before == 0 && atomic_load(&deferred))
        Sleep(500);
    EnterCriticalSection(&writing);
    ExitProcess(128 + (unsigned)(before ? before : number));
    return TRUE;
}

void cli_signals_init(void)
{
    InitializeCriticalSection(&writing);
    SetConsoleCtrlHandler(on_event, TRUE);
}

void cli_signals_defer(void)
{
    atomic_store(&deferred, 1);
}

void cli_signals_resume(void)
{
    atomic_store(&deferred, 0);
}

bool cli_signals_pending(void)
{
    return atomic_load(&noted) != 0;
}

int cli_signals_exit_status(void)
{
    const int number = atomic_load(&noted);
    return 128 + (number ? number : SIGINT);
}

void cli_signals_block(void)
{
    EnterCriticalSection(&writing);
}

void cli_signals_unblock(void)
{
    LeaveCriticalSection(&writing);
}
