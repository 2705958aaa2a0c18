/* One folder for a test's files: create_folder and remove_folder are its setup and teardown, or its
 * group's. Include it first, as temporary.h. */
#ifndef QS_TESTS_HARNESS_FOLDER_H
#define QS_TESTS_HARNESS_FOLDER_H

#include "temporary.h"

static char *folder;

static inline int create_folder(void **state)
{
    (void)state;
    folder = temporary_create();
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    temporary_remove(folder);
    return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, create_folder, remove_folder)

#endif
