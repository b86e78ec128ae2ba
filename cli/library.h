/* SPDX-License-Identifier: MIT */
/* cli/library.h - where libautoprof.so is, seen from the running `autoprof`. */
#ifndef AP_CLI_LIBRARY_H
#define AP_CLI_LIBRARY_H

#include <stddef.h>

/** ap_library_find() - absolute path of libautoprof.so: beside the program (a build tree), in a
 * lib directory relative to it (an installed tree, wherever it was moved), or where it was
 * configured to be.
 * Return: 0 or -ENOENT. */
int ap_library_find(char *ret, size_t size);

#endif
