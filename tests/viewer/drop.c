/*
 * Drags a file onto a window and drops it there, as a file manager does: an XDND source (version
 * 5).
 *
 *     drop WINDOW X Y PATH      X, Y: of the root window
 *
 * Exit status: 0 the window took it, 1 it refused, 2 something else.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xcb/xcb.h>

static xcb_connection_t *display;
static xcb_window_t source, target;

static xcb_atom_t atom(const char *name)
{
    xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(
        display, xcb_intern_atom(display, 0, (uint16_t)strlen(name), name), NULL);
    const xcb_atom_t value = reply ? reply->atom : XCB_ATOM_NONE;
    free(reply);
    return value;
}

static void tell(const char *type, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    const xcb_client_message_event_t message = { .response_type = XCB_CLIENT_MESSAGE,
                                                 .format = 32,
                                                 .window = target,
                                                 .type = atom(type),
                                                 .data.data32 = { source, a, b, c, d } };
    xcb_send_event(display, 0, target, XCB_EVENT_MASK_NO_EVENT, (const char *)&message);
    xcb_flush(display);
}

/* "file:///a%20b\r\n" */
static char *uri_of(const char *path)
{
    char *uri = malloc(3 * strlen(path) + 16), *to = uri;
    if (!uri)
        exit(2);
    to += sprintf(to, "file://");
    for (; *path; path++)
        to += sprintf(to, strchr(" %#?", *path) || *path & 0x80 ? "%%%02X" : "%c",
                      (unsigned char)*path);
    sprintf(to, "\r\n");
    return uri;
}

/* What is dragged, for whoever asks. */
static void hand_over(const xcb_selection_request_event_t *asked, const char *uri)
{
    const xcb_selection_notify_event_t notify = { .response_type = XCB_SELECTION_NOTIFY,
                                                  .time = asked->time,
                                                  .requestor = asked->requestor,
                                                  .selection = asked->selection,
                                                  .target = asked->target,
                                                  .property = asked->property };
    xcb_change_property(display, XCB_PROP_MODE_REPLACE, asked->requestor, asked->property,
                        asked->target, 8, (uint32_t)strlen(uri), uri);
    xcb_send_event(display, 0, asked->requestor, XCB_EVENT_MASK_NO_EVENT, (const char *)&notify);
    xcb_flush(display);
}

/* Until the window answers with a message of this type; its second word. */
static uint32_t await(const char *type, const char *uri)
{
    const xcb_atom_t wanted = atom(type);
    for (;;) {
        xcb_generic_event_t *event = xcb_wait_for_event(display);
        if (!event)
            exit(2);
        const uint8_t kind = event->response_type & 0x7f;
        const xcb_client_message_event_t *message = (const xcb_client_message_event_t *)event;
        if (kind == XCB_SELECTION_REQUEST)
            hand_over((const xcb_selection_request_event_t *)event, uri);
        const bool found = kind == XCB_CLIENT_MESSAGE && message->type == wanted;
        const uint32_t answer = found ? message->data.data32[1] : 0;
        free(event);
        if (found)
            return answer;
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    alarm(60); /* for an answer */
    display = xcb_connect(NULL, NULL);
    if (xcb_connection_has_error(display))
        return 2;
    const xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(display)).data;
    const uint32_t x = (uint32_t)atoi(argv[2]), y = (uint32_t)atoi(argv[3]);
    char *uri = uri_of(argv[4]);
    target = (xcb_window_t)strtoul(argv[1], NULL, 0);
    source = xcb_generate_id(display);
    xcb_create_window(display, XCB_COPY_FROM_PARENT, source, screen->root, 0, 0, 1, 1, 0,
                      XCB_WINDOW_CLASS_INPUT_OUTPUT, screen->root_visual, 0, NULL);
    xcb_set_selection_owner(display, source, atom("XdndSelection"), XCB_CURRENT_TIME);
    tell("XdndEnter", 5u << 24, atom("text/uri-list"), 0, 0);
    tell("XdndPosition", 0, x << 16 | y, XCB_CURRENT_TIME, atom("XdndActionCopy"));
    const bool takes = await("XdndStatus", uri) & 1;
    tell(takes ? "XdndDrop" : "XdndLeave", 0, XCB_CURRENT_TIME, 0, 0);
    /* bit 0 says whether; GLFW 3.3.8 puts the number of bytes that it read here */
    const bool taken = takes && await("XdndFinished", uri) != 0;
    free(uri);
    xcb_disconnect(display);
    return taken ? 0 : 1;
}
