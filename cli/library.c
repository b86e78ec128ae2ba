/* SPDX-License-Identifier: MIT */
/* cli/library.c - see library.h. */
#include "cli/library.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libautoprof.so"

/* Relative ones begin at the program's directory. AP_LIBDIR_BELOW_PREFIX is
 * "lib/x86_64-linux-gnu" or so. */
static const char *const places[] = {
	LIBRARY,
	"../lib/" LIBRARY,
	"../" AP_LIBDIR_BELOW_PREFIX "/" LIBRARY,
	AP_LIBDIR "/" LIBRARY,
};

static int program_directory(char *ret, size_t size)
{
	const ssize_t n = readlink("/proc/self/exe", ret, size - 1);

	if (n <= 0) {
		return -ENOENT;
	}
	ret[n] = 0;
	*strrchr(ret, '/') = 0;
	return 0;
}

int ap_library_find(char *ret, size_t size)
{
	char dir[PATH_MAX], path[2 * PATH_MAX], real[PATH_MAX];

	if (program_directory(dir, sizeof(dir)) < 0) {
		dir[0] = 0;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const bool absolute = places[i][0] == '/';
		snprintf(path, sizeof(path), "%s%s%s", absolute ? "" : dir, absolute ? "" : "/",
			 places[i]);
		if (realpath(path, real) && access(real, R_OK) == 0 && strlen(real) < size) {
			strcpy(ret, real);
			return 0;
		}
	}
	return -ENOENT;
}
