/* Removing a file so that a file system that writes in place has its octets no more: written over, synced, unlinked. Flash may keep
 * what it wrote elsewhere; what must not be read there is sealed for a key that goes the same way. Any thread. */
#ifndef WAYSIDE_RSU_LEARNING_ERASE_H
#define WAYSIDE_RSU_LEARNING_ERASE_H

#include "base/error.h"

/* A file that is not there is erased. The folder is not synced (dir_sync). */
WARN_UNUSED int file_erase(const char *path, struct ws_err *err);

#endif
