/* As "PNG", which browsers and image editors read; they see the transparency, too. */
#include "viewer/clipboard.h"

#include <string.h>
#include <windows.h>

static HGLOBAL copy(const uint8_t *bytes, size_t size)
{
    HGLOBAL memory = GlobalAlloc(GMEM_MOVEABLE, size);
    void *to = memory ? GlobalLock(memory) : NULL;
    if (to)
        memcpy(to, bytes, size);
    if (to)
        GlobalUnlock(memory);
    return memory;
}

qs_status clipboard_put_png(const uint8_t *bytes, size_t size)
{
    const UINT format = RegisterClipboardFormatA("PNG");
    HGLOBAL memory = copy(bytes, size);
    if (!memory)
        return app_error(QS_ERROR_MEMORY, "no memory for the clipboard");
    const bool open = OpenClipboard(GetActiveWindow()); /* nobody's could not be filled */
    const bool put = open && EmptyClipboard() && SetClipboardData(format, memory);
    if (open)
        CloseClipboard();
    if (put)
        return QS_OK; /* the memory is the system's now */
    GlobalFree(memory);
    return app_error(QS_ERROR_OTHER, "the clipboard is in use: try again");
}
