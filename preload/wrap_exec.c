/* SPDX-License-Identifier: MIT */
/* preload/wrap_exec.c - the exec family: the profile of this image ends here, unless exec fails.
 *
 * The environment is passed through as it is. libc's own functions call each other without us, so every
 * entry point is wrapped; no allocation: a vfork child runs in its parent's memory. */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "preload/real.h"

static int done(int result)
{
	const int saved = errno;
	ap_end_exec(false);
	errno = saved;
	return result;
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	ap_end_exec(true);
	return done(AP_REAL(execve)(path, argv, envp));
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	ap_end_exec(true);
	return done(AP_REAL(execvpe)(file, argv, envp));
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	ap_end_exec(true);
	return done(AP_REAL(fexecve)(fd, argv, envp));
}

EXPORT int execveat(int directory, const char *path, char *const argv[], char *const envp[],
		    int flags)
{
	ap_end_exec(true);
	return done(AP_REAL(execveat)(directory, path, argv, envp, flags));
}

/* Arguments up to and with the NULL. */
static size_t count(va_list list)
{
	va_list copy;
	size_t n = 1;
	va_copy(copy, list);
	while (va_arg(copy, char *))
		n++;
	va_end(copy);
	return n;
}

static void collect(char **argv, const char *first, va_list list, size_t n)
{
	argv[0] = (char *)first;
	for (size_t i = 1; i <= n; i++)
		argv[i] = va_arg(list, char *);
}

EXPORT int execl(const char *path, const char *first, ...)
{
	va_list list;
	va_start(list, first);
	const size_t n = count(list);
	char *argv[n + 1];
	collect(argv, first, list, n);
	va_end(list);
	return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
	va_list list;
	va_start(list, first);
	const size_t n = count(list);
	char *argv[n + 1];
	collect(argv, first, list, n);
	va_end(list);
	return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *first, ...)
{
	va_list list;
	va_start(list, first);
	const size_t n = count(list);
	char *argv[n + 1];
	collect(argv, first, list, n);
	char *const *envp = va_arg(list, char *const *);
	va_end(list);
	return execve(path, argv, envp);
}
