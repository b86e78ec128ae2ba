/* SPDX-License-Identifier: MIT */
/* copies.h - the same library many times: copies in the working directory are other libraries to the loader. */
#ifndef AP_TORTURE_COPIES_H
#define AP_TORTURE_COPIES_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "victim.h"

/* Loads copy @n of @path as a library of its own. Its file stays: who reports needs it. Return: its handle; NULL: the
 * loader will not. */
static inline UNTRACED void *load_copy(const char *path, int n)
{
	char name[64];
	char bytes[65536];
	ssize_t got;

	snprintf(name, sizeof(name), "./copy-%d.so", n);
	const int from = open(path, O_RDONLY | O_CLOEXEC);
	const int to = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)got) != got)
			abort();
	close(from);
	close(to);
	return dlopen(name, RTLD_NOW);
}

#endif
